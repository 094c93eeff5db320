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
	"sync"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/secret"
)

const keyBits = 2048

// A KeySet holds the issuer's keys: one that signs, and all that verify. It
// implements auth.Keys and is safe for concurrent use.
type KeySet struct {
	rotation Rotation // zero for keys that stay

	mu      sync.RWMutex
	keys    []signingKey // the newest first
	version uint64
}

type signingKey struct {
	id     string
	signer crypto.Signer
	public *rsa.PublicKey
	from   time.Time // when it begins to sign; zero for at once
	made   time.Time // when its age began
	path   string    // "" for a key without a file of its own
}

// newKeySet returns keys that stay, of which the first signs.
func newKeySet(signers []crypto.Signer) (*KeySet, error) {
	if len(signers) == 0 {
		return nil, errors.New("Keys is empty")
	}
	set := &KeySet{}
	for n, s := range signers {
		k, err := newSigningKey(s)
		if err != nil {
			return nil, fmt.Errorf("key %d %w", n+1, err)
		}
		set.keys = append(set.keys, k)
	}
	return set, nil
}

func newSigningKey(s crypto.Signer) (signingKey, error) {
	public, ok := s.Public().(*rsa.PublicKey)
	if !ok || public.N.BitLen() < keyBits {
		return signingKey{}, fmt.Errorf("is not an RSA key of at least %d bits", keyBits)
	}
	return signingKey{id: thumbprint(public), signer: s, public: public}, nil
}

// Key implements auth.Keys.
func (s *KeySet) Key(_ context.Context, id string) (auth.Key, error) {
	for _, k := range s.listed() {
		if k.id == id {
			return auth.Key{ID: k.id, Algorithm: "RS256", Public: k.public}, nil
		}
	}
	return auth.Key{}, auth.ErrUnknownKey
}

// Version implements auth.Keys.
func (s *KeySet) Version() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.version
}

// current returns the key that signs: the newest whose time has come.
func (s *KeySet) current() signingKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, k := range s.keys {
		if k.from.IsZero() || !s.rotation.Now().Before(k.from) {
			return k
		}
	}
	return s.keys[len(s.keys)-1]
}

// listed returns the keys to publish: those to come, the one that signs, and
// those whose tokens may still be valid.
func (s *KeySet) listed() []signingKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []signingKey
	for n, k := range s.keys {
		if n > 0 && !s.keys[n-1].from.IsZero() && !s.rotation.Now().Before(s.keys[n-1].from.Add(s.rotation.retain())) {
			break // replaced for longer than its last token lives
		}
		list = append(list, k)
	}
	return list
}

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
	for _, k := range s.listed() {
		n, e := numbers(k.public)
		doc.Keys = append(doc.Keys, jwk{KTY: "RSA", Use: "sig", KID: k.id, Alg: "RS256", N: n, E: e})
	}
	return doc
}

// sign returns the compact JWS of a payload by the current key, under RS256:
// every client knows it.
func (s *KeySet) sign(payload []byte) (string, error) {
	encode := base64.RawURLEncoding.EncodeToString
	key := s.current()
	text := encode([]byte(`{"typ":"JWT","alg":"RS256","kid":"`+key.id+`"}`)) + "." + encode(payload)
	sum := sha256.Sum256([]byte(text))
	sig, err := key.signer.Sign(rand.Reader, sum[:], crypto.SHA256)
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
	key, err = createKey(path)
	if errors.Is(err, fs.ErrExist) {
		return loadKey(path) // another process was first
	}
	return key, err
}

// createKey writes a new key to path, or returns fs.ErrExist.
func createKey(path string) (crypto.Signer, error) {
	fresh, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(fresh)
	if err != nil {
		return nil, fmt.Errorf("encode signing key: %w", err)
	}
	if err := secret.WriteKeyFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
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
