package trust_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/trust"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

func TestManifest(t *testing.T) {
	b := sample(t)
	type certificate struct {
		Kind       string    `json:"kind"`
		Subject    string    `json:"subject"`
		Thumbprint string    `json:"thumbprint"`
		NotBefore  time.Time `json:"notBefore"`
		NotAfter   time.Time `json:"notAfter"`
	}
	type manifest struct {
		Tenant       string        `json:"tenant"`
		Name         string        `json:"name"`
		Version      int64         `json:"version"`
		Changed      time.Time     `json:"changed"`
		Certificates []certificate `json:"certificates"`
	}
	var got manifest
	read(t, write(t, "manifest.json", b, trust.Options{}), &got)
	want := manifest{Tenant: b.Tenant, Name: b.Name, Version: b.Version, Changed: b.Changed}
	add := func(kind string, list []*x509.Certificate) {
		for _, c := range trust.Sorted(list) {
			want.Certificates = append(want.Certificates, certificate{
				kind, c.Subject.String(), thumbprints([]*x509.Certificate{c})[0], c.NotBefore, c.NotAfter,
			})
		}
	}
	add("root", b.Roots)
	add("intermediate", b.Intermediates)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
}

// The key is proved by the chain in the header alone.
func TestSignedManifest(t *testing.T) {
	b := sample(t)
	for algorithm, signer := range signers(t) {
		token := string(write(t, "manifest.jws", b, trust.Options{Signer: signer}))
		_, err := jwt.NewParser(jwt.WithValidMethods([]string{algorithm})).Parse(token, func(token *jwt.Token) (any, error) {
			var chain []*x509.Certificate
			for _, text := range token.Header["x5c"].([]any) {
				der, err := base64.StdEncoding.DecodeString(text.(string))
				if err != nil {
					return nil, err
				}
				chain = append(chain, parse(t, der))
			}
			roots := x509.NewCertPool()
			roots.AddCert(signer.Chain[1])
			_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
			return chain[0].PublicKey, err
		})
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		content, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(write(t, "manifest.json", b, trust.Options{})), string(content)); diff != "" {
			t.Errorf("%s: content (-want +got):\n%s", algorithm, diff)
		}
	}
}

func TestSignedManifestNeedsASigner(t *testing.T) {
	b := sample(t)
	format, _ := trust.Lookup("manifest.jws")
	if out, err := format.Write(b, trust.Options{}); !errors.Is(err, trust.ErrNoSigner) {
		t.Errorf("no signer: %d bytes, %v", len(out), err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, signer := range []*trust.Signer{newSigner(t, edwards), newSigner(t, wide)} {
		if out, err := format.Write(b, trust.Options{Signer: signer}); err == nil {
			t.Errorf("%T: %s", signer.Key.Public(), out)
		}
	}
}
