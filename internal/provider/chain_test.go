package provider

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"
	"time"
)

func named(cn string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: cn}
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	}
}

// TLS wants each certificate followed by its signer, without the root.
func TestChain(t *testing.T) {
	root := issue(t, issuer{}, named("Root"))
	upper := issue(t, root, named("Upper"))
	lower := issue(t, upper, named("Lower"))
	leaf := issue(t, lower, func(c *x509.Certificate) { c.Subject.CommonName = "ra.example" })
	namesake := issue(t, issuer{}, named("Lower"))
	stranger := issue(t, root, named("Stranger"))
	self := issue(t, issuer{}, func(c *x509.Certificate) { c.Subject.CommonName = "self" })
	crossA := issue(t, issuer{}, named("A"))
	crossB := issue(t, crossA, named("B"))
	crossA = issuer{issueFor(t, crossB, crossA), crossA.key}
	looped := issue(t, crossA, func(c *x509.Certificate) { c.Subject.CommonName = "looped" })
	for name, tt := range map[string]struct {
		leaf         issuer
		others, want []issuer
	}{
		"in order":                 {leaf, []issuer{lower, upper, root}, []issuer{lower, upper}},
		"in reverse":               {leaf, []issuer{root, upper, lower}, []issuer{lower, upper}},
		"with others":              {leaf, []issuer{stranger, namesake, upper, lower}, []issuer{lower, upper}},
		"twice":                    {leaf, []issuer{lower, lower, upper, upper}, []issuer{lower, upper}},
		"with a gap":               {leaf, []issuer{upper, root}, nil},
		"alone":                    {leaf, nil, nil},
		"signed by root":           {upper, []issuer{root, lower}, nil},
		"self-signed":              {self, []issuer{root, self}, nil},
		"a root":                   {root, []issuer{root, upper}, nil},
		"CAs that sign each other": {looped, []issuer{crossB, crossA}, []issuer{crossA, crossB}},
	} {
		var others []*x509.Certificate
		for _, o := range tt.others {
			others = append(others, o.cert)
		}
		got := chain(tt.leaf.cert, others)
		want := [][]byte{tt.leaf.cert.Raw}
		for _, w := range tt.want {
			want = append(want, w.cert.Raw)
		}
		if len(got) != len(want) || !bytes.Equal(bytes.Join(got, nil), bytes.Join(want, nil)) {
			t.Errorf("%s: %d certificates, want %d, or in another order", name, len(got), len(want))
		}
	}
}

// A file of many certificates of one name must not cost a signature for each.
func TestChainIsBoundedInWork(t *testing.T) {
	var many []*x509.Certificate
	for range 20 {
		many = append(many, issue(t, issuer{}, named("Lower")).cert)
	}
	for len(many) < 20_000 {
		many = append(many, many[:20]...)
	}
	leaf := issue(t, issue(t, issuer{}, named("Lower")), func(c *x509.Certificate) { c.Subject.CommonName = "ra.example" })
	begun := time.Now()
	if got := chain(leaf.cert, many); len(got) != 1 {
		t.Errorf("%d certificates", len(got))
	}
	if took := time.Since(begun); took > 500*time.Millisecond {
		t.Errorf("took %v", took)
	}
}
