package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"cloudpki/internal/auth"
	"cloudpki/internal/secret"
)

// assertionLifetime is how long a proof by certificate is good for: Entra ID
// wants 5 to 10 minutes at most.
const assertionLifetime = 5 * time.Minute

// A Credential proves the client to the token endpoint: by a secret, or by a
// certificate and its key (private_key_jwt, OpenID Connect Core 1.0 section 9).
// The zero Credential is that of a public client, which proves nothing.
type Credential struct {
	Secret      secret.Text
	Certificate *x509.Certificate
	Key         crypto.Signer // RSA, or ECDSA on P-256 or P-384
}

// check returns what is wrong with the credential.
func (c Credential) check() error {
	switch {
	case c.Key == nil && c.Certificate == nil:
		return nil
	case c.Key == nil || c.Certificate == nil:
		return errors.New("a certificate and its key belong together")
	case !c.Secret.IsEmpty():
		return errors.New("a secret and a certificate exclude each other")
	case c.method() == nil:
		return fmt.Errorf("a key of the type %T cannot prove the client; use RSA, or ECDSA on P-256 or P-384", c.Key)
	}
	return nil
}

// method is how the key signs, nil for not at all. Entra ID wants PS256 of RSA.
func (c Credential) method() jwt.SigningMethod {
	switch k := c.Key.(type) {
	case *rsa.PrivateKey:
		return jwt.SigningMethodPS256
	case *ecdsa.PrivateKey:
		switch k.Curve {
		case elliptic.P256():
			return jwt.SigningMethodES256
		case elliptic.P384():
			return jwt.SigningMethodES384
		}
	}
	return nil
}

// prove adds to a request of the token endpoint who asks, by the methods that
// the provider lists, of which client_secret_basic is the default (OpenID
// Connect Discovery 1.0 section 3).
func (c Credential) prove(client string, m auth.Metadata, now time.Time, form url.Values, header http.Header) error {
	const basic = "client_secret_basic"
	switch {
	case c.Key != nil:
		assertion, err := c.assertion(client, m.TokenURL, now)
		if err != nil {
			return err
		}
		form.Set("client_id", client)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	case c.Secret.IsEmpty():
		form.Set("client_id", client)
	case len(m.AuthMethods) == 0 || slices.Contains(m.AuthMethods, basic):
		pair := url.QueryEscape(client) + ":" + url.QueryEscape(string(c.Secret.Reveal())) // RFC 6749 section 2.3.1
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	default:
		form.Set("client_id", client)
		form.Set("client_secret", string(c.Secret.Reveal()))
	}
	return nil
}

// assertion is a JWT that the key has signed (RFC 7523 section 3), and that
// names its certificate as Entra ID wants it.
func (c Credential) assertion(client, tokenURL string, now time.Time) (string, error) {
	sum := sha256.Sum256(c.Certificate.Raw)
	token := jwt.NewWithClaims(c.method(), jwt.MapClaims{
		"iss": client, "sub": client, "aud": tokenURL, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	})
	token.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sum[:])
	text, err := token.SignedString(c.Key)
	if err != nil {
		return "", fmt.Errorf("sign the client's assertion: %w", err)
	}
	return text, nil
}
