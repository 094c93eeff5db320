package formats

import (
	"crypto/x509"
	"testing"
)

// The file has the members that Chromium specifies; roots are for the web.
func opensONC(t *testing.T, w *world) {
	var file struct {
		Certificates []struct {
			X509      []byte
			TrustBits []string
		}
	}
	meets(t, "testdata/onc.schema.json", w.fetch(t, whole, "onc"), &file)
	var roots, others []string
	for _, c := range file.Certificates {
		if _, err := x509.ParseCertificate(c.X509); err != nil {
			t.Error(err)
		}
		if len(c.TrustBits) > 0 {
			roots = append(roots, thumbprint(c.X509))
		} else {
			others = append(others, thumbprint(c.X509))
		}
	}
	same(t, "roots", roots, w.roots()...)
	same(t, "intermediates", others, w.intermediate.cert)
}
