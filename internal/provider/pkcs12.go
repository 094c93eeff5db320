package provider

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"cloudpki/internal/secret"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// The bounds of a PKCS#12 file. Iterations are what a hostile file burns CPU
// with: 100,000 take about 60 ms.
const (
	maxPKCS12          = 1 << 20   // bytes
	maxIterations      = 600_000   // of one derivation
	maxIterationsTotal = 1_000_000 // of all derivations of a file
	maxKeyBag          = 6 << 10   // bytes; RSA of 8192 bits takes 4.8 KiB
)

// The ASN.1 of RFC 7292, section 4 and appendix D, as far as it is looked at.
type (
	pfxPDU struct {
		Version  int
		AuthSafe contentInfo
		MacData  macData `asn1:"optional"`
	}
	contentInfo struct {
		ContentType asn1.ObjectIdentifier
		Content     asn1.RawValue `asn1:"tag:0,explicit,optional"`
	}
	macData struct {
		Mac        digestInfo
		Salt       []byte
		Iterations int `asn1:"optional,default:1"`
	}
	digestInfo struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	encryptedData struct {
		Version int
		Content struct {
			ContentType asn1.ObjectIdentifier
			Algorithm   pkix.AlgorithmIdentifier
			Ciphertext  asn1.RawValue `asn1:"tag:0,optional"`
		}
	}
	safeBag struct {
		ID         asn1.ObjectIdentifier
		Value      asn1.RawValue   `asn1:"tag:0,explicit"`
		Attributes []asn1.RawValue `asn1:"set,optional"`
	}
	encryptedKey struct {
		Algorithm  pkix.AlgorithmIdentifier
		Ciphertext []byte
	}
)

const (
	oidData          = "1.2.840.113549.1.7.1"
	oidEncryptedData = "1.2.840.113549.1.7.6"
	oidKeyBag        = "1.2.840.113549.1.12.10.1.1"
	oidShroudedBag   = "1.2.840.113549.1.12.10.1.2"
	oidPBES2         = "1.2.840.113549.1.5.13"
	oidPBKDF2        = "1.2.840.113549.1.5.12"
	oidPBMAC1        = "1.2.840.113549.1.5.14"
)

// openPKCS12 returns the key of a file, the certificate that belongs to it, and
// the others.
//
// Size, structure and every iteration count are checked before the first
// derivation. One count cannot be seen: that of a key bag hidden inside an
// encrypted safe. So the file must hold its one key in a plain safe, where
// OpenSSL, Windows, NSS and Java put it, and the decoder gets the file in
// another order: that key first. The decoder refuses a second key before it
// derives anything for it, so a hidden one costs nothing. As the order is under
// the MAC, the MAC is verified here and a new one of one iteration put in.
func openPKCS12(pfx, password secret.Text) (crypto.PrivateKey, *x509.Certificate, []*x509.Certificate, error) {
	if pfx.IsEmpty() {
		return nil, nil, nil, badCertificate("is missing", nil)
	}
	f, err := parsePKCS12(pfx.Reveal())
	if err != nil {
		return nil, nil, nil, err
	}
	encoded, err := f.verify(string(password.Reveal()))
	if err != nil {
		return nil, nil, nil, err
	}
	return f.decode(encoded, string(password.Reveal()))
}

// decode decrypts a file whose MAC was verified with the password so encoded.
func (f *pkcs12File) decode(encoded []byte, password string) (crypto.PrivateKey, *x509.Certificate, []*x509.Certificate, error) {
	plain, err := f.reordered(encoded)
	if err != nil {
		return nil, nil, nil, badCertificate("cannot be read", err)
	}
	key, first, more, err := pkcs12.DecodeChain(plain, password)
	if err != nil {
		return nil, nil, nil, badCertificate("cannot be read, or hides a second key; make it anew with: openssl pkcs12 -export", err)
	}
	leaf, rest, err := pickLeaf(key, append([]*x509.Certificate{first}, more...))
	return key, leaf, rest, err
}

// A pkcs12File is a file whose structure and counts are within bounds.
type pkcs12File struct {
	mac       macData
	signed    []byte          // what the MAC covers
	key       asn1.RawValue   // the bag of the one key
	bags      []asn1.RawValue // the other bags of plain safes
	encrypted []asn1.RawValue // contentInfos of encrypted safes
	work      int             // iterations in all
}

