package trust

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/smallstep/pkcs7"
)

// PKCS7 is a PKCS #7 SignedData without content and signers that holds roots
// and intermediates (certs-only, RFC 8551 section 3.8), in DER.
func PKCS7() Format {
	return Format{
		Ext: "p7b", MediaType: "application/pkcs7-mime; smime-type=certs-only",
		Doc: "Roots and intermediates in PKCS #7, for Windows, IIS and Java's keytool.", Write: writePKCS7,
	}
}

func writePKCS7(b Bundle, _ Options) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	list := Sorted(slices.Concat(b.Roots, b.Intermediates))
	// The certificates are a SET OF, whose order in DER is that of the encodings (X.690 section 11.6).
	slices.SortFunc(list, func(a, b *x509.Certificate) int { return bytes.Compare(a.Raw, b.Raw) })
	var all []byte
	for _, c := range list {
		all = append(all, c.Raw...)
	}
	out, err := pkcs7.DegenerateCertificate(all)
	if err != nil {
		return nil, fmt.Errorf("write PKCS #7: %w", err)
	}
	return out, nil
}
