package provider

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"cloudpki/internal/secret"
)

func TestClean(t *testing.T) {
	password := secret.NewString("p&ss word")
	tests := []struct{ in, want string }{
		{"", ""},
		{"plain", "plain"},
		{"  two\n\t lines \r\n", "two lines"},
		{"a\x00b\x1b[31mc\x7f", "ab[31mc"},
		{"bad \xff utf-8", "bad utf-8"},
		{"right\u202eleft\u200b\ufeff", "rightleft"},
		{"line\u2028separator", "line separator"},
		{"no\U000f0000 such\u0378 letter", "no such letter"},
		{"it is p&ss word.", "it is REDACTED."},
		{"it is cCZzcyB3b3Jk", "it is REDACTED"},
		{"?p=p%26ss+word", "?p=REDACTED"},
		{"p&ss\x00 \x00word", "REDACTED"},
		{strings.Repeat("ä", 30), strings.Repeat("ä", 18) + "…"},
	}
	for _, tt := range tests {
		if got := NewCleaner(password, secret.Text{}).Clean(tt.in, 40); got != tt.want {
			t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("text \x00 with \u202e everything", 10, "secret")
	f.Add("secret", 3, "s")
	f.Fuzz(func(t *testing.T, s string, limit int, hidden string) {
		got := NewCleaner(secret.NewString(hidden)).Clean(s, limit)
		if !utf8.ValidString(got) || len(got) > max(limit, 0) || strings.ContainsFunc(got, unprintable) {
			t.Errorf("Clean(%q, %d) = %q", s, limit, got)
		}
		if len(hidden) > 8 && strings.Contains(got, hidden) {
			t.Errorf("the secret is in %q", got)
		}
	})
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

func TestCleanerHidesTheLongerSecretFirst(t *testing.T) {
	c := NewCleaner(secret.NewString("open"), secret.NewString("open sesame"))
	if got := c.Clean("it is open sesame, or open", 100); got != "it is REDACTED, or REDACTED" {
		t.Errorf("got %q", got)
	}
}

// What a CA, a name server or a careless caller puts into an Error cannot make
// its public face unfit to store, to log and to show.
func FuzzErrorText(f *testing.F) {
	f.Add("ca\xff.example answers", "E\x00\n1", "t\u202ex")
	f.Add(strings.Repeat("ä", 5000), strings.Repeat("ö", 500), strings.Repeat("\xff", 500))
	f.Fuzz(func(t *testing.T, msg, code, tx string) {
		e := &Error{Code: CodeProtocol, Msg: msg, UpstreamCode: code, TxID: tx}
		for _, s := range []string{e.Text(), e.Error()} {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, unprintable) || len(s) > 1200 {
				t.Errorf("unfit to show: %q", s)
			}
		}
	})
}
