package formats

import (
	"testing"
)

// OpenSSL and keytool read roots and intermediate.
func opensPKCS7(t *testing.T, w *world) {
	path := w.file(t, whole, "p7b")
	same(t, "openssl pkcs7", inText(run(t, "openssl", "pkcs7", "-inform", "DER", "-print_certs", "-in", path)), w.all()...)
	same(t, "openssl cms", inText(run(t, "openssl", "cms", "-cmsout", "-noout", "-inform", "DER", "-certsout", "/dev/stdout", "-in", path)), w.all()...)
	same(t, "keytool", inText(keytool(t, "-printcert", "-rfc", "-file", path)), w.all()...)
}
