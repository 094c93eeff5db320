package trust_test

import (
	"bytes"
	"testing"

	"cloudpki/internal/trust"
)

// A PEM file holds the roots alone, each once, and no text between them.
func TestPEM(t *testing.T) {
	b := sample(t)
	b.Roots = append(b.Roots, b.Roots[0])
	out := write(t, "pem", b, trust.Options{})
	equal(t, parsePEM(t, out), b.Roots[:3]...)
	if n := bytes.Count(out, []byte("-----\n-----")); n != 2 {
		t.Errorf("%d places where one certificate follows the other in\n%s", n, out)
	}
	equal(t, parsePEM(t, run(t, "openssl", "storeutl", "-certs", saved(t, out))), b.Roots[:3]...)
}