func parsePKCS12(b []byte) (*pkcs12File, error) {
	if len(b) > maxPKCS12 {
		return nil, badCertificate(fmt.Sprintf("is larger than %d bytes", maxPKCS12), nil)
	}
	var pdu pfxPDU
	if err := unmarshalDER(b, &pdu); err != nil {
		return nil, notPKCS12(err)
	}
	f := &pkcs12File{mac: pdu.MacData}
	if pdu.Version != 3 || pdu.AuthSafe.ContentType.String() != oidData {
		return nil, badCertificate("is not a password-protected PKCS#12 file of version 3", nil)
	}
	if len(f.mac.Mac.Algorithm.Algorithm) == 0 {
		return nil, badCertificate("has no MAC, so its password cannot be checked; make it anew with: openssl pkcs12 -export", nil)
	}
	if err := unmarshalDER(pdu.AuthSafe.Content.Bytes, &f.signed); err != nil {
		return nil, notPKCS12(err)
	}
	if err := f.countMAC(); err != nil {
		return nil, err
	}
	var safes []asn1.RawValue
	if err := unmarshalDER(f.signed, &safes); err != nil {
		return nil, notPKCS12(err)
	}
	for _, s := range safes {
		if err := f.addSafe(s); err != nil {
			return nil, err
		}
	}
	if f.key.FullBytes == nil {
		return nil, badCertificate("holds no private key outside its encrypted part; make it anew with: openssl pkcs12 -export", nil)
	}
	return f, nil
}

func (f *pkcs12File) addSafe(raw asn1.RawValue) error {
	var info contentInfo
	if err := unmarshalDER(raw.FullBytes, &info); err != nil {
		return notPKCS12(err)
	}
	switch info.ContentType.String() {
	case oidData:
		var content []byte
		var bags []asn1.RawValue
		if err := unmarshalDER(info.Content.Bytes, &content); err != nil {
			return notPKCS12(err)
		}
		if err := unmarshalDER(content, &bags); err != nil {
			return notPKCS12(err)
		}
		for _, b := range bags {
			if err := f.addBag(b); err != nil {
				return err
			}
		}
		return nil
	case oidEncryptedData:
		var data encryptedData
		if err := unmarshalDER(info.Content.Bytes, &data); err != nil {
			return notPKCS12(err)
		}
		f.encrypted = append(f.encrypted, raw)
		return f.countCipher(data.Content.Algorithm)
	}
	return badCertificate("is not protected by a password but by a key", nil)
}

func (f *pkcs12File) addBag(raw asn1.RawValue) error {
	var bag safeBag
	if err := unmarshalDER(raw.FullBytes, &bag); err != nil {
		return notPKCS12(err)
	}
	id := bag.ID.String()
	if id != oidKeyBag && id != oidShroudedBag {
		f.bags = append(f.bags, raw)
		return nil
	}
	if f.key.FullBytes != nil {
		return badCertificate("holds two private keys; export the one that is meant", nil)
	}
	if len(bag.Value.Bytes) > maxKeyBag {
		return badCertificate(fmt.Sprintf("holds a private key larger than RSA of %d bits", maxRSABits), nil)
	}
	f.key = raw
	if id == oidKeyBag {
		return nil
	}
	var k encryptedKey
	if err := unmarshalDER(bag.Value.Bytes, &k); err != nil {
		return notPKCS12(err)
	}
	return f.countCipher(k.Algorithm)
}

// reordered returns the file with its key first and a MAC of one iteration.
func (f *pkcs12File) reordered(password []byte) ([]byte, error) {
	bags, err := asn1.Marshal(append([]asn1.RawValue{f.key}, f.bags...))
	if err != nil {
		return nil, fmt.Errorf("marshal bags: %w", err)
	}
	first, err := dataContent(bags)
	if err != nil {
		return nil, err
	}
	info, err := asn1.Marshal(first)
	if err != nil {
		return nil, fmt.Errorf("marshal safe: %w", err)
	}
	signed, err := asn1.Marshal(append([]asn1.RawValue{{FullBytes: info}}, f.encrypted...))
	if err != nil {
		return nil, fmt.Errorf("marshal safes: %w", err)
	}
	outer, err := dataContent(signed)
	if err != nil {
		return nil, err
	}
	out, err := asn1.Marshal(pfxPDU{Version: 3, AuthSafe: outer, MacData: cheapMAC(signed, password)})
	if err != nil {
		return nil, fmt.Errorf("marshal file: %w", err)
	}
	return out, nil
}

func dataContent(b []byte) (contentInfo, error) {
	octets, err := asn1.Marshal(b)
	if err != nil {
		return contentInfo{}, fmt.Errorf("marshal content: %w", err)
	}
	return contentInfo{
		ContentType: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1},
		Content:     asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: octets},
	}, nil
}

func unmarshalDER(b []byte, v any) error {
	rest, err := asn1.Unmarshal(b, v)
	if err != nil {
		return fmt.Errorf("decode DER: %w", err)
	}
	if len(rest) > 0 {
		return errors.New("decode DER: trailing bytes")
	}
	return nil
}

func notPKCS12(err error) *Error {
	var syntax asn1.SyntaxError
	if errors.As(err, &syntax) && strings.Contains(syntax.Msg, "indefinite length") {
		return badCertificate("is BER with indefinite lengths, which is not read; make it anew with: openssl pkcs12 -export", err)
	}
	return badCertificate("is not a PKCS#12 file (DER)", err)
}
