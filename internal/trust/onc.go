package trust

import "crypto/x509"

// ONC is an Open Network Configuration of Chromium that holds certificates
// alone (onc_spec.md, section Certificates). A root has the trust bit Web,
// which makes it an anchor for TLS; an intermediate has none.
func ONC() Format {
	return Format{
		Ext: "onc", MediaType: "application/x-onc",
		Doc: "For ChromeOS, and for Android by the Android Management API.", Write: writeONC,
	}
}

type oncFile struct {
	Type         string
	Networks     []string `json:"NetworkConfigurations"` // none; readers want the list
	Certificates []oncCertificate
}

type oncCertificate struct {
	GUID      string
	Type      string
	X509      []byte
	TrustBits []string `json:",omitempty"`
}

func writeONC(b Bundle, _ Options) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	file := oncFile{Type: "UnencryptedConfiguration", Networks: []string{}}
	add := func(c *x509.Certificate, bits ...string) {
		file.Certificates = append(file.Certificates, oncCertificate{
			GUID: "{" + b.id(thumbprint(c)) + "}", Type: "Authority", X509: c.Raw, TrustBits: bits,
		})
	}
	for _, c := range Sorted(b.Roots) {
		add(c, "Web")
	}
	for _, c := range b.intermediates() {
		add(c)
	}
	return writeJSON("ONC", file)
}
