package provider

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the MAC of files as OpenSSL 1 and Windows write them
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"hash"
	"unicode/utf16"
)

// The parameters of RFC 8018, appendix A, and RFC 9579 (PBMAC1).
type (
	pbeParams struct {
		Salt       []byte
		Iterations int
	}
	pbes2Params struct { // also PBMAC1-params
		KDF    pkix.AlgorithmIdentifier
		Scheme pkix.AlgorithmIdentifier
	}
	pbkdf2Params struct {
		Salt       asn1.RawValue
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

// count adds iterations to the file's work.
func (f *pkcs12File) count(iterations int) error {
	if iterations < 1 || iterations > maxIterations {
		return badCertificate(fmt.Sprintf("asks for %d iterations of key derivation; 1 to %d are done", iterations, maxIterations), nil)
	}
	if f.work += iterations; f.work > maxIterationsTotal {
		return badCertificate(fmt.Sprintf("asks for more than %d iterations of key derivation in all", maxIterationsTotal), nil)
	}
	return nil
}

// countCipher counts the derivation of an encryption: PBES2 with PBKDF2, or
// one of PKCS#12's own, whose parameters are a salt and a count.
func (f *pkcs12File) countCipher(a pkix.AlgorithmIdentifier) error {
	if a.Algorithm.String() == oidPBES2 {
		p, err := readPBKDF2(a)
		if err != nil {
			return err
		}
		return f.count(p.Iterations)
	}
	var p pbeParams
	if err := unmarshalDER(a.Parameters.FullBytes, &p); err != nil {
		return badCertificate("is encrypted in a way that is not supported ("+a.Algorithm.String()+")", err)
	}
	return f.count(p.Iterations)
}

func (f *pkcs12File) countMAC() error {
	if f.mac.Mac.Algorithm.Algorithm.String() == oidPBMAC1 {
		p, err := readPBKDF2(f.mac.Mac.Algorithm)
		if err != nil {
			return err
		}
		return f.count(p.Iterations)
	}
	return f.count(f.mac.Iterations)
}

func readPBKDF2(a pkix.AlgorithmIdentifier) (pbkdf2Params, error) {
	var outer pbes2Params
	var p pbkdf2Params
	if err := unmarshalDER(a.Parameters.FullBytes, &outer); err != nil {
		return p, notPKCS12(err)
	}
	if outer.KDF.Algorithm.String() != oidPBKDF2 {
		return p, badCertificate("derives its key in a way that is not supported ("+outer.KDF.Algorithm.String()+")", nil)
	}
	if err := unmarshalDER(outer.KDF.Parameters.FullBytes, &p); err != nil {
		return p, notPKCS12(err)
	}
	return p, nil
}

// verify checks the MAC and returns the password as the file encodes it: a
// BMPString with its terminator, or, where some tools write the empty
// password, no bytes at all.
func (f *pkcs12File) verify(password string) ([]byte, error) {
	encoded, ok := bmpString(password)
	if !ok {
		return nil, wrongPassword()
	}
	tries := [][]byte{encoded}
	if password == "" {
		tries = append(tries, nil)
	}
	for _, p := range tries {
		mac, err := f.computeMAC(p, password)
		if err != nil {
			return nil, err
		}
		if hmac.Equal(mac, f.mac.Mac.Digest) {
			return p, nil
		}
	}
	return nil, wrongPassword()
}

func wrongPassword() *Error {
	return &Error{Code: CodeCredentialInvalid, Msg: memberPassword + " is not the password of " + memberCertificate}
}

func (f *pkcs12File) computeMAC(encoded []byte, password string) ([]byte, error) {
	a := f.mac.Mac.Algorithm
	if a.Algorithm.String() == oidPBMAC1 {
		return pbmac1(a, f.signed, password)
	}
	h, ok := digest(a.Algorithm.String())
	if !ok {
		return nil, badCertificate("has a MAC of a kind that is not supported ("+a.Algorithm.String()+")", nil)
	}
	return authenticate(h, macKey(h, f.mac.Salt, encoded, f.mac.Iterations), f.signed), nil
}

// pbmac1 is the MAC of RFC 9579. Keys outside 20 to 64 bytes are refused: a
// short one could be guessed, a long one is work.
func pbmac1(a pkix.AlgorithmIdentifier, signed []byte, password string) ([]byte, error) {
	p, err := readPBKDF2(a)
	if err != nil {
		return nil, err
	}
	var outer pbes2Params
	if err := unmarshalDER(a.Parameters.FullBytes, &outer); err != nil {
		return nil, notPKCS12(err)
	}
	prf, ok := digest(p.PRF.Algorithm.String())
	if len(p.PRF.Algorithm) == 0 {
		prf, ok = sha1.New, true
	}
	mac, known := digest(outer.Scheme.Algorithm.String())
	if !ok || !known || p.KeyLength < 20 || p.KeyLength > 64 || p.Salt.Tag != asn1.TagOctetString {
		return nil, badCertificate("has a MAC of a kind that is not supported", nil)
	}
	key, err := pbkdf2.Key(prf, password, p.Salt.Bytes, p.Iterations, p.KeyLength)
	if err != nil {
		return nil, badCertificate("has a MAC of a kind that is not supported", err)
	}
	return authenticate(mac, key, signed), nil
}

// digest returns the hash that a digest's or an HMAC's identifier names.
func digest(oid string) (func() hash.Hash, bool) {
	switch oid {
	case "1.3.14.3.2.26", "1.2.840.113549.2.7":
		return sha1.New, true
	case "2.16.840.1.101.3.4.2.1", "1.2.840.113549.2.9":
		return sha256.New, true
	case "2.16.840.1.101.3.4.2.3", "1.2.840.113549.2.11":
		return sha512.New, true
	}
	return nil, false
}

// macKey derives a MAC key by RFC 7292, appendix B.2, with ID 3. The key has
// the length of the hash, so the first round of that procedure is all of it.
func macKey(newHash func() hash.Hash, salt, password []byte, iterations int) []byte {
	h := newHash()
	h.Write(bytes.Repeat([]byte{3}, h.BlockSize()))
	h.Write(filled(salt, h.BlockSize()))
	h.Write(filled(password, h.BlockSize()))
	sum := h.Sum(nil)
	for range iterations - 1 {
		h.Reset()
		h.Write(sum)
		sum = h.Sum(sum[:0])
	}
	return sum
}

// filled repeats b to the next multiple of v bytes.
func filled(b []byte, v int) []byte {
	if len(b) == 0 {
		return nil
	}
	size := (len(b) + v - 1) / v * v
	return bytes.Repeat(b, size/len(b)+1)[:size]
}

func authenticate(newHash func() hash.Hash, key, b []byte) []byte {
	m := hmac.New(newHash, key)
	m.Write(b)
	return m.Sum(nil)
}

// cheapMAC is the MAC of a file made in memory for the decoder.
func cheapMAC(signed, password []byte) macData {
	salt := make([]byte, 8)
	return macData{
		Mac: digestInfo{
			Algorithm: pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, Parameters: asn1.NullRawValue},
			Digest:    authenticate(sha256.New, macKey(sha256.New, salt, password, 1), signed),
		},
		Salt:       salt,
		Iterations: 1,
	}
}

// bmpString encodes s with its terminator; text outside the basic plane has no
// such encoding.
func bmpString(s string) ([]byte, bool) {
	var out []byte
	for _, r := range s + "\x00" {
		if r > 0xffff || utf16.IsSurrogate(r) {
			return nil, false
		}
		out = append(out, byte(r>>8), byte(r))
	}
	return out, true
}
