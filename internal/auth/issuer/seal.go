package issuer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
)

const (
	sealKeySize = 32 // AES-256

	// maxSealed bounds, in bytes, what is opened: an authorize request at its
	// longest, sealed.
	maxSealed = 32 << 10
)

// A purpose keeps what was sealed for one thing from being taken for another.
type purpose string

const (
	sealedCode    purpose = "authorization code"
	sealedRefresh purpose = "refresh token"
	sealedSession purpose = "session"
	sealedFlow    purpose = "sign-in page"
	sealedKnown   purpose = "known browser"
)

// errSealed reports text that was not sealed here for this purpose.
var errSealed = errors.New("not sealed by this issuer for this purpose")

// A sealer makes values opaque that clients and browsers carry for the issuer:
// AES-256-GCM under a key that replicas share, so that any of them opens what
// another has sealed, and nothing has to be stored.
type sealer struct{ aead cipher.AEAD }

// newSealer returns a sealer; without a key one that nobody else can open.
func newSealer(key []byte) (sealer, error) {
	if key == nil {
		key = make([]byte, sealKeySize)
		if _, err := rand.Read(key); err != nil {
			return sealer{}, fmt.Errorf("make a key: %w", err)
		}
	}
	if len(key) != sealKeySize {
		return sealer{}, fmt.Errorf("SealKey has %d bytes, not %d", len(key), sealKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, fmt.Errorf("use SealKey: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, fmt.Errorf("use SealKey: %w", err)
	}
	return sealer{aead}, nil
}

// seal returns v, encoded as JSON, as sealed base64url.
func (s sealer) seal(p purpose, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", p, err)
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(p))), nil
}

// open decodes what seal returned for the same purpose into v, else errSealed.
func (s sealer) open(p purpose, text string, v any) error {
	if len(text) > maxSealed {
		return errSealed
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return errSealed
	}
	plain, err := s.aead.Open(nil, nil, raw, []byte(p))
	if err != nil || json.Unmarshal(plain, v) != nil {
		return errSealed
	}
	return nil
}
