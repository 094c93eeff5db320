package formats

import (
	"crypto/x509"
	"errors"
	"net/url"
	"os/exec"
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
