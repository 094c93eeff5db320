package formats

import (
	"crypto/x509"
	"errors"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Python, curl, OpenSSL and Go trust the CA's server by the roots, and do not
// by a bundle without its root.
func opensPEM(t *testing.T, w *world) {
	path := w.file(t, whole, "pem")
	site, err := url.Parse(w.site.URL)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "Python's ssl", python(t, "tls.py", path, site.Hostname(), site.Port()), w.roots()...)

	curl := func(bundle string) error {
		return exec.CommandContext(t.Context(), "curl", "-q", "--silent", "--fail", "--noproxy", "*", "--cacert", bundle, w.site.URL+"/plain.pem").Run()
	}
	if err := curl(path); err != nil {
		t.Errorf("curl: %v", err)
	}
	const untrusted = 60 // of curl: the peer's certificate is not to be trusted
	var exit *exec.ExitError
	if err := curl(w.file(t, single, "pem")); !errors.As(err, &exit) || exit.ExitCode() != untrusted {
		t.Errorf("curl by a bundle without the root: %v", err)
	}

	verified := run(t, "openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", path, "-untrusted", saved(t, inPEM(w.intermediate.cert)), saved(t, inPEM(w.server.cert)))
	if !strings.HasSuffix(string(verified), ": OK\n") {
		t.Errorf("openssl verify: %s", verified)
	}

	got, want, between := x509.NewCertPool(), x509.NewCertPool(), x509.NewCertPool()
	if !got.AppendCertsFromPEM(content(t, path)) {
		t.Error("Go finds no certificate")
	}
	for _, root := range w.roots() {
		want.AddCert(root)
	}
	if !got.Equal(want) {
		t.Error("Go finds other certificates")
	}
	between.AddCert(w.intermediate.cert)
	if _, err := w.server.cert.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: got, Intermediates: between}); err != nil {
		t.Errorf("Go: %v", err)
	}
}

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

// OpenSSL and keytool read roots and intermediate.
func opensPKCS7(t *testing.T, w *world) {
	path := w.file(t, whole, "p7b")
	same(t, "openssl pkcs7", inText(run(t, "openssl", "pkcs7", "-inform", "DER", "-print_certs", "-in", path)), w.all()...)
	same(t, "openssl cms", inText(run(t, "openssl", "cms", "-cmsout", "-noout", "-inform", "DER", "-certsout", "/dev/stdout", "-in", path)), w.all()...)
	same(t, "keytool", inText(keytool(t, "-printcert", "-rfc", "-file", path)), w.all()...)
}

// keytool returns what Java's tool prints.
func keytool(t *testing.T, args ...string) []byte {
	t.Helper()
	return run(t, "keytool", slices.Concat([]string{"-J-Xshare:auto", "-J-XX:TieredStopAtLevel=1", "-J-Duser.language=en"}, args)...)
}
