package provider

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	"cloudpki/internal/secret"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// maxPEMBlocks bounds what is read of a PEM file: a key and a chain.
const maxPEMBlocks = 32

// IsPEM reports whether a file is text in PEM (RFC 7468), not PKCS#12.
func IsPEM(file []byte) bool {
	return !IsDER(file) && strings.Contains(string(file), "-----BEGIN ")
}

// PKCS12FromPEM makes a PKCS#12 file under a password of a PEM file with a
// private key (PKCS #8, PKCS #1 or SEC 1, not encrypted), its certificate and
// those above it. Errors are *Error with CodeCredentialInvalid; their messages
// name the member to correct and nothing of the file.
func PKCS12FromPEM(file, password secret.Text) (secret.Text, error) {
	key, certs, err := readPEM(file.Reveal())
	if err != nil {
		return secret.Text{}, err
	}
	leaf, rest, err := pickLeaf(key, certs)
	if err != nil {
		return secret.Text{}, err
	}
	pfx, err := pkcs12.Modern.Encode(key, leaf, rest, string(password.Reveal()))
	if err != nil {
		return secret.Text{}, badCertificate("could not be made a PKCS#12 file; its password may have letters that such a file cannot have", err)
	}
	return secret.New(pfx), nil
}

func readPEM(rest []byte) (crypto.PrivateKey, []*x509.Certificate, error) {
	var key crypto.PrivateKey
	var certs []*x509.Certificate
	for range maxPEMBlocks {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch {
		case block.Type == "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, badCertificate("is a PEM file with a certificate that cannot be read", err)
			}
			certs = append(certs, cert)
		case strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "":
			return nil, nil, badCertificate("is a PEM file with an encrypted key, which is not read; make it a PKCS#12 file", nil)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			if len(block.Bytes) > maxKeyBag {
				return nil, nil, badCertificate("is a PEM file with a key that is too large", nil)
			}
			one, err := parseKey(block.Bytes)
			if err != nil || key != nil {
				return nil, nil, badCertificate("is a PEM file with a key that cannot be read, or with several", err)
			}
			key = one
		}
	}
	if key == nil || certs == nil {
		return nil, nil, badCertificate("is a PEM file without a private key and its certificate; put both into one file, or choose a PKCS#12 file", nil)
	}
	return key, certs, nil
}

func parseKey(der []byte) (crypto.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		return key, nil
	}
	if rsa, errRSA := x509.ParsePKCS1PrivateKey(der); errRSA == nil {
		return rsa, nil
	}
	ec, errEC := x509.ParseECPrivateKey(der)
	if errEC == nil {
		return ec, nil
	}
	return nil, errors.Join(err, errEC)
}
