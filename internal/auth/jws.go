package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

const (
	maxKeyIDLength = 256
	minRSABits     = 2048
	maxRSABits     = 8192 // bounds the cost of one verification
)

// ErrMalformedJWS reports text that is no compact JWS in its only canonical
// spelling, or one whose header asks for what is not supported.
var ErrMalformedJWS = errors.New("malformed JWS")

// ErrSignature reports a signature that does not fit text, key and algorithm.
var ErrSignature = errors.New("signature does not verify")

// A JWS is a JSON Web Signature in compact serialization (RFC 7515 section
// 7.1), taken apart but not yet verified.
type JWS struct {
	Header  JWSHeader
	payload []byte
	signed  string // header and payload as signed
	sig     []byte
}

// A JWSHeader holds the members of a JOSE header (RFC 7515 section 4) that
// somebody here looks at.
type JWSHeader struct {
	Algorithm  string         `json:"alg"`
	KeyID      string         `json:"kid"`
	Type       string         `json:"typ"`
	X5T        string         `json:"x5t"`
	X5TS256    string         `json:"x5t#S256"`
	Critical   jsontext.Value `json:"crit"`
	JWK        jsontext.Value `json:"jwk"`
	JWKSetURL  jsontext.Value `json:"jku"`
	X5URL      jsontext.Value `json:"x5u"`
	X5Chain    jsontext.Value `json:"x5c"`
	Encryption jsontext.Value `json:"enc"`
	Zip        jsontext.Value `json:"zip"`
}

// ParseJWS takes compact text of at most maxBytes apart. It refuses, as
// ErrMalformedJWS, lenient base64, repeated JSON members, invalid UTF-8 and
// any crit: no extension is known here.
func ParseJWS(text string, maxBytes int) (JWS, error) {
	if len(text) > maxBytes {
		return JWS{}, fmt.Errorf("%w: longer than %d bytes", ErrMalformedJWS, maxBytes)
	}
	if strings.Count(text, ".") != 2 {
		return JWS{}, fmt.Errorf("%w: not three parts", ErrMalformedJWS)
	}
	dot := strings.LastIndexByte(text, '.')
	head, body, _ := strings.Cut(text[:dot], ".")

	j := JWS{signed: text[:dot]}
	rawHead, errHead := decodePart(head)
	var errBody, errSig error
	j.payload, errBody = decodePart(body)
	j.sig, errSig = decodePart(text[dot+1:])
	if errHead != nil || errBody != nil || errSig != nil {
		// The base64 errors quote no input, but name no reason worth keeping either.
		return JWS{}, fmt.Errorf("%w: a part is not base64url", ErrMalformedJWS)
	}
	if json.Unmarshal(rawHead, &j.Header) != nil {
		return JWS{}, fmt.Errorf("%w: header is not a JOSE header", ErrMalformedJWS)
	}
	switch h := j.Header; {
	case h.Critical != nil:
		return JWS{}, fmt.Errorf("%w: header has crit", ErrMalformedJWS)
	case h.Encryption != nil || h.Zip != nil:
		return JWS{}, fmt.Errorf("%w: header is that of an encrypted token", ErrMalformedJWS)
	case len(h.KeyID) > maxKeyIDLength:
		return JWS{}, fmt.Errorf("%w: kid is longer than %d bytes", ErrMalformedJWS, maxKeyIDLength)
	}
	return j, nil
}

// Claims decodes the payload, a JSON object, into out. Member names match
// exactly and may not repeat. The error is ErrMalformedJWS.
func (j JWS) Claims(out any) error {
	if json.Unmarshal(j.payload, out) != nil {
		return fmt.Errorf("%w: payload is not the JSON object it should be", ErrMalformedJWS)
	}
	return nil
}

// Verify returns nil if the signature is that of key's owner and the algorithm
// of the header is one that suits the key; else ErrSignature. Algorithms are
// pinned: RS256, RS384, RS512, PS256, ES256, ES384 (RFC 7518 section 3.1).
func (j JWS) Verify(key crypto.PublicKey) error {
	method := methodFor(j.Header.Algorithm, key)
	if method == nil {
		return fmt.Errorf("%w: algorithm does not suit the key", ErrSignature)
	}
	if err := method.Verify(j.signed, j.sig, key); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

// methodFor returns how to verify with key under the algorithm named, or nil.
// Both must agree, so that no key is used for what it was not made for.
func methodFor(algorithm string, key crypto.PublicKey) jwt.SigningMethod {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil
		}
		switch algorithm {
		case "RS256":
			return jwt.SigningMethodRS256
		case "RS384":
			return jwt.SigningMethodRS384
		case "RS512":
			return jwt.SigningMethodRS512
		case "PS256":
			return jwt.SigningMethodPS256
		}
	case *ecdsa.PublicKey:
		switch {
		case algorithm == "ES256" && k.Curve == elliptic.P256():
			return jwt.SigningMethodES256
		case algorithm == "ES384" && k.Curve == elliptic.P384():
			return jwt.SigningMethodES384
		}
	}
	return nil
}

func decodePart(s string) ([]byte, error) {
	// The decoder would skip line breaks.
	if strings.ContainsAny(s, "\r\n") {
		return nil, ErrMalformedJWS
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// A NumericDate is a time as JWTs have it (RFC 7519 section 2): seconds since
// 1970 UTC, fractions allowed, which some client libraries send.
type NumericDate float64

// maxNumericDate is the end of year 9999: nothing sensible lies behind it and
// conversion to an integer is safe before it.
const maxNumericDate = 253402300799

// Time returns the date in UTC; ok is false outside of the years 1970 to 9999.
func (d NumericDate) Time() (t time.Time, ok bool) {
	if math.IsNaN(float64(d)) || d < 0 || d > maxNumericDate {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(float64(d))
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}
