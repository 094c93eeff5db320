package issuer

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"

	"cloudpki/internal/auth"
	"cloudpki/internal/secret"
)

const keyBits = 2048

// A KeySet holds the issuer's keys: one that signs, and all that verify. It
// implements auth.Keys.
type KeySet struct {
	current signingKey
	public  []auth.Key // in the order of Options.Keys
}

type signingKey struct {
	id     string
	signer crypto.Signer
}

func newKeySet(signers []crypto.Signer) (*KeySet, error) {
	if len(signers) == 0 {
		return nil, errors.New("Keys is empty")
	}
	set := &KeySet{}
	for n, s := range signers {
		public, ok := s.Public().(*rsa.PublicKey)
		if !ok || public.N.BitLen() < keyBits {
			return nil, fmt.Errorf("key %d is not an RSA key of at least %d bits", n+1, keyBits)
		}
		set.public = append(set.public, auth.Key{ID: thumbprint(public), Algorithm: "RS256", Public: public})
	}
	set.current = signingKey{set.public[0].ID, signers[0]}
	return set, nil
}

// Key implements auth.Keys.
func (s *KeySet) Key(_ context.Context, id string) (auth.Key, error) {
	for _, k := range s.public {
		if k.ID == id {
			return k, nil
		}
	}
	return auth.Key{}, auth.ErrUnknownKey
}

// Version implements auth.Keys: the set does not change.
func (s *KeySet) Version() uint64 { return 0 }

// jwk is a public RSA key for signatures (RFC 7517 section 4, RFC 7518 section 6.3).
type jwk struct {
	KTY string `json:"kty"`
	Use string `json:"use"`
	KID string `json:"kid"`
	Alg string `json:"alg"`
	N   string `json:"n"`
	E   string `json:"e"`
}

// document returns the JWK Set as published.
func (s *KeySet) document() any {
	var doc struct {
		Keys []jwk `json:"keys"`
	}
	for _, k := range s.public {
		if public, ok := k.Public.(*rsa.PublicKey); ok {
			n, e := numbers(public)
			doc.Keys = append(doc.Keys, jwk{KTY: "RSA", Use: "sig", KID: k.ID, Alg: k.Algorithm, N: n, E: e})
		}
	}
	return doc
}

// sign returns the compact JWS of a payload by the current key, under RS256:
// every client knows it.
func (s *KeySet) sign(payload []byte) (string, error) {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"typ":"JWT","alg":"RS256","kid":"`+s.current.id+`"}`)) + "." + encode(payload)
	sum := sha256.Sum256([]byte(text))
	sig, err := s.current.signer.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text + "." + encode(sig), nil
}

// thumbprint returns the JWK SHA-256 thumbprint (RFC 7638), which serves as kid.
func thumbprint(public *rsa.PublicKey) string {
	n, e := numbers(public)
	sum := sha256.Sum256([]byte(`{"e":"` + e + `","kty":"RSA","n":"` + n + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func numbers(public *rsa.PublicKey) (n, e string) {
	encode := base64.RawURLEncoding.EncodeToString
	return encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
}

// LoadOrCreateKey reads the RSA signing key at path, PKCS #8 in PEM, or makes
// one of 2048 bits with mode 0600 where there is no file yet. A file that
// others may read is secret.ErrKeyPermissions.
func LoadOrCreateKey(path string) (crypto.Signer, error) {
	key, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	fresh, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(fresh)
	if err != nil {
		return nil, fmt.Errorf("encode signing key: %w", err)
	}
	err = secret.WriteKeyFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if errors.Is(err, fs.ErrExist) {
		return loadKey(path) // another process was first
	}
	if err != nil {
		return nil, fmt.Errorf("write signing key: %w", err)
	}
	return fresh, nil
}

func loadKey(path string) (crypto.Signer, error) {
	text, err := secret.ReadKeyFile(path)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%s is not a PKCS #8 key in PEM", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s does not hold a readable private key: %w", path, err)
	}
	signer, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s does not hold an RSA key", path)
	}
	return signer, nil
}
