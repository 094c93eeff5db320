package cli

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"

	"cloudpki/internal/provider"
)

// readPFX reads a PKCS#12 file (RFC 7292). Whether its password opens it, the
// service tells; that it is one at all can be told here.
func readPFX(path string) ([]byte, error) {
	const derSequence = 0x30
	text, err := readFile(path, maxCertificateBytes)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 || text[0] != derSequence {
		return nil, misuse("openssl pkcs12 -export -in CERT.pem -inkey KEY.pem -out FILE.p12 makes one", "%s is no PKCS#12 file", path)
	}
	return text, nil
}

// readRoot reads one certificate, PEM or DER, and returns its DER.
func readRoot(path string) ([]byte, error) {
	certificates, _, err := readCertificates(path)
	if err != nil {
		return nil, err
	}
	if len(certificates) != 1 {
		return nil, misuse("give the root alone; a sync finds the rest of the chain", "%s holds %d certificates, not one", path, len(certificates))
	}
	return certificates[0].Raw, nil
}

// readServerCAs reads one or more certificates, PEM or DER, and returns the
// file as it is.
func readServerCAs(path string) ([]byte, error) {
	_, text, err := readCertificates(path)
	return text, err
}

// readCertificates reads a file of certificates. One that holds a key as well
// is refused, so that the key does not travel by mistake.
func readCertificates(path string) ([]*x509.Certificate, []byte, error) {
	text, err := readFile(path, maxCertificateBytes)
	if err != nil {
		return nil, nil, err
	}
	if provider.IsDER(text) || !bytes.Contains(text, []byte("-----BEGIN ")) {
		c, err := x509.ParseCertificate(text)
		if err != nil {
			return nil, nil, &failure{exit: exitUsage, msg: path + " holds no certificate", err: err, hint: "give a PEM or DER file"}
		}
		return []*x509.Certificate{c}, text, nil
	}
	var certificates []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, nil, misuse("give a file with certificates alone", "%s holds a %s", path, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, &failure{exit: exitUsage, msg: path + " holds a certificate that cannot be read", err: err}
		}
		certificates = append(certificates, c)
	}
	if len(certificates) == 0 {
		return nil, nil, misuse("give a PEM or DER file", "%s holds no certificate", path)
	}
	return certificates, text, nil
}
