package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha512" // for P-384
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"
)

// ErrNoSigner is the error of a format that is nothing without a signature.
var ErrNoSigner = errors.New("the format is signed, and there is no signer")

// errSigner is the error of a signer whose key no algorithm here fits.
var errSigner = errors.New("the key of the signer is neither ECDSA on P-256 or P-384 nor RSA of 2048 bits or more")

// shortestRSA is how many bits an RSA key must have (NIST SP 800-131A).
const shortestRSA = 2048

// A Signer signs what devices can verify. Its signatures are deterministic:
// the same content gives the same bytes in every process, so that what is
// published under an address does not depend on who wrote it.
type Signer struct {
	// Key is ECDSA on P-256 or P-384, which signs by RFC 6979 where it is given
	// no randomness as that of crypto/ecdsa does, or RSA.
	Key   crypto.Signer
	Chain []*x509.Certificate // that of Key first; not empty
}

// Check reports what is wrong with s but for its time: a key that does not fit
// the certificate or is of another kind, or a certificate that may not sign
// (RFC 5280, section 4.2.1.3).
func (s *Signer) Check() error {
	if _, err := s.algorithm(); err != nil {
		return err
	}
	leaf := s.Chain[0]
	public, ok := leaf.PublicKey.(interface{ Equal(x crypto.PublicKey) bool })
	if !ok || !public.Equal(s.Key.Public()) {
		return errors.New("the key does not belong to the certificate")
	}
	if leaf.KeyUsage != 0 && leaf.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return errors.New("the certificate's key usage allows no digital signature")
	}
	for i, c := range s.Chain[1:] {
		if err := s.Chain[i].CheckSignatureFrom(c); err != nil {
			return fmt.Errorf("certificate %d of the chain did not sign the one before it: %w", i+2, err)
		}
	}
	return nil
}

// from returns the later of made and the begin of the certificate.
func (s *Signer) from(made time.Time) time.Time {
	if begin := s.Chain[0].NotBefore; begin.After(made) {
		return begin
	}
	return made
}

// A signature algorithm, by its names in JWS and CMS.
type algorithm struct {
	jws       string // RFC 7518, section 3.1
	hash      crypto.Hash
	digest    asn1.ObjectIdentifier    // RFC 5754, section 2
	signature pkix.AlgorithmIdentifier // RFC 5754, section 3; RFC 5753, section 7.1.3
	size      int                      // bytes of r, and of s; 0 for RSA
}

// algorithm returns the one that the key is for.
func (s *Signer) algorithm() (algorithm, error) {
	sha256 := asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	sha384 := asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	switch public := s.Key.Public().(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < shortestRSA {
			break
		}
		rsaEncryption := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, Parameters: asn1.NullRawValue}
		return algorithm{"RS256", crypto.SHA256, sha256, rsaEncryption, 0}, nil
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			withSHA256 := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
			return algorithm{"ES256", crypto.SHA256, sha256, withSHA256, 32}, nil
		case elliptic.P384():
			withSHA384 := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}}
			return algorithm{"ES384", crypto.SHA384, sha384, withSHA384, 48}, nil
		}
	}
	return algorithm{}, errSigner
}

func (a algorithm) sum(content []byte) []byte {
	h := a.hash.New()
	_, _ = h.Write(content) // a hash takes whatever comes
	return h.Sum(nil)
}

// sign returns the signature over the content, of ECDSA in DER. Without
// randomness ECDSA is deterministic, and RSA by PKCS #1 v1.5 is always.
func (s *Signer) sign(a algorithm, content []byte) ([]byte, error) {
	return s.Key.Sign(nil, a.sum(content), a.hash)
}
