package trust

import (
	"crypto/x509"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// longestLabel is in characters: the upper bound of a common name (RFC 5280
// appendix A).
const longestLabel = 64

// label names a certificate for people: its common name, or else its whole
// subject, in one line of printable characters.
func label(c *x509.Certificate) string {
	name := c.Subject.CommonName
	if strings.TrimSpace(name) == "" {
		name = c.Subject.String()
	}
	var out strings.Builder
	for _, r := range strings.ToValidUTF8(name, "\uFFFD") {
		if !unicode.IsPrint(r) {
			r = ' '
		}
		out.WriteRune(r)
		if utf8.RuneCountInString(out.String()) == longestLabel {
			break
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

// id returns the UUID of the bundle, or of a part of it, which stays the same
// as long as tenant, name and parts do (version 5, RFC 9562 section 5.5).
// No part may have a slash.
func (b Bundle) id(parts ...string) string {
	name := strings.Join(append([]string{"urn:cloudpki:trust", b.Tenant, b.Name}, parts...), "/")
	return strings.ToUpper(uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String())
}
