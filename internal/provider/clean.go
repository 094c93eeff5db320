package provider

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cloudpki/internal/secret"
)

const scrubbed = "REDACTED"

// maxCleaned is what is looked at of a text: what lies behind cannot matter to
// a reader.
const maxCleaned = 64 << 10

// A Cleaner makes texts from a remote host fit for a report an admin reads. It
// knows the secrets that must not stand there. The zero value knows none. It
// is safe for concurrent use.
type Cleaner struct {
	secrets *strings.Replacer // nil is none
}

// NewCleaner returns a Cleaner that puts REDACTED in the place of each of the
// secrets, also in base64 and percent-encoded.
func NewCleaner(secrets ...secret.Text) Cleaner {
	var forms []string
	for _, t := range secrets {
		raw := string(t.Reveal())
		forms = append(forms, raw, base64.StdEncoding.EncodeToString(t.Reveal()), url.QueryEscape(raw), url.PathEscape(raw))
	}
	forms = slices.DeleteFunc(forms, func(f string) bool { return f == "" || len(f) > maxCleaned })
	if forms == nil {
		return Cleaner{}
	}
	// The longest first: a secret may be part of another.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, f := range forms {
		pairs = append(pairs, f, scrubbed)
	}
	return Cleaner{strings.NewReplacer(pairs...)}
}

// Clean returns s as at most limit bytes of printable UTF-8 on one line: what
// is invalid or cannot be printed is dropped, white space is one blank, and the
// secrets are hidden.
func (c Cleaner) Clean(s string, limit int) string {
	if len(s) > maxCleaned {
		s = s[:maxCleaned]
	}
	// Before and after: a secret may hold blanks, or be cut by what is dropped.
	s = c.scrub(printable(c.scrub(s)))
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

// Clean is Cleaner.Clean of one that knows no secrets.
func Clean(s string, limit int) string { return Cleaner{}.Clean(s, limit) }

func (c Cleaner) scrub(s string) string {
	if c.secrets == nil {
		return s
	}
	return c.secrets.Replace(s)
}

func printable(s string) string {
	var b strings.Builder
	blank := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			blank = true
		case r == utf8.RuneError, !unicode.IsPrint(r):
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
