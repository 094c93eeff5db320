package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The costs of a new password hash: 19 MiB and two passes, as OWASP's Password
// Storage Cheat Sheet recommends for Argon2id.
const (
	hashMemory  = 19 << 10 // KiB
	hashPasses  = 2
	hashThreads = 1
	hashSalt    = 16 // bytes
	hashSum     = 32 // bytes
)

// The largest costs of a hash that is accepted: one check must not cost the
// memory or the time of a denial of service.
const (
	maxHashMemory  = 256 << 10 // KiB
	maxHashPasses  = 16
	maxHashThreads = 16
	maxHashPart    = 64 // bytes of salt or sum
	minHashPart    = 8
)

// MaxPassword bounds, in bytes, a password.
const MaxPassword = 256

// ErrPasswordHash reports text that is no Argon2id hash in the PHC string
// format, or one whose costs are out of bounds.
var ErrPasswordHash = errors.New("not an argon2id hash of the form $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH, or its costs are out of bounds")

// A PasswordHash is what is kept of a person's password: Argon2id (RFC 9106),
// version 1.3.
type PasswordHash struct {
	memory, passes uint32 // memory in KiB
	threads        uint8
	salt, sum      []byte
}

// HashPassword returns the hash of a password under a new salt.
func HashPassword(password Text) (PasswordHash, error) {
	h := PasswordHash{memory: hashMemory, passes: hashPasses, threads: hashThreads, salt: make([]byte, hashSalt), sum: make([]byte, hashSum)}
	if _, err := rand.Read(h.salt); err != nil {
		return PasswordHash{}, fmt.Errorf("make a salt: %w", err)
	}
	h.sum = h.of(password)
	return h, nil
}

// DecoyHash returns a hash that costs as much to check as one of HashPassword
// and that no password matches: for names that nobody has.
func DecoyHash() PasswordHash {
	return PasswordHash{memory: hashMemory, passes: hashPasses, threads: hashThreads, salt: make([]byte, hashSalt), sum: make([]byte, hashSum)}
}

// ParsePasswordHash reads a hash as String writes it. The error is
// ErrPasswordHash and quotes nothing of the text.
func ParsePasswordHash(text string) (PasswordHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v=19" {
		return PasswordHash{}, ErrPasswordHash
	}
	var h PasswordHash
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); err != nil {
		return PasswordHash{}, ErrPasswordHash
	}
	var errSalt, errSum error
	h.salt, errSalt = base64.RawStdEncoding.DecodeString(parts[4])
	h.sum, errSum = base64.RawStdEncoding.DecodeString(parts[5])
	if errSalt != nil || errSum != nil || !h.bounded() || h.String() != text {
		return PasswordHash{}, ErrPasswordHash
	}
	return h, nil
}

// String returns the hash in the PHC string format. It is no password, and
// still nothing to show around: weak passwords can be guessed from it.
func (h PasswordHash) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", h.memory, h.passes, h.threads, encode(h.salt), encode(h.sum))
}

// Matches reports whether password is the one that was hashed. It takes the
// same time whether or not it is.
func (h PasswordHash) Matches(password Text) bool {
	return subtle.ConstantTimeCompare(h.of(password), h.sum) == 1
}

// Decoy returns a hash that costs as much to check as h and that no password
// matches: for names that nobody has.
func (h PasswordHash) Decoy() PasswordHash {
	sum := sha256.Sum256(h.sum)
	h.salt, h.sum = sum[:], make([]byte, len(h.sum))
	return h
}

func (h PasswordHash) of(password Text) []byte {
	return argon2.IDKey(password.Reveal(), h.salt, h.passes, h.memory, h.threads, uint32(len(h.sum)))
}

func (h PasswordHash) bounded() bool {
	part := func(b []byte) bool { return len(b) >= minHashPart && len(b) <= maxHashPart }
	return h.memory >= 8*uint32(h.threads) && h.memory <= maxHashMemory && h.passes >= 1 && h.passes <= maxHashPasses &&
		h.threads >= 1 && h.threads <= maxHashThreads && part(h.salt) && part(h.sum)
}
