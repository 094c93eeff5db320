package casim

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"time"
)

// A tbsCertificate is what is signed of a certificate (RFC 5280, 4.1.2).
type tbsCertificate struct {
	Raw                asn1.RawContent
	Version            int `asn1:"optional,explicit,default:0,tag:0"`
	SerialNumber       *big.Int
	SignatureAlgorithm pkix.AlgorithmIdentifier
	Issuer             asn1.RawValue
	Validity           struct{ NotBefore, NotAfter time.Time }
	Subject            asn1.RawValue
	PublicKey          asn1.RawValue
	Extensions         []pkix.Extension `asn1:"omitempty,optional,explicit,tag:3"`
}

// forged signs one certificate anew with what crypto/x509 would not sign.
func forged(change func(*tbsCertificate)) func(*World) {
	return one(func(w *World, c *Issued) { w.forge(c, change) })
}

// forge changes a certificate and signs it again. One that cannot be read stays
// as it is.
func (w *World) forge(c *Issued, change func(*tbsCertificate)) {
	var outer struct {
		TBS       tbsCertificate
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.DER, &outer); err != nil {
		return
	}
	outer.TBS.Raw = nil
	change(&outer.TBS)
	tbs, err := asn1.Marshal(outer.TBS)
	if err != nil {
		return
	}
	sum := sha256.Sum256(tbs)
	signature, err := ecdsa.SignASN1(rand.Reader, w.ca.signerOf(c).key, sum[:])
	if err != nil {
		return
	}
	outer.TBS.Raw = tbs
	outer.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	if der, err := asn1.Marshal(outer); err == nil {
		c.DER, c.Serial = der, outer.TBS.SerialNumber.Text(16)
	}
}

// signerOf returns the CA that issued c; c.mu is held.
func (c *CA) signerOf(i *Issued) signer {
	if i.Profile == ProfileDevice {
		return c.auth.Device
	}
	return c.auth.User
}

func decode(text string) ([]byte, error) { return base64.StdEncoding.DecodeString(text) }
