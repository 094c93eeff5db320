package vault

import (
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"strings"

	"cloudpki/internal/provider"
)

// The settings of the kind.
const (
	settingMount      = "mount"
	settingNamespace  = "namespace"
	settingIssuer     = "issuer"
	settingAuthMethod = "authMethod"
	settingAuthMount  = "authMount"
	settingAuthRole   = "authRole"
	settingRoot       = "rootCertificate"
	settingRole       = "role"
)

// The methods of logging in, as Vault names them.
const (
	methodToken    = "token"
	methodUserpass = "userpass"
	methodLDAP     = "ldap"
	methodAppRole  = "approle"
	methodCert     = "cert"
)

const (
	defaultMount  = "pki"
	defaultIssuer = "default" // Vault's own word for it
)

func settingList() []provider.Setting {
	return []provider.Setting{
		{Name: settingMount, Type: provider.SettingText, Doc: "Path at which the PKI secrets engine is mounted; pki where absent.", Example: "pki_int", Check: checkPath},
		{Name: settingNamespace, Type: provider.SettingText, Doc: "Namespace of the mounts, for the editions that have namespaces.", Example: "teams/network", Check: checkPath},
		{Name: settingIssuer, Type: provider.SettingText, Doc: "Issuer whose root is trusted, by name or id, or the word default; all issuers of the mount where absent. The inventory is that of the mount.", Example: defaultIssuer, Check: checkName},
		{Name: settingAuthMethod, Type: provider.SettingChoice, Values: []string{methodToken, methodUserpass, methodLDAP, methodAppRole, methodCert}, Doc: "How to log in: token, userpass, ldap, approle or cert. Where absent, a certificate means cert, a user name userpass, a password alone token.", Example: methodAppRole, Check: checkMethod},
		{Name: settingAuthMount, Type: provider.SettingText, Doc: "Path at which the auth method is mounted; the method's name where absent.", Example: "approle", Check: checkPath},
		{Name: settingAuthRole, Type: provider.SettingText, Doc: "Role of the cert auth method to log in to; any that fits where absent.", Example: "cloudpki", Check: checkName},
		{Name: settingRoot, Type: provider.SettingText, Doc: "Root certificate above the mount's issuers, PEM or base64 of DER, where the mount does not have it.", Example: exampleRoot, Check: checkRoot},
		{Name: settingRole, Type: provider.SettingText, Doc: "Role that requests for certificates are signed under where they name no profile.", Example: "devices", Check: checkName},
	}
}

// exampleRoot is a root certificate of nobody's.
const exampleRoot = "MIIBTjCB9aADAgECAgEBMAoGCCqGSM49BAMCMA8xDTALBgNVBAMTBFJvb3QwHhcNMjYwMTAxMDAwMDAwWhcNNDYwMTAxMDAwMDAwWjAPMQ0wCwYDVQQDEwRSb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3TGHJvAXzOBnQa/nXxHPC+qtBo1lwN6mjWtgDVms/Mi5GW2tyvcZCNB2N2xMexvoDZf6sLRXRfHcU90xCG97jKNCMEAwDgYDVR0PAQH/BAQDAgIEMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFCfCt8FYViXSvhj7zUKnnahm3DidMAoGCCqGSM49BAMCA0gAMEUCIQDIaPYWHFLjoWsS8gibN1l6WgjKagZSPrjaTdTpgMDjpwIgZ0HMJ03A+w+2m3dT/+WV1VC7rlOsgr+xTU1o4xItmJs="

// settings are what an admin has set.
type settings struct {
	mount     string // path, each segment escaped
	mountName string // as given, for messages
	namespace string
	issuer    string // "" is all
	method    string
	authMount string            // path, each segment escaped
	authRole  string            // "" is any
	root      *x509.Certificate // nil is none given
	role      string            // that signs where a request names none; "" is none
}

// readSettings takes the settings of a configuration that validate has passed.
func readSettings(c provider.Config) (settings, error) {
	s := settings{
		mountName: strings.Trim(c.Settings[settingMount], "/"),
		namespace: strings.Trim(c.Settings[settingNamespace], "/"),
		issuer:    c.Settings[settingIssuer],
		method:    methodOf(c),
		authRole:  c.Settings[settingAuthRole],
		role:      c.Settings[settingRole],
	}
	if s.mountName == "" {
		s.mountName = defaultMount
	}
	s.mount = escapePath(s.mountName)
	if s.authMount = escapePath(strings.Trim(c.Settings[settingAuthMount], "/")); s.authMount == "" {
		s.authMount = s.method
	}
	var err error
	if text := c.Settings[settingRoot]; text != "" {
		s.root, err = parseRoot(text)
	}
	return s, err
}

// methodOf returns how to log in; "" where the credentials leave it open.
func methodOf(c provider.Config) string {
	hasPassword, hasCertificate := !c.Credentials.Password.IsEmpty(), !c.Credentials.Certificate.IsEmpty()
	switch given := c.Settings[settingAuthMethod]; {
	case given != "":
		return given
	case hasCertificate && hasPassword:
		return ""
	case hasCertificate:
		return methodCert
	case c.Credentials.UserName != "":
		return methodUserpass
	default:
		return methodToken
	}
}

// methodTakes says what a method wants as the name of the user.
func methodTakes(method string) string {
	if method == methodAppRole {
		return "role_id"
	}
	return "name of the user"
}

// token is the token as it was given, less the end of line of a file.
func token(c provider.Config) string {
	return strings.TrimSpace(string(c.Credentials.Password.Reveal()))
}

// isToken reports whether t can stand in a field of a header.
func isToken(t string) bool {
	return t != "" && !strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r > '~' })
}

// maxPath bounds a mount path, a namespace and a name, in bytes.
const maxPath = 512

// checkPath takes paths of mounts and namespaces: segments between slashes.
func checkPath(v string) error {
	for segment := range strings.SplitSeq(strings.Trim(v, "/"), "/") {
		if segment == "" || segment == "." || segment == ".." || len(v) > maxPath || !isToken(strings.ReplaceAll(segment, " ", "")) {
			return errors.New("is not a path such as pki or teams/network/pki")
		}
	}
	return nil
}

// checkName takes names of issuers and roles, which are segments of a path.
func checkName(v string) error {
	if strings.Contains(v, "/") || checkPath(v) != nil {
		return errors.New("is not the name of one")
	}
	return nil
}

func checkMethod(v string) error {
	if !slices.Contains([]string{methodToken, methodUserpass, methodLDAP, methodAppRole, methodCert}, v) {
		return errors.New("is none of token, userpass, ldap, approle and cert")
	}
	return nil
}

func checkRoot(v string) error {
	_, err := parseRoot(v)
	return err
}

func parseRoot(text string) (*x509.Certificate, error) {
	c, _, err := provider.DecodeCertificate(text)
	switch {
	case err != nil:
		return nil, errors.New("is not a certificate (PEM, or base64 of DER)")
	case !provider.IsRoot(c):
		return nil, errors.New("is not a root: a CA certificate that signed itself")
	}
	return c, nil
}

func escapePath(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}
