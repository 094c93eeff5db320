package trust

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
)

// refreshHint is in seconds: how often to ask for a SPIFFE bundle.
const refreshHint = 300

// errKey is the error of a key that JSON Web Keys have no form for.
var errKey = errors.New("a root has a key that is neither RSA, nor ECDSA on P-256, P-384 or P-521, nor Ed25519")

// SPIFFE is a SPIFFE bundle (SPIFFE Trust Domain and Bundle, section 4): a JWK
// Set (RFC 7517) of the roots for X.509-SVIDs. Its sequence is the version. A
// bundle should be that of one trust domain.
func SPIFFE() Format {
	return Format{
		Ext: "spiffe.json", MediaType: "application/json",
		Doc: "A SPIFFE bundle, for SPIRE, Envoy and Istio that federate with this trust domain.", Write: writeSPIFFE,
	}
}

// A jwk is a JSON Web Key with a certificate. Numbers are in base64url.
type jwk struct {
	Use   string   `json:"use"`
	Kty   string   `json:"kty"`
	Crv   string   `json:"crv,omitempty"`
	X     string   `json:"x,omitempty"`
	Y     string   `json:"y,omitempty"`
	N     string   `json:"n,omitempty"`
	E     string   `json:"e,omitempty"`
	Chain [][]byte `json:"x5c"`
}

func writeSPIFFE(b Bundle, _ Options) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	set := struct {
		Sequence int64 `json:"spiffe_sequence"`
		Refresh  int   `json:"spiffe_refresh_hint"`
		Keys     []jwk `json:"keys"`
	}{Sequence: b.Version, Refresh: refreshHint}
	for _, c := range Sorted(b.Roots) {
		key, err := jwkOf(c)
		if err != nil {
			return nil, fmt.Errorf("write SPIFFE bundle %s: %s: %w", b.Name, thumbprint(c), err)
		}
		set.Keys = append(set.Keys, key)
	}
	return writeJSON("SPIFFE bundle", set)
}

// jwkOf returns the key of the certificate (RFC 7518 section 6, RFC 8037).
func jwkOf(c *x509.Certificate) (jwk, error) {
	key := jwk{Use: "x509-svid", Chain: [][]byte{c.Raw}}
	text := base64.RawURLEncoding.EncodeToString
	switch public := c.PublicKey.(type) {
	case *rsa.PublicKey:
		key.Kty, key.N, key.E = "RSA", text(public.N.Bytes()), text(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x and y, of one length
		if name := public.Params().Name; err != nil || name == "P-224" {
			return jwk{}, errKey
		}
		half := (len(point) - 1) / 2
		key.Kty, key.Crv, key.X, key.Y = "EC", public.Params().Name, text(point[1:1+half]), text(point[1+half:])
	case ed25519.PublicKey:
		key.Kty, key.Crv, key.X = "OKP", "Ed25519", text(public)
	default:
		return jwk{}, errKey
	}
	return key, nil
}
