package published_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/published"
)

// An issuer is a CA certificate with its key.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newIssuer makes a CA under parent, or a root.
func newIssuer(t testing.TB, name string, parent *issuer) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	out := &issuer{key: key}
	template := authority(name)
	if parent == nil {
		parent = &issuer{template, key}
	}
	out.cert = parent.sign(t, template, key)
	return out
}

func authority(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func (i *issuer) sign(t testing.TB, template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = serial, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, key.Public(), i.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// cross returns a certificate of i for the name and key of another CA.
func (i *issuer) cross(t testing.TB, other *issuer) *x509.Certificate {
	t.Helper()
	return i.sign(t, authority(other.cert.Subject.CommonName), other.key)
}

func TestArrange(t *testing.T) {
	t.Parallel()
	root, old := newIssuer(t, "Root", nil), newIssuer(t, "Old", nil)
	next := newIssuer(t, "Old", nil) // the successor of a root keeps its name
	policy := newIssuer(t, "Policy", root)
	issuing, under := newIssuer(t, "Issuing", root), newIssuer(t, "Under", policy)
	underNext := newIssuer(t, "Under Next", next)
	leaf := issuing.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Leaf"}}, root.key)
	x, y := newIssuer(t, "X", nil), newIssuer(t, "Y", nil)
	for name, test := range map[string]struct {
		certs []*x509.Certificate
		want  []string // issuer < chain < root
		stray []string
	}{
		"one":                        {list(root.cert, issuing.cert), []string{"Issuing < Root"}, nil},
		"in any order, and twice":    {list(issuing.cert, root.cert, issuing.cert), []string{"Issuing < Root"}, nil},
		"a path between":             {list(under.cert, policy.cert, root.cert), []string{"Under < Policy < Root", "Policy < Root"}, nil},
		"a root that issues alone":   {list(root.cert), []string{" < Root"}, nil},
		"two roots":                  {list(root.cert, old.cert, issuing.cert), []string{"Issuing < Root", " < Old"}, nil},
		"a certificate of no CA":     {list(root.cert, issuing.cert, leaf), []string{"Issuing < Root"}, nil},
		"without a root":             {list(under.cert, policy.cert), []string{"Under < Policy < -", "Policy < -"}, nil},
		"an issuer that hangs":       {list(old.cert, issuing.cert), []string{" < Old"}, []string{"Issuing"}},
		"two that sign each other":   {list(root.cert, x.cross(t, y), y.cross(t, x)), []string{" < Root"}, []string{"Y", "X"}},
		"NewWithOld of another name": {list(root.cert, old.cert, old.cross(t, root), issuing.cert), []string{" < Root < Old", "Issuing < Root", " < Old"}, nil},
		"NewWithOld and OldWithNew":  {list(next.cert, old.cert, old.cross(t, next), next.cross(t, old), underNext.cert), []string{" < Old < Old", " < Old < Old", "Under Next < Old", " < Old"}, nil},
		"NewWithOld, old root gone":  {list(root.cert, old.cross(t, root), issuing.cert), []string{" < Root < -", "Issuing < Root"}, nil},
		"an issuer signed twice":     {list(root.cert, old.cert, issuing.cert, old.cross(t, issuing)), []string{"Issuing < Root", " < Issuing < Old", " < Old"}, nil},
		"nothing":                    {nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, stray := published.Arrange(test.certs, provider.IsRoot)
			var got []string
			for _, a := range found {
				got = append(got, tell(t, a))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			var strays []string
			for _, c := range stray {
				strays = append(strays, c.Subject.CommonName)
			}
			if diff := cmp.Diff(test.stray, strays); diff != "" {
				t.Errorf("stray (-want +got):\n%s", diff)
			}
		})
	}
}

func list(certs ...*x509.Certificate) []*x509.Certificate { return certs }

// tell writes an authority as its names, and checks each signature.
func tell(t *testing.T, a provider.Authority) string {
	t.Helper()
	path := slices.Clone(a.Chain)
	names := []string{""}
	if a.Issuing != nil {
		names[0] = a.Issuing.Subject.CommonName
		path = append([]*x509.Certificate{a.Issuing}, path...)
	}
	for _, c := range a.Chain {
		names = append(names, c.Subject.CommonName)
	}
	if a.Root == nil {
		names = append(names, "-")
	} else {
		names = append(names, a.Root.Subject.CommonName)
		path = append(path, a.Root)
	}
	for i := range len(path) - 1 {
		if err := path[i].CheckSignatureFrom(path[i+1]); err != nil {
			t.Errorf("%s was not signed by the next: %v", path[i].Subject, err)
		}
	}
	return strings.Join(names, " < ")
}

// Many certificates of one name cost little.
func TestArrangeIsBounded(t *testing.T) {
	t.Parallel()
	var certs []*x509.Certificate
	a := newIssuer(t, "Same", nil)
	b := &issuer{authority("Same"), newIssuer(t, "Same", nil).key}
	for range 64 {
		certs = append(certs, b.sign(t, authority("Same"), a.key))
	}
	if found, stray := published.Arrange(certs, provider.IsRoot); len(found)+len(stray) != len(certs) {
		t.Errorf("%d authorities and %d strays out of %d", len(found), len(stray), len(certs))
	}
}
