package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"
)

// The SignedData of CMS (RFC 5652, section 5.1) as far as it is needed here:
// one signer, who is named by issuer and serial number.
type (
	contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0"`
	}
	signedData struct {
		Version          int
		DigestAlgorithms []pkix.AlgorithmIdentifier `asn1:"set"`
		Content          contentInfo
		Certificates     asn1.RawValue
		Signers          []signerInfo `asn1:"set"`
	}
	signerInfo struct {
		Version            int
		Signer             issuerAndSerial
		DigestAlgorithm    pkix.AlgorithmIdentifier
		Attributes         []attribute `asn1:"set,tag:0"`
		SignatureAlgorithm pkix.AlgorithmIdentifier
		Signature          []byte
	}
	issuerAndSerial struct{ Issuer, Serial asn1.RawValue }
	attribute       struct {
		Type   asn1.ObjectIdentifier
		Values []asn1.RawValue `asn1:"set"`
	}
)

// The object identifiers below that of PKCS #7 and PKCS #9.
func oidData() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} }

func oidSignedData() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2} }

func oidContentType() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3} }

func oidMessageDigest() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
}

func oidSigningTime() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5} }

// signCMS returns the content within a CMS SignedData in DER, with the chain.
// The signing time is when the content was made or, where the signer's
// certificate began later, when that began: who verifies looks whether the
// certificate was valid then.
func (s *Signer) signCMS(content []byte, made time.Time) ([]byte, error) {
	a, err := s.algorithm()
	if err != nil {
		return nil, err
	}
	attributes, err := signedAttributes(a.sum(content), s.from(made))
	if err != nil {
		return nil, err
	}
	signed, err := asn1.MarshalWithParams(attributes, "set")
	if err != nil {
		return nil, err
	}
	signature, err := s.sign(a, signed)
	if err != nil {
		return nil, err
	}
	leaf := s.Chain[0]
	serial, err := asn1.Marshal(leaf.SerialNumber)
	if err != nil {
		return nil, err
	}
	octets, err := asn1.Marshal(content)
	if err != nil {
		return nil, err
	}
	digest := pkix.AlgorithmIdentifier{Algorithm: a.digest}
	der, err := asn1.Marshal(signedData{
		Version: 1, DigestAlgorithms: []pkix.AlgorithmIdentifier{digest},
		Content:      contentInfo{oidData(), explicit(octets)},
		Certificates: explicit(concatenated(s.Chain)),
		Signers: []signerInfo{{
			Version: 1, DigestAlgorithm: digest, Attributes: attributes,
			Signer:             issuerAndSerial{asn1.RawValue{FullBytes: leaf.RawIssuer}, asn1.RawValue{FullBytes: serial}},
			SignatureAlgorithm: a.signature, Signature: signature,
		}},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(contentInfo{oidSignedData(), explicit(der)})
}

// signedAttributes are what the signature is over (RFC 5652, section 11).
func signedAttributes(digest []byte, at time.Time) ([]attribute, error) {
	var list []attribute
	for _, a := range []struct {
		kind  asn1.ObjectIdentifier
		value any
	}{{oidContentType(), oidData()}, {oidMessageDigest(), digest}, {oidSigningTime(), at.UTC()}} {
		der, err := asn1.Marshal(a.value)
		if err != nil {
			return nil, err
		}
		list = append(list, attribute{a.kind, []asn1.RawValue{{FullBytes: der}}})
	}
	return list, nil
}

// explicit wraps DER in the context tag 0.
func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}

func concatenated(chain []*x509.Certificate) []byte {
	var der []byte
	for _, c := range chain {
		der = append(der, c.Raw...)
	}
	return der
}
