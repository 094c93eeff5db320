package odata

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// Bounds of a skip token.
const (
	tokenVersion  = 1
	maxTokenBytes = 16 << 10 // of its text
	maxTokenParts = 16       // values in it
)

// A TokenSealer turns positions in a collection into $skiptoken texts that a
// client can neither read nor change, and that are good for one query of one
// tenant only.
type TokenSealer struct {
	aead cipher.AEAD
	kind TokenKind
}

// TokenKind is what a token is used for. A token of one kind is never taken for
// one of another.
type TokenKind uint8

// The kinds.
const (
	SkipToken      TokenKind = iota // $skiptoken of a list
	DeltaSkipToken                  // $skiptoken within a round of delta()
	DeltaToken                      // $deltatoken
)

// option is the query option that holds a token of the kind.
func (k TokenKind) option() string {
	if k == DeltaToken {
		return deltaTokenOption
	}
	return skipTokenOption
}

// NewTokenSealer returns a sealer that uses aead. Nonces are random, so a key
// of AES-GCM should seal fewer than 2^32 tokens.
func NewTokenSealer(aead cipher.AEAD) *TokenSealer { return &TokenSealer{aead: aead} }

// For returns a sealer of the same key for tokens of another kind.
func (s *TokenSealer) For(k TokenKind) *TokenSealer { return &TokenSealer{aead: s.aead, kind: k} }

// Seal returns the token of the position pos, which holds primitive values,
// for the binding: everything that must be the same when it comes back, such
// as tenant, set and Query.Canonical.
func (s *TokenSealer) Seal(binding string, pos []Value) string {
	token := make([]byte, 1+s.aead.NonceSize(), 256)
	token[0] = tokenVersion
	nonce := token[1:]
	rand.Read(nonce) // never fails
	token = s.aead.Seal(token, nonce, appendPosition(nil, pos), s.kind.bind(binding))
	return base64.RawURLEncoding.EncodeToString(token)
}

// Open returns the position in a token that Seal made for the same binding.
// Any other token is an *Error.
func (s *TokenSealer) Open(binding, token string) ([]Value, error) {
	if len(token) > maxTokenBytes || strings.ContainsAny(token, "\r\n") { // which package base64 skips
		return nil, errToken(s.kind.option())
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < 1+s.aead.NonceSize() || raw[0] != tokenVersion {
		return nil, errToken(s.kind.option())
	}
	nonce, sealed := raw[1:1+s.aead.NonceSize()], raw[1+s.aead.NonceSize():]
	plain, err := s.aead.Open(nil, nonce, sealed, s.kind.bind(binding))
	if err != nil {
		return nil, errToken(s.kind.option())
	}
	pos, ok := readPosition(plain)
	if !ok {
		return nil, errToken(s.kind.option())
	}
	return pos, nil
}

func errToken(option string) *Error {
	return &Error{Code: CodeBadRequest, Option: option, Msg: "The " + option + " is not valid for this request."}
}

// bind keeps the tokens of one version, and of one use of the key, from being
// taken for those of another.
func (k TokenKind) bind(binding string) []byte {
	use := [...]string{SkipToken: "skiptoken", DeltaSkipToken: "delta/skiptoken", DeltaToken: "delta/deltatoken"}[k]
	return append([]byte("cloudpki/"+use+"/1\x00"), binding...)
}

// appendPosition writes the number of values, then of each its state and all
// that a primitive value may hold.
func appendPosition(dst []byte, pos []Value) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(pos)))
	for _, v := range pos {
		dst = append(dst, byte(v.state))
		dst = append(binary.AppendUvarint(dst, uint64(len(v.str))), v.str...)
		dst = binary.AppendVarint(dst, v.num)
		dst = binary.AppendVarint(dst, v.time.Ticks)
		dst = binary.AppendVarint(dst, int64(v.time.Offset))
	}
	return dst
}

// readPosition is the reverse of appendPosition.
func readPosition(src []byte) ([]Value, bool) {
	r := positionReader{src: src}
	n := r.uvarint()
	if n > maxTokenParts {
		return nil, false
	}
	pos := make([]Value, n)
	for i := range pos {
		pos[i] = Value{
			state: State(r.byte()),
			str:   r.text(),
			num:   r.varint(),
			time:  DateTimeOffset{Ticks: r.varint(), Offset: int16(r.varint())},
		}
	}
	return pos, !r.failed && len(r.src) == 0
}

// A positionReader reads from the front of src until it has failed.
type positionReader struct {
	src    []byte
	failed bool
}

func (r *positionReader) advance(n int) {
	if n <= 0 {
		r.failed, r.src = true, nil
		return
	}
	r.src = r.src[n:]
}

func (r *positionReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.src)
	r.advance(n)
	return v
}

func (r *positionReader) varint() int64 {
	v, n := binary.Varint(r.src)
	r.advance(n)
	return v
}

func (r *positionReader) byte() byte {
	if len(r.src) == 0 {
		r.failed = true
		return 0
	}
	b := r.src[0]
	r.src = r.src[1:]
	return b
}

func (r *positionReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.src)) {
		r.failed = true
		return ""
	}
	s := string(r.src[:n])
	r.src = r.src[n:]
	return s
}
