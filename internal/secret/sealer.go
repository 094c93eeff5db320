package secret

import (
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// maxSealed bounds, in bytes, the text that Sealer.Open looks at: an OAuth
// authorize request at its longest, sealed. Cookies are bounded by browsers, at
// 4 KiB.
const maxSealed = 32 << 10

// ErrSealed reports text that was not sealed under this key for this purpose.
var ErrSealed = errors.New("not sealed here for this purpose")

// A Purpose keeps what was sealed for one thing from being taken for another.
type Purpose string

// A Sealer makes values opaque that browsers and clients carry for the service:
// AES-256-GCM under a key that replicas share, so that any of them opens what
// another has sealed, and nothing has to be stored.
type Sealer struct{ aead cipher.AEAD }

// NewSealer returns a Sealer under a key of 32 bytes, as Root.Derive gives it.
func NewSealer(key []byte) (Sealer, error) {
	if len(key) != keySize {
		return Sealer{}, fmt.Errorf("the key of a sealer has %d bytes, not %d", len(key), keySize)
	}
	aead, err := newAEAD(key)
	if err != nil {
		return Sealer{}, fmt.Errorf("make a sealer: %w", err)
	}
	return Sealer{aead}, nil
}

// Seal returns v, encoded as JSON, as sealed base64url.
func (s Sealer) Seal(p Purpose, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", p, err)
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(p))), nil
}

// Open decodes what Seal returned for the same purpose into v, else ErrSealed.
func (s Sealer) Open(p Purpose, text string, v any) error {
	if len(text) > maxSealed {
		return ErrSealed
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return ErrSealed
	}
	plain, err := s.aead.Open(nil, nil, raw, []byte(p))
	if err != nil || json.Unmarshal(plain, v) != nil {
		return ErrSealed
	}
	return nil
}

// AEAD returns what seals, for values with a form of their own.
func (s Sealer) AEAD() cipher.AEAD { return s.aead }
