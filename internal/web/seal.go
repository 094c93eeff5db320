package web

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// maxSealed bounds, in bytes, the cookies that are opened; browsers keep 4 KiB.
const maxSealed = 4 << 10

// A purpose keeps what was sealed for one thing from being taken for another.
type purpose string

const (
	sealedSession purpose = "console session"
	sealedAttempt purpose = "console sign-in"
)

// errSealed reports text that was not sealed here for this purpose.
var errSealed = errors.New("not sealed by this console for this purpose")

// A sealer makes values opaque that browsers carry for the console:
// AES-256-GCM under a key that replicas share.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (sealer, error) {
	if len(key) != 32 {
		return sealer{}, fmt.Errorf("SealKey has %d bytes, not 32", len(key))
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
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(text) > maxSealed {
		return errSealed
	}
	plain, err := s.aead.Open(nil, nil, raw, []byte(p))
	if err != nil || json.Unmarshal(plain, v) != nil {
		return errSealed
	}
	return nil
}
