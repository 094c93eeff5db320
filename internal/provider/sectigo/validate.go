package sectigo

import (
	"errors"
	"strings"

	"cloudpki/internal/provider"
)

// The members of the credentials.
const (
	memberUser        = "credentials/adminUserName"
	memberPassword    = "credentials/adminPassword"
	memberCertificate = "credentials/authenticationCertificate"
)

// validate wants a login always, and one of a password and a certificate.
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
		v := c.Settings[s.Name]
		if s.Required && v == "" {
			add("providerSettings/"+s.Name, provider.CodeProtocol, s.Name+" is missing; set the customer URI, such as example in https://cert-manager.com/customer/example")
		} else if err := s.Check(v); err != nil {
			add("providerSettings/"+s.Name, provider.CodeProtocol, s.Name+": "+err.Error())
		}
	}
	if u := c.Credentials.UserName; u == "" || !isField(u) {
		add(memberUser, provider.CodeCredentialInvalid, memberUser+" must be the login of the administrator")
	}
	password, certificate := !c.Credentials.Password.IsEmpty(), !c.Credentials.Certificate.IsEmpty()
	switch {
	case password && certificate:
		add(memberCertificate, provider.CodeCredentialInvalid, memberCertificate+" and adminPassword are both set; a login has one of the two")
	case !password && !certificate:
		add(memberPassword, provider.CodeCredentialInvalid, memberPassword+" is missing; set it, or authenticationCertificate")
	case password && !isField(string(c.Credentials.Password.Reveal())):
		add(memberPassword, provider.CodeCredentialInvalid, memberPassword+" holds characters that the API cannot take: it must be ASCII without blanks at its ends")
	}
	if certificate {
		found = append(found, certificateProblem(c)...)
	}
	return found
}

func certificateProblem(c provider.Config) []provider.Problem {
	_, err := provider.ClientCertificate(c.Credentials.Certificate, c.Credentials.CertificatePassword, c.Now())
	var e *provider.Error
	if !errors.As(err, &e) {
		return nil
	}
	target := memberCertificate
	if strings.HasPrefix(e.Msg, target+"Password") {
		target += "Password"
	}
	return []provider.Problem{{Target: target, Code: e.Code, Msg: e.Msg, Retry: e.Retry, RetryAfter: e.RetryAfter}}
}
