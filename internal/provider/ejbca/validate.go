package ejbca

import (
	"errors"
	"strings"

	"cloudpki/internal/provider"
)

func validate(c provider.Config) []provider.Problem {
	var found []provider.Problem
	add := func(target string, code provider.Code, msg string) {
		found = append(found, provider.Problem{Target: target, Code: code, Msg: msg})
	}
	if _, err := provider.ParseServiceURI(c.ServiceURI); err != nil {
		add("serviceUri", provider.CodeProtocol, "serviceUri: "+err.Error())
	}
	if c.ServerCAs != nil {
		if _, err := provider.ParseCertificates(c.ServerCAs); err != nil {
			add("serverCertificateAuthorities", provider.CodeTLSServer, "serverCertificateAuthorities holds no readable certificates (PEM or DER)")
		}
	}
	for _, s := range settings() {
		if err := s.Check(c.Settings[s.Name]); err != nil {
			add("providerSettings/"+s.Name, provider.CodeProtocol, s.Name+": "+err.Error())
		}
	}
	return append(found, validateCredentials(c)...)
}

// validateCredentials wants one of the two ways to log in, and not both: which
// one EJBCA took could not be told.
func validateCredentials(c provider.Config) []provider.Problem {
	cred := c.Credentials
	if !cred.Certificate.IsEmpty() {
		return append(certificateProblems(c), both(c)...)
	}
	if c.Settings[settingToken] == "" {
		if cred.UserName == "" && cred.Password.IsEmpty() {
			return []provider.Problem{{Target: "credentials/authenticationCertificate", Code: provider.CodeCredentialInvalid, Msg: "credentials/authenticationCertificate is missing; set it, or a client id and secret with " + settingToken}}
		}
		return []provider.Problem{{Target: "providerSettings/" + settingToken, Code: provider.CodeProtocol, Msg: settingToken + " is missing: EJBCA takes no user name and password itself"}}
	}
	var found []provider.Problem
	if cred.UserName == "" {
		found = append(found, provider.Problem{Target: "credentials/adminUserName", Code: provider.CodeCredentialInvalid, Msg: "adminUserName, the OAuth client id, is missing"})
	}
	if cred.Password.IsEmpty() {
		found = append(found, provider.Problem{Target: "credentials/adminPassword", Code: provider.CodeCredentialInvalid, Msg: "adminPassword, the OAuth client secret, is missing"})
	}
	return found
}

func both(c provider.Config) []provider.Problem {
	if c.Settings[settingToken] == "" {
		return nil
	}
	return []provider.Problem{{Target: "providerSettings/" + settingToken, Code: provider.CodeProtocol, Msg: settingToken + " and a client certificate are both set; remove one of the two"}}
}

func certificateProblems(c provider.Config) []provider.Problem {
	_, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now())
	var e *provider.Error
	if !errors.As(err, &e) {
		return nil
	}
	target := "credentials/authenticationCertificate"
	if strings.HasPrefix(e.Msg, target+"Password") {
		target += "Password"
	}
	return []provider.Problem{{Target: target, Code: e.Code, Msg: e.Msg, Retry: e.Retry, RetryAfter: e.RetryAfter}}
}
