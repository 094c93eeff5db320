// Package symantec is the client of DigiCert PKI Platform 8, born as Symantec
// Managed PKI 8: SOAP 1.1 over TLS with a client certificate (RA certificate).
// It reads the issuing CAs with their roots and the list of issued
// certificates. The user name is not used: these services know administrators
// by certificate alone. Where the credentials have a password and no
// certificate, the password is an API key, and the REST service of the same
// platform is called (rest.go), which tells less.
//
// Names, namespaces and element orders are those of the vendor's WSDL and XSD;
// what those leave open follows clients that are in use.
package symantec

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cloudpki/internal/provider"
)

// The settings of the kind.
const (
	settingProfiles = "profileOIDs"
	settingAccount  = "accountId"
	settingChain    = "chainCertificates"
)

// Kind returns the kind "symantec".
func Kind() provider.Kind {
	return provider.Kind{
		Name:       "symantec",
		Title:      "DigiCert PKI Platform 8 (Symantec)",
		DefaultURI: "https://pki-ws.symauth.com/pki-ws/",
		Settings: []provider.Setting{
			{
				Name:    settingProfiles,
				Type:    provider.SettingList,
				Doc:     "Certificate profiles to follow, as OIDs separated by commas; all of the account where absent.",
				Example: "2.16.840.1.113733.1.16.1.2.3.1.1.81234567",
				Check:   func(v string) error { _, err := profiles(v); return err },
			},
			{
				Name:    settingAccount,
				Type:    provider.SettingText,
				Doc:     "Account whose certificates are listed, where the client certificate serves several.",
				Example: "81234567",
				Check:   checkAccount,
			},
			{
				Name:    settingChain,
				Type:    provider.SettingText,
				Doc:     "Certificates above the issuing CAs up to the root, PEM. Needed where an API key is all there is: the REST service tells the issuing CA alone.",
				Example: exampleChain,
				Check:   func(v string) error { _, err := chainCertificates(v); return err },
			},
		},
		// The service can filter by validity, and so could be followed by
		// windows; it cannot filter by change. Only full scans are built.
		Login:    provider.Login{Doc: "The RA certificate, or an API key alone.", Password: "API key", Certificate: "RA certificate"},
		Can:      provider.Capabilities{Authorities: true, Profiles: true, Issue: true, Revoke: true, Inventory: provider.InventoryFull},
		Validate: validate,
		Open:     open,
	}
}

// exampleChain is a root certificate of nobody's.
const exampleChain = `-----BEGIN CERTIFICATE-----
MIIBTjCB9aADAgECAgEBMAoGCCqGSM49BAMCMA8xDTALBgNVBAMTBFJvb3QwHhcN
MjYwMTAxMDAwMDAwWhcNNDYwMTAxMDAwMDAwWjAPMQ0wCwYDVQQDEwRSb290MFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3TGHJvAXzOBnQa/nXxHPC+qtBo1lwN6m
jWtgDVms/Mi5GW2tyvcZCNB2N2xMexvoDZf6sLRXRfHcU90xCG97jKNCMEAwDgYD
VR0PAQH/BAQDAgIEMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFCfCt8FYViXS
vhj7zUKnnahm3DidMAoGCCqGSM49BAMCA0gAMEUCIQDIaPYWHFLjoWsS8gibN1l6
WgjKagZSPrjaTdTpgMDjpwIgZ0HMJ03A+w+2m3dT/+WV1VC7rlOsgr+xTU1o4xIt
mJs=
-----END CERTIFICATE-----`

// profiles reads the setting profileOIDs. The shape is checked loosely, as the
// vendor tells of none: the arc of Symantec's PKI and four to seven numbers.
func profiles(v string) ([]string, error) {
	shape := regexp.MustCompile(`^2\.16\.840\.1\.113733\.1\.16\.1(\.(0|[1-9]\d{0,17})){4,7}$`)
	var oids []string
	for _, oid := range strings.Split(v, ",") {
		oid = strings.TrimSpace(oid)
		switch {
		case oid == "":
		case !shape.MatchString(oid):
			return nil, fmt.Errorf("%q is not the OID of a certificate profile", provider.Clean(oid, 80))
		case !slices.Contains(oids, oid):
			oids = append(oids, oid)
		}
	}
	if len(oids) > 1000 {
		return nil, errors.New("more than 1000 profiles")
	}
	return oids, nil
}

func checkAccount(v string) error {
	if len(v) > 64 || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("is not an account number")
	}
	return nil
}

func validate(c provider.Config) []provider.Problem {
	if usesREST(c) {
		return slices.DeleteFunc(validateSOAP(c), func(p provider.Problem) bool {
			return strings.HasPrefix(p.Target, "credentials/authenticationCertificate")
		})
	}
	return validateSOAP(c)
}

func validateSOAP(c provider.Config) []provider.Problem {
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
	for _, s := range Kind().Settings {
		if err := s.Check(c.Settings[s.Name]); err != nil {
			add("providerSettings/"+s.Name, provider.CodeProtocol, s.Name+": "+err.Error())
		}
	}
	var e *provider.Error
	if _, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now()); errors.As(err, &e) {
		target := "credentials/authenticationCertificate"
		if strings.HasPrefix(e.Msg, target+"Password") {
			target += "Password"
		}
		found = append(found, provider.Problem{Target: target, Code: e.Code, Msg: e.Msg, Retry: e.Retry, RetryAfter: e.RetryAfter})
	}
	return found
}

func open(_ context.Context, c provider.Config) (provider.Session, error) {
	if usesREST(c) {
		return openREST(c)
	}
	base, err := provider.ParseServiceURI(c.ServiceURI)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "serviceUri: " + err.Error()}
	}
	oids, err := profiles(c.Settings[settingProfiles])
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProfileUnknown, Msg: settingProfiles + ": " + err.Error()}
	}
	cert, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now())
	if err != nil {
		return nil, err
	}
	client, err := c.Transport.Client(provider.ClientOptions{ServerCAs: c.ServerCAs, Certificate: &cert})
	if err != nil {
		return nil, err
	}
	return &session{
		client: client, base: base, profiles: oids, account: c.Settings[settingAccount], now: c.Now,
		subject: cert.Leaf.Subject.String(),
		words:   provider.NewCleaner(c.Credentials.Password, c.Credentials.CertificatePassword, c.Credentials.Certificate),
	}, nil
}
