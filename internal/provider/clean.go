package provider

import (
	"encoding/base64"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"cloudpki/internal/secret"
)

const scrubbed = "REDACTED"

// Clean makes text from a remote host fit for a report an admin reads: invalid
// UTF-8, control and format characters are dropped, white space is one blank,
// each of the secrets, also in base64 and percent-encoded, becomes REDACTED,
// and at most limit bytes remain.
func Clean(s string, limit int, secrets ...secret.Text) string {
	const most = 64 << 10 // what lies behind cannot matter to a reader
	if len(s) > most {
		s = s[:most]
	}
	// Before and after: a secret may hold blanks, or be cut by what is dropped.
	s = scrub(plain(scrub(s, secrets)), secrets)
	if len(s) <= limit {
		return s
	}
	const dots = "…"
	cut := max(limit-len(dots), 0)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	if limit < len(dots) {
		return s[:cut]
	}
	return s[:cut] + dots
}

func plain(s string) string {
	var b strings.Builder
	blank := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			blank = true
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
		default:
			if blank && b.Len() > 0 {
				b.WriteByte(' ')
			}
			blank = false
			b.WriteRune(r)
		}
	}
	return b.String()
}

func scrub(s string, secrets []secret.Text) string {
	for _, t := range secrets {
		if t.IsEmpty() {
			continue
		}
		raw := string(t.Reveal())
		for _, form := range []string{raw, base64.StdEncoding.EncodeToString(t.Reveal()), url.QueryEscape(raw), url.PathEscape(raw)} {
			s = strings.ReplaceAll(s, form, scrubbed)
		}
	}
	return s
}
