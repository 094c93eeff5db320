package formats

import (
	"path/filepath"
	"testing"
)

// OpenSSL verifies the signature; what is signed meets Apple's declarations of
// property lists, and Python reads roots and intermediate out of it.
func opensMobileConfig(t *testing.T, w *world) {
	profile := saved(t, run(t, "openssl", "cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-no-CApath", "-no-CAstore",
		"-CAfile", saved(t, inPEM(w.above.cert)), "-in", w.file(t, whole, "mobileconfig")))
	run(t, "xmllint", "--nonet", "--noout", "--dtdvalid", filepath.Join("testdata", "plist.dtd"), profile)
	var roots, others []string
	for words := python(t, "profile.py", profile); len(words) > 1; words = words[2:] {
		switch words[0] {
		case "com.apple.security.root":
			roots = append(roots, words[1])
		case "com.apple.security.pkcs1":
			others = append(others, words[1])
		default:
			t.Errorf("a payload is a %s", words[0])
		}
	}
	same(t, "roots", roots, w.roots()...)
	same(t, "intermediates", others, w.intermediate.cert)
}
