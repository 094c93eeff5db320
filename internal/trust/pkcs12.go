package trust

import (
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// DefaultPassword is that of truststores for which none is given. It is public
// and keeps nothing secret: what a truststore holds is public as well.
const DefaultPassword = "changeit"

// PKCS12 is a truststore: the roots in a PKCS #12 file (RFC 7292) with the
// attribute by which Java tells trusted certificates from others. It is
// encrypted with AES-256 and has a MAC with SHA-256. The password is
// [DefaultPassword] unless the options have another; the salts are random.
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
	out, err := pkcs12.Modern2023.EncodeTrustStoreEntries(entries, o.password())
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
