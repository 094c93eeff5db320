package formats

import (
	"crypto/x509"
	"testing"
)

// OpenSSL, keytool and Go read the one root.
func opensCER(t *testing.T, w *world) {
	path := w.file(t, single, "cer")
	same(t, "openssl x509", inText(run(t, "openssl", "x509", "-inform", "DER", "-in", path)), w.rsa.cert)
	same(t, "keytool", inText(keytool(t, "-printcert", "-rfc", "-file", path)), w.rsa.cert)
	got, err := x509.ParseCertificate(content(t, path))
	if err != nil || !got.Equal(w.rsa.cert) {
		t.Errorf("Go: %v", err)
	}
}
