package stepca

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// tokenLife is how long a token is good; it is used at once, and once.
const tokenLife = 5 * time.Minute

// A claims is the content of a one-time token (authority/provisioner/jwk.go,
// jwtPayload).
type claims struct {
	Issuer       string        `json:"iss"` // name of the provisioner
	Audience     string        `json:"aud"` // the CA's own address of the call
	Subject      string        `json:"sub"` // common name, or the serial number, decimal
	SANs         []string      `json:"sans,omitempty"`
	ID           string        `json:"jti"`
	IssuedAt     int64         `json:"iat"` // Unix time, as the following
	NotBefore    int64         `json:"nbf"`
	Expires      int64         `json:"exp"`
	Confirmation *confirmation `json:"cnf,omitempty"`
}

// A confirmation ties a token to one request.
type confirmation struct {
	Fingerprint string `json:"x5rt#S256"` // SHA-256 of the request, base64url
}

func confirm(csr []byte) *confirmation {
	sum := sha256.Sum256(csr)
	return &confirmation{base64.RawURLEncoding.EncodeToString(sum[:])}
}

// token signs c, whose audience is the path of a call, as a JWT (RFC 7519). The
// CA compares the audience with its own host names, without ports.
func (s *session) token(p provisioner, path string, c claims) (string, error) {
	algorithm, err := algorithmOf(p.key.Key)
	if err != nil {
		return "", err
	}
	now := s.now()
	c.Issuer, c.Audience, c.ID = p.name, "https://"+s.base.Host+"/"+path, rand.Text()
	c.IssuedAt, c.NotBefore, c.Expires = now.Unix(), now.Unix(), now.Add(tokenLife).Unix()
	content, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode token: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: p.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("make signer: %w", err)
	}
	signed, err := signer.Sign(content)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed.CompactSerialize()
}

// algorithmOf returns how a key signs (RFC 7518, 3.1; RFC 8037, 3.1).
func algorithmOf(key any) (jose.SignatureAlgorithm, error) {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return jose.ES256, nil
		case 384:
			return jose.ES384, nil
		}
		return jose.ES512, nil
	case *rsa.PrivateKey:
		return jose.RS256, nil
	case ed25519.PrivateKey:
		return jose.EdDSA, nil
	}
	return "", errors.New("the provisioner's key is neither EC, RSA nor Ed25519")
}
