package trust

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// DefaultPassword is that of truststores for which none is given. It is public
// and keeps nothing secret: what a truststore holds is public as well.
const DefaultPassword = "changeit"

// saltBytes is more than an encoder asks for: two salts and an initialization
// vector of 16 bytes each.
const saltBytes = 256

// PKCS12 is a truststore: the roots in a PKCS #12 file (RFC 7292) with the
// attribute by which Java tells trusted certificates from others. It is
// encrypted with AES-256 and has a MAC with SHA-256. The password is
// [DefaultPassword] unless the options have another; the salts follow from it and
// from the roots, so that every process writes the same bytes.
func PKCS12() Format {
	return Format{Ext: "p12", MediaType: "application/x-pkcs12", Doc: "A truststore for Java 8u301 and later, .NET and OpenSSL; the password is changeit.", Write: writePKCS12}
}

func writePKCS12(b Bundle, o Options) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	roots := Sorted(b.Roots)
	entries := make([]pkcs12.TrustStoreEntry, len(roots))
	for i, c := range roots {
		entries[i] = pkcs12.TrustStoreEntry{Cert: c, FriendlyName: alias(c)}
	}
	salts, err := hkdf.Key(sha256.New, concatenated(roots), []byte(o.password()), "cloudpki PKCS #12 truststore", saltBytes)
	if err != nil {
		return nil, fmt.Errorf("derive salts of PKCS #12: %w", err)
	}
	out, err := pkcs12.Modern2023.WithRand(bytes.NewReader(salts)).EncodeTrustStoreEntries(entries, o.password())
	if err != nil {
		return nil, fmt.Errorf("write PKCS #12: %w", err)
	}
	return out, nil
}

// password returns the password of a truststore.
func (o Options) password() string {
	if o.Password == "" {
		return DefaultPassword
	}
	return o.Password
}
