package graph_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http/httptest"
	"testing"
	"time"

	"cloudpki/internal/graph"
	"cloudpki/internal/trust"

	"github.com/google/go-cmp/cmp"
)

// bundleSigner makes a signer whose certificate begins then. Each call reads
// the key anew, as a process does that starts.
func bundleSigner(t *testing.T, begin time.Time) func() *trust.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Signer"}, NotBefore: begin, NotAfter: begin.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return func() *trust.Signer {
		key, err := x509.ParseECPrivateKey(text)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return &trust.Signer{Key: key, Chain: []*x509.Certificate{leaf}}
	}
}

// published is what all that fetch a file see of it.
type published struct {
	Code                             int
	Body, Tag, Modified, Life, Place string
}

func publishedBy(t *testing.T, s *graph.Server, address string) published {
	t.Helper()
	got := httptest.NewRecorder()
	s.Trust().ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), "GET", address, nil))
	h := got.Result().Header
	return published{got.Code, got.Body.String(), h["ETag"][0], h.Get("Last-Modified"), h.Get("Cache-Control"), h.Get("Content-Location")} //nolint:staticcheck // as it is spelled on the wire
}

// Every process writes the same bytes, whenever it started; a new signing key
// changes those that are signed, and what tells of them, and no others.
func TestPublishedBytesAreTheSameEverywhere(t *testing.T) {
	signer, replaced := bundleSigner(t, beginning.Add(-time.Hour)), bundleSigner(t, beginning.Add(time.Hour))
	var o graph.Options
	w := newWorld(t, func(options *graph.Options) { options.Signer = signer(); o = *options })
	w.trusting("one")
	w.do("POST", bundles, `{"name":"devices","access":"public"}`)
	server := func(s *trust.Signer) *graph.Server {
		o.Signer = s
		made, err := graph.New(o)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	again, other, unsigned := server(signer()), server(replaced()), server(nil)
	for _, f := range trust.Formats() {
		numbered := devices + "/1." + f.Ext
		first := publishedBy(t, w.server, numbered)
		if diff := cmp.Diff(first, publishedBy(t, again, numbered)); diff != "" || first.Code != 200 {
			t.Errorf("%s: %d, another process (-first +other):\n%s", f.Ext, first.Code, diff)
		}
		second := publishedBy(t, other, numbered)
		life := map[bool]string{false: "public, max-age=31536000, immutable", true: "public, max-age=3600, must-revalidate, stale-if-error=86400"}[f.Signable]
		switch {
		case first.Life != life:
			t.Errorf("%s: kept for %s", f.Ext, first.Life)
		case !f.Signable && first != second:
			t.Errorf("%s: a new key changed %s", f.Ext, cmp.Diff(first, second))
		case f.Signable && (first.Body == second.Body || first.Tag == second.Tag || second.Modified != "Mon, 23 Nov 2026 13:00:00 GMT"):
			t.Errorf("%s: by a new key %+v, before %+v", f.Ext, second, first)
		}
	}
	got := httptest.NewRecorder()
	unsigned.Trust().ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), "GET", devices+".manifest.jws", nil))
	if got.Code != 409 {
		t.Errorf("without a key: %d\n%s", got.Code, got.Body)
	}
}
