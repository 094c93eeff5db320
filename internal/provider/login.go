package provider

// A Login says which members of the credentials a kind of CA takes, in the
// words of that CA, for a form. "" is a member that it has no use for.
type Login struct {
	Doc         string // which of them belong together, in a sentence; "" where it takes none
	User        string // what adminUserName is: "Login name", "OAuth client id"
	Password    string // what adminPassword is: "API key", "Token"
	Certificate string // what the client certificate is: "RA certificate"
}

// Takes reports whether the login has a use for a member of the credentials, as
// clients spell it: "adminPassword".
func (l Login) Takes(member string) bool {
	switch member {
	case "adminUserName":
		return l.User != ""
	case "adminPassword":
		return l.Password != ""
	case "authenticationCertificate", "authenticationCertificatePassword":
		return l.Certificate != ""
	}
	return false
}
