package config

import (
	"slices"
	"strconv"
	"strings"
)

// validateConsole checks where people sign in.
func (c Config) validateConsole(f *Faults) {
	var issuers, names []string
	for i, p := range c.Console.Providers {
		path := "console.providers[" + strconv.Itoa(i) + "]"
		if p.ClientID == "" {
			f.add(path+".client_id", "must be set")
		}
		switch name := strings.ToLower(p.Name); {
		case p.Name == "":
			f.add(path+".name", "must be set")
		case slices.Contains(names, name):
			f.add(path+".name", "%q is the name of another provider too", p.Name)
		default:
			names = append(names, name)
		}
		if slices.Contains(issuers, p.Issuer) {
			f.add(path+".issuer", "%q is listed twice", p.Issuer)
		}
		issuers = append(issuers, p.Issuer)
		c.validateConsoleIssuer(f, path+".issuer", p.Issuer)
		p.validateCredential(f, path)
		if !slices.Contains(strings.Fields(p.Scope), "openid") {
			f.add(path+".scope", "must hold openid, or nobody vouches for the person")
		}
	}
}

// validateConsoleIssuer checks that an issuer is trusted, and can be asked about
// itself.
func (c Config) validateConsoleIssuer(f *Faults, path, issuer string) {
	var trusted []string
	for _, is := range c.Auth.Issuers {
		trusted = append(trusted, is.Issuer)
	}
	n := slices.Index(trusted, issuer)
	switch {
	case n < 0:
		f.add(path, "%q is not in auth.issuers%s", issuer, suggestion("", issuer, trusted))
	case strings.Contains(issuer, "{tenantid}") && c.Auth.Issuers[n].DiscoveryURI == "":
		f.add("auth.issuers["+strconv.Itoa(n)+"].discovery_uri", "must be set, because an issuer with {tenantid} has no address of its own and people sign in there")
	}
}

// validateCredential checks what proves the console to the provider.
func (p ConsoleProvider) validateCredential(f *Faults, path string) {
	switch {
	case p.SecretFile != "" && p.CertificateFile != "":
		f.add(path+".secret_file", "contradicts certificate_file; set one of them")
	case p.CertificateFile != "" && p.KeyFile == "":
		f.add(path+".key_file", "must be set when certificate_file is")
	case p.CertificateFile == "" && p.KeyFile != "":
		f.add(path+".certificate_file", "must be set when key_file is")
	case p.CertificateFile != "":
		publicFile(f, path+".certificate_file", p.CertificateFile)
		secretFile(f, path+".key_file", p.KeyFile)
	case p.SecretFile != "":
		secretFile(f, path+".secret_file", p.SecretFile)
	}
}
