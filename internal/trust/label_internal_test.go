package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
)

func TestLabel(t *testing.T) {
	for _, c := range []struct {
		subject pkix.Name
		want    string
	}{
		{pkix.Name{CommonName: "Example Root"}, "Example Root"},
		{pkix.Name{CommonName: " a\r\n b\x00\u202ec "}, "a b c"},
		{pkix.Name{CommonName: "a\xff"}, "a\uFFFD"},
		{pkix.Name{CommonName: strings.Repeat("é", 100)}, strings.Repeat("é", 64)},
		{pkix.Name{Organization: []string{"Example"}}, "O=Example"},
		{pkix.Name{}, ""},
	} {
		if got := label(&x509.Certificate{Subject: c.subject}); got != c.want {
			t.Errorf("label(%q) = %q, want %q", c.subject, got, c.want)
		}
	}
}
