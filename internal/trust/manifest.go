package trust

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"time"
)

// Manifest tells what is in a bundle: its version and the SHA-256 of each
// certificate, by which every other format of that version can be checked.
func Manifest() Format {
	return Format{
		Ext: "manifest.json", MediaType: "application/json",
		Doc: "What is in the bundle, for scripts: version and, of each certificate, kind, subject, thumbprint and validity.", Write: writeManifest,
	}
}

// SignedManifest is the manifest as a JSON Web Signature in the compact form
// (RFC 7515 section 3.1), by ES256, ES384 or RS256, with the signer's chain in x5c.
// Without signer it is [ErrNoSigner].
func SignedManifest() Format {
	return Format{
		Ext: "manifest.jws", MediaType: "application/jose", Signable: true, Signed: true,
		Doc: "The manifest as a signed JWS, for devices that check what they are given.", Write: writeSignedManifest,
	}
}

type manifest struct {
	Tenant       string                `json:"tenant"`
	Name         string                `json:"name"`
	Version      int64                 `json:"version"`
	Changed      time.Time             `json:"changed"`
	Certificates []manifestCertificate `json:"certificates"`
}

type manifestCertificate struct {
	Kind       string    `json:"kind"` // root, intermediate
	Subject    string    `json:"subject"`
	Thumbprint string    `json:"thumbprint"` // SHA-256 of the DER, lower-case hex
	NotBefore  time.Time `json:"notBefore"`
	NotAfter   time.Time `json:"notAfter"`
}

func writeManifest(b Bundle, _ Options) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	m := manifest{Tenant: b.Tenant, Name: b.Name, Version: b.Version, Changed: b.Changed.UTC()}
	add := func(kind string, list []*x509.Certificate) {
		for _, c := range list {
			m.Certificates = append(m.Certificates, manifestCertificate{
				Kind: kind, Subject: c.Subject.String(), Thumbprint: thumbprint(c), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
			})
		}
	}
	add("root", Sorted(b.Roots))
	add("intermediate", b.intermediates())
	return writeJSON("manifest", m)
}

func writeSignedManifest(b Bundle, o Options) ([]byte, error) {
	content, err := writeManifest(b, o)
	if err != nil {
		return nil, err
	}
	if o.Signer == nil {
		return nil, fmt.Errorf("write manifest of bundle %s: %w", b.Name, ErrNoSigner)
	}
	out, err := o.Signer.signJWS(content)
	if err != nil {
		return nil, fmt.Errorf("sign manifest: %w", err)
	}
	return out, nil
}

// signJWS returns the content in a compact JWS.
func (s *Signer) signJWS(content []byte) ([]byte, error) {
	a, err := s.algorithm()
	if err != nil {
		return nil, err
	}
	header := struct {
		Algorithm string   `json:"alg"`
		Content   string   `json:"cty"`
		Chain     [][]byte `json:"x5c"` // of DER in base64, not base64url
	}{Algorithm: a.jws, Content: "json"}
	for _, c := range s.Chain {
		header.Chain = append(header.Chain, c.Raw)
	}
	head, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	input := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(content)
	signature, err := s.sign(a, []byte(input))
	if err == nil && a.size > 0 {
		signature, err = joseSignature(signature, a.size)
	}
	if err != nil {
		return nil, err
	}
	return []byte(input + "." + base64.RawURLEncoding.EncodeToString(signature)), nil
}

// joseSignature returns an ECDSA signature in DER as JWS has it: r and s of
// size bytes each (RFC 7518 section 3.4).
func joseSignature(der []byte, size int) ([]byte, error) {
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return nil, err
	}
	if bits := size * 8; pair.R.Sign() < 0 || pair.S.Sign() < 0 || pair.R.BitLen() > bits || pair.S.BitLen() > bits {
		return nil, errSigner
	}
	out := make([]byte, 2*size)
	pair.R.FillBytes(out[:size])
	pair.S.FillBytes(out[size:])
	return out, nil
}
