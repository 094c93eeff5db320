package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
)

// longestAlias is how many characters of a common name are in an alias.
const longestAlias = 40

// thumbprint returns the SHA-256 of the DER in lower-case hex.
func thumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// alias names a certificate in a truststore: half of its thumbprint, which
// makes it unique and lasting, and what its common name leaves in a-z and 0-9.
// Upper case is not for aliases: a Java truststore finds them in lower case.
func alias(c *x509.Certificate) string {
	half := thumbprint(c)[:32]
	if words := slug(c.Subject.CommonName, longestAlias); words != "" {
		return half + "-" + words
	}
	return half
}

// slug returns what text leaves in a-z and 0-9, at most limit characters of
// it, with one hyphen for each run of others between them.
func slug(text string, limit int) string {
	var out strings.Builder
	gap := false
	for _, r := range strings.ToLower(text) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			gap = out.Len() > 0
			continue
		}
		if gap && out.Len()+2 > limit || out.Len()+1 > limit {
			break
		}
		if gap {
			out.WriteByte('-')
			gap = false
		}
		out.WriteRune(r)
	}
	return out.String()
}
