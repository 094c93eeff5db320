package auth

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxIDTokenBytes is more than a bearer token may have: no header has to carry
// it, and some issuers list groups in it.
const maxIDTokenBytes = 32 << 10

// ErrIDToken reports an ID token that does not vouch for a sign-in. What wraps
// it says why, and holds nothing of the token but names.
var ErrIDToken = errors.New("the ID token is not accepted")

// A SignIn is what an ID token must answer.
type SignIn struct {
	Issuer      string // that was asked, as an Issuer's URL
	Client      string // client id that asked
	Nonce       string
	AccessToken string // that came with the ID token; Verify has accepted it
}

// idClaims are the members of an ID token that are looked at beside those of
// every token (OpenID Connect Core 1.0 section 2).
type idClaims struct {
	Nonce           string `json:"nonce"`
	AccessTokenHash string `json:"at_hash"`
	Object          string `json:"oid"` // Entra ID: the person, whatever the application
}

// VerifySignIn returns the iss of an ID token that answers the sign-in, after
// the checks of OpenID Connect Core 1.0 sections 3.1.3.7 and 3.1.3.8: signature
// by a key of the issuer, iss, aud, azp, exp, iat, nbf with 60 s of skew, nonce,
// and at_hash where there is one. The access token must be of the same issuer
// and person. Errors are ErrIDToken, *Error with CodeUnavailable, or ctx's.
func (v *Verifier) VerifySignIn(ctx context.Context, text string, s SignIn) (string, error) {
	j, err := ParseJWS(text, maxIDTokenBytes)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrIDToken, err)
	}
	if err := checkHeader(j.Header); err != nil {
		return "", fmt.Errorf("%w: %w", ErrIDToken, err)
	}
	var c claims
	var id idClaims
	if err := errors.Join(j.Claims(&c), j.Claims(&id)); err != nil {
		return "", fmt.Errorf("%w: %w", ErrIDToken, err)
	}
	issuer := v.issuerOf(c.Issuer)
	if issuer == nil || !(Issuer{URL: s.Issuer}).Issues(c.Issuer) {
		return "", fmt.Errorf("%w: it is of another issuer", ErrIDToken)
	}
	if err := checkSignature(ctx, issuer.keys, j); err != nil {
		if CodeOf(err) != CodeInvalidToken {
			return "", err
		}
		return "", fmt.Errorf("%w: %w", ErrIDToken, err)
	}
	if err := c.checkLifetime(v.now()); err != nil {
		return "", fmt.Errorf("%w: %w", ErrIDToken, err)
	}
	if err := c.checkSignIn(s, id); err != nil {
		return "", fmt.Errorf("%w: %w", ErrIDToken, err)
	}
	if err := c.checkAccess(s.AccessToken, j.Header.Algorithm, id); err != nil {
		return "", fmt.Errorf("%w: %w", ErrIDToken, err)
	}
	return c.Issuer, nil
}

// checkSignIn holds an ID token against the attempt to sign in.
func (c *claims) checkSignIn(s SignIn, id idClaims) error {
	switch {
	case !slices.Contains(c.Audience, s.Client):
		return errors.New("it is for another client")
	case len(c.Audience) > 1 && c.AZP == "", c.AZP != "" && c.AZP != s.Client:
		return errors.New("azp names another client, or none of several")
	case c.Subject == "":
		return errors.New("it names nobody")
	case c.IssuedAt == nil:
		return errors.New("it has no iat claim")
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(s.Nonce)) != 1:
		return errors.New("it answers another attempt")
	}
	return nil
}

// checkAccess holds an ID token against the access token that came with it.
// Where applications know people by names of their own (Entra ID's sub), oid
// tells that it is the same person.
func (c *claims) checkAccess(access, algorithm string, id idClaims) error {
	j, err := ParseJWS(access, maxTokenBytes)
	if err != nil {
		return err
	}
	var a claims
	var who idClaims
	if err := errors.Join(j.Claims(&a), j.Claims(&who)); err != nil {
		return err
	}
	switch {
	case a.Issuer != c.Issuer:
		return errors.New("the access token is of another issuer")
	case a.Subject != c.Subject && (id.Object == "" || who.Object != id.Object):
		return errors.New("the access token is another person's")
	case id.AccessTokenHash != "" && id.AccessTokenHash != halfHash(access, algorithm):
		return errors.New("at_hash is that of another access token")
	}
	return nil
}

// halfHash is the left half of the hash of a token, by the hash of the signature
// algorithm (OpenID Connect Core 1.0 section 3.1.3.6).
func halfHash(token, algorithm string) string {
	hash := sha256.New()
	switch {
	case strings.HasSuffix(algorithm, "384"):
		hash = sha512.New384()
	case strings.HasSuffix(algorithm, "512"):
		hash = sha512.New()
	}
	hash.Write([]byte(token)) // never fails
	sum := hash.Sum(nil)
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
