package provider

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// encryptedSafe returns the contentInfo of a safe under PBES2 (PBKDF2 with
// HMAC-SHA-1, AES-128-CBC), as RFC 8018 has it.
func encryptedSafe(t *testing.T, content []byte, password string) []byte {
	t.Helper()
	salt, iv := []byte("saltsalt"), bytes.Repeat([]byte{7}, aes.BlockSize)
	key, err := pbkdf2.Key(sha1.New, password, salt, 1, 16)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	pad := aes.BlockSize - len(content)%aes.BlockSize
	content = append(content, bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(content, content)

	kdf := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}}
	kdf.Parameters.FullBytes = marshal(t, struct {
		Salt       []byte
		Iterations int
	}{salt, 1})
	scheme := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}}
	scheme.Parameters.FullBytes = marshal(t, iv)

	var data encryptedData
	data.Content.ContentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	data.Content.Algorithm.Algorithm = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	data.Content.Algorithm.Parameters.FullBytes = marshal(t, pbes2Params{kdf, scheme})
	data.Content.Ciphertext = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, Bytes: content}
	return marshal(t, contentInfo{
		ContentType: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6},
		Content:     asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: marshal(t, data)},
	})
}
