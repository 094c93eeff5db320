package trust

import (
	"strings"
	"testing"
)

func TestSlug(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"Example Root CA - G2", "example-root-ca-g2"},
		{" <&> ", ""},
		{"日本 CA", "ca"},
		{strings.Repeat("A", 50), strings.Repeat("a", 40)},
		{strings.Repeat("a", 38) + " bc", strings.Repeat("a", 38) + "-b"},
		{strings.Repeat("a", 39) + " bc", strings.Repeat("a", 39)},
	} {
		if got := slug(c.text, 40); got != c.want {
			t.Errorf("slug(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}
