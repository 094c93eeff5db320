package formats

import (
	"bytes"
	"slices"
	"testing"

	"cloudpki/internal/trust"
)

// Java has all roots as trusted certificates, and OpenSSL reads them.
func opensPKCS12(t *testing.T, w *world) {
	path := w.file(t, whole, "p12")
	w.inJava(t, "PKCS12", path)
	same(t, "openssl pkcs12", inText(run(t, "openssl", "pkcs12", "-nokeys", "-passin", "pass:"+trust.DefaultPassword, "-in", path)), w.roots()...)
}

// Java has all roots as trusted certificates, and can turn the store into the
// form that it prefers.
func opensJKS(t *testing.T, w *world) {
	path := w.file(t, whole, "jks")
	w.inJava(t, "JKS", path)
	turned := path + ".p12"
	keytool(t, "-importkeystore", "-noprompt",
		"-srckeystore", path, "-srcstoretype", "JKS", "-srcstorepass", trust.DefaultPassword,
		"-destkeystore", turned, "-deststoretype", "PKCS12", "-deststorepass", trust.DefaultPassword)
	same(t, "what keytool turned it into", inText(run(t, "openssl", "pkcs12", "-nokeys", "-passin", "pass:"+trust.DefaultPassword, "-in", turned)), w.roots()...)
}

// inJava compares the trusted certificates of a store with the roots.
func (w *world) inJava(t *testing.T, kind, path string) {
	t.Helper()
	out := keytool(t, "-list", "-rfc", "-storetype", kind, "-storepass", trust.DefaultPassword, "-keystore", path)
	same(t, "keytool", inText(out), w.roots()...)
	if got := bytes.Count(out, []byte("Entry type: trustedCertEntry\n")); got != len(w.roots()) {
		t.Errorf("%d entries are trusted in\n%s", got, out)
	}
}

// keytool returns what Java's tool prints.
func keytool(t *testing.T, args ...string) []byte {
	t.Helper()
	return run(t, "keytool", slices.Concat([]string{"-J-Xshare:auto", "-J-XX:TieredStopAtLevel=1", "-J-Duser.language=en"}, args)...)
}
