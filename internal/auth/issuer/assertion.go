package issuer

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // names certificates; trust does not rest on it
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/auth"
)

const (
	// maxAssertion bounds, in bytes, an assertion; a chain in x5c makes it long.
	maxAssertion = 32 << 10

	// maxAssertionLifetime bounds how long a used assertion must be remembered.
	// Libraries ask for ten minutes.
	maxAssertionLifetime = time.Hour
)

// An assertion is a JWT by which a client shows that it has a certificate's
// key (RFC 7523 section 3), parsed but not yet verified.
type assertion struct {
	jws    auth.JWS
	text   string
	claims assertionClaims
}

type assertionClaims struct {
	Issuer    string            `json:"iss"`
	Subject   string            `json:"sub"`
	Audience  auth.OneOrMany    `json:"aud"`
	Expires   *auth.NumericDate `json:"exp"`
	NotBefore *auth.NumericDate `json:"nbf"`
	IssuedAt  *auth.NumericDate `json:"iat"`
	ID        string            `json:"jti"`
}

// parseAssertion parses the credential's assertion if it has one.
func parseAssertion(cred credential) (assertion, error) {
	if cred.assertion == "" {
		return assertion{}, nil
	}
	a := assertion{text: cred.assertion}
	var err error
	if a.jws, err = auth.ParseJWS(cred.assertion, maxAssertion); err != nil {
		return assertion{}, errAssertion("It is not a JWT that can be read.")
	}
	if err := a.jws.Claims(&a.claims); err != nil {
		return assertion{}, errAssertion("Its claims cannot be read.")
	}
	if cred.clientID != "" && !strings.EqualFold(cred.clientID, a.claims.Subject) {
		return assertion{}, errAssertionClient()
	}
	return a, nil
}

// checkAssertion returns nil if a is a fresh assertion of the client for the
// tenant's token endpoint.
func (i *Issuer) checkAssertion(a assertion, c Client, tenant string) error {
	if !strings.EqualFold(a.claims.Subject, c.ID) || !strings.EqualFold(a.claims.Issuer, c.ID) {
		return errAssertionClient()
	}
	now := i.now()
	if err := a.checkSignature(c.Certificates, now); err != nil {
		return err
	}
	ours := []string{i.tokenEndpoint(tenant), i.issuerOf(tenant)}
	if !slices.ContainsFunc(a.claims.Audience, func(aud string) bool { return slices.Contains(ours, aud) }) {
		return errAssertionAudience()
	}
	expires, err := a.checkLifetime(now)
	if err != nil {
		return err
	}
	name := a.claims.ID
	if name == "" {
		name = a.text[:strings.LastIndexByte(a.text, '.')] // an ECDSA signature has two spellings
	}
	switch i.seen.add(now, c.ID, name, expires) {
	case replayed:
		return errAssertion("It has been used before.")
	case full:
		return errTooMany(60)
	default:
		return nil
	}
}

// checkSignature verifies the assertion with the certificate that its header
// names, or with each where it names none.
func (a assertion) checkSignature(certificates []*x509.Certificate, now time.Time) error {
	h := a.jws.Header
	switch h.Algorithm {
	case "RS256", "PS256", "ES256":
	default:
		return errAssertion("The signature algorithm is not RS256, PS256 or ES256.")
	}
	if h.JWK != nil || h.JWKSetURL != nil || h.X5URL != nil {
		return errAssertion("It brings its own key.")
	}
	named := slices.DeleteFunc(slices.Clone(certificates), func(c *x509.Certificate) bool { return !names(h, c) })
	if len(named) == 0 {
		return errAssertion("The key was not found: the certificate is not registered on the application.")
	}
	reason := "The signature is invalid."
	for _, c := range named {
		if a.jws.Verify(c.PublicKey) != nil {
			continue
		}
		if !now.Before(c.NotBefore) && !now.After(c.NotAfter) {
			return nil
		}
		reason = "The key used is expired or not yet valid." // unless a renewed certificate has it too
	}
	return errAssertion(reason)
}

// names reports whether the header's thumbprints, as far as there are any, are
// those of c. Some clients put a thumbprint into kid; others put anything
// there, so kid alone excludes nothing.
func names(h auth.JWSHeader, c *x509.Certificate) bool {
	byOne, byTwo := sha1.Sum(c.Raw), sha256.Sum256(c.Raw) //nolint:gosec // see the import
	return (h.X5T == "" || bytes.Equal(decodeThumbprint(h.X5T), byOne[:])) &&
		(h.X5TS256 == "" || bytes.Equal(decodeThumbprint(h.X5TS256), byTwo[:]))
}

// decodeThumbprint reads a thumbprint in any spelling that real libraries send:
// base64url as RFC 7515 has it (JavaScript), with padding (Python), standard
// base64 (Go), hex. It returns nil for anything else.
func decodeThumbprint(s string) []byte {
	if len(s) == 2*sha1.Size || len(s) == 2*sha256.Size {
		if raw, err := hex.DecodeString(s); err == nil {
			return raw
		}
	}
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return raw
}

// checkLifetime returns until when the assertion could be used.
func (a assertion) checkLifetime(now time.Time) (time.Time, error) {
	if a.claims.Expires == nil {
		return time.Time{}, errAssertionTime("It has no exp claim.")
	}
	expires, ok := a.claims.Expires.Time()
	switch {
	case !ok, expires.Sub(now) > maxAssertionLifetime+auth.MaxSkew:
		return time.Time{}, errAssertionTime("It is valid for more than an hour.")
	case now.Sub(expires) > auth.MaxSkew:
		return time.Time{}, errAssertionTime("It has expired.")
	}
	for _, from := range []*auth.NumericDate{a.claims.NotBefore, a.claims.IssuedAt} {
		if from == nil {
			continue
		}
		if t, ok := from.Time(); !ok || t.Sub(now) > auth.MaxSkew {
			return time.Time{}, errAssertionTime("It is not yet valid.")
		}
	}
	return expires.Add(auth.MaxSkew), nil
}
