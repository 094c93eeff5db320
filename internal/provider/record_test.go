package provider

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"io"
	"math/big"
	"slices"
	"testing"
	"time"
)

// A largeKey is an RSA key of many primes, which are found sooner than two. It
// signs SHA-256 alone (PKCS #1 v1.5, RFC 8017, 9.2).
type largeKey struct {
	public  rsa.PublicKey
	private *big.Int
}

func newLargeKey(t *testing.T, primes int) *largeKey {
	t.Helper()
	one := big.NewInt(1)
	n, phi := big.NewInt(1), big.NewInt(1)
	for range primes {
		p, err := rand.Prime(rand.Reader, 512)
		if err != nil {
			t.Fatal(err)
		}
		n.Mul(n, p)
		phi.Mul(phi, new(big.Int).Sub(p, one))
	}
	k := &largeKey{public: rsa.PublicKey{N: n, E: 65537}}
	if k.private = new(big.Int).ModInverse(big.NewInt(65537), phi); k.private == nil {
		t.Fatal("the primes do not fit the exponent")
	}
	return k
}

func (k *largeKey) Public() crypto.PublicKey { return &k.public }

func (k *largeKey) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	info, err := hex.DecodeString("3031300d060960864801650304020105000420")
	if err != nil {
		return nil, err
	}
	tail := slices.Concat([]byte{0}, info, digest)
	padded := slices.Concat([]byte{0, 1}, slices.Repeat([]byte{0xff}, k.public.Size()-2-len(tail)), tail)
	return new(big.Int).Exp(new(big.Int).SetBytes(padded), k.private, k.public.N).FillBytes(make([]byte, k.public.Size())), nil
}

// A root signs itself, by a key whose signatures can be checked in no time: what
// a hostile CA shows must not keep a processor busy.
func TestIsRoot(t *testing.T) {
	t.Parallel()
	for primes, want := range map[int]bool{8: true, 18: false} { // of 512 bits
		key := newLargeKey(t, primes)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), SignatureAlgorithm: x509.SHA256WithRSA,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if got := IsRoot(c); got != want || IsCheap(c) != want || Signed(c, c) != want {
			t.Errorf("a root of %d bits: %v, want %v", key.public.N.BitLen(), got, want)
		}
	}
}

// A path is looked for among so many, and no longer: hostile certificates have
// all the same name.
func TestPathToRootIsBounded(t *testing.T) {
	t.Parallel()
	root, decoy := issue(t, issuer{}, named("Root")), issue(t, issuer{}, named("Root"))
	leaf := issue(t, root, named("Leaf"))
	for decoys, want := range map[int]bool{0: true, maxPathChecks - 1: true, maxPathChecks: false} {
		roots := append(slices.Repeat([]*x509.Certificate{decoy.cert}, decoys), root.cert)
		if got := PathToRoot(leaf.cert, roots, nil); (len(got) == 1) != want {
			t.Errorf("behind %d of its name: %d certificates", decoys, len(got))
		}
	}
	a, b := issue(t, issuer{}, named("Round")), issue(t, issuer{}, named("Round"))
	a = issuer{issueFor(t, b, a), a.key}
	b = issuer{issueFor(t, a, b), b.key}
	if got := PathToRoot(issue(t, a, named("Leaf")).cert, nil, []*x509.Certificate{a.cert, b.cert}); got != nil {
		t.Errorf("a path that goes round: %d certificates", len(got))
	}
}
