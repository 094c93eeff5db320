package trust_test

import (
	"slices"
	"testing"

	"cloudpki/internal/trust"
)

func TestPKCS7(t *testing.T) {
	b := sample(t)
	out := run(t, "openssl", "pkcs7", "-inform", "DER", "-print_certs", "-in", saved(t, write(t, "p7b", b, trust.Options{})))
	equal(t, parsePEM(t, out), slices.Concat(b.Roots, b.Intermediates)...)
}
