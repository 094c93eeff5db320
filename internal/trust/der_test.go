package trust_test

import (
	"crypto/x509"
	"errors"
	"testing"

	"cloudpki/internal/trust"
)

func TestDER(t *testing.T) {
	b := sample(t)
	format, _ := trust.Lookup("cer")
	if out, err := format.Write(b, trust.Options{}); !errors.Is(err, trust.ErrSeveralRoots) {
		t.Errorf("three roots: %d bytes, %v", len(out), err)
	}
	root := b.Roots[2]
	b.Roots = []*x509.Certificate{root, root}
	out := run(t, "openssl", "x509", "-inform", "DER", "-in", saved(t, write(t, "cer", b, trust.Options{})))
	equal(t, parsePEM(t, out), root)
}
