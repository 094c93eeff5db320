package secret_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"cloudpki/internal/secret"
)

// What was sealed opens under the same key for the same purpose, unchanged, and
// in no other way.
func TestSealer(t *testing.T) {
	type value struct {
		Name string `json:"n"`
		Many []string
	}
	key := bytes.Repeat([]byte{1}, 32)
	sealer := newSealer(t, key)
	text, err := sealer.Seal("session", value{"Ada", []string{"a"}})
	check(t, err)
	var got value
	if err := newSealer(t, key).Open("session", text, &got); err != nil || got.Name != "Ada" || len(got.Many) != 1 {
		t.Errorf("opens as %+v, %v", got, err)
	}
	if again, err := sealer.Seal("session", value{"Ada", []string{"a"}}); err != nil || again == text {
		t.Errorf("sealed alike twice (%v)", err)
	}
	flipped := "A"
	if text[0] == 'A' {
		flipped = "B"
	}
	for name, open := range map[string]func(any) error{
		"another purpose": func(v any) error { return sealer.Open("code", text, v) },
		"another key":     func(v any) error { return newSealer(t, bytes.Repeat([]byte{2}, 32)).Open("session", text, v) },
		"changed":         func(v any) error { return sealer.Open("session", flipped+text[1:], v) },
		"cut short":       func(v any) error { return sealer.Open("session", text[:8], v) },
		"empty":           func(v any) error { return sealer.Open("session", "", v) },
		"no base64":       func(v any) error { return sealer.Open("session", text+"=", v) },
		"too long":        func(v any) error { return sealer.Open("session", strings.Repeat("A", 33<<10), v) },
		"another type":    func(any) error { return sealer.Open("session", text, new(int)) },
	} {
		var v value
		if err := open(&v); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, size := range []int{0, 16, 31, 33} {
		if _, err := secret.NewSealer(make([]byte, size)); err == nil {
			t.Errorf("a key of %d bytes is taken", size)
		}
	}
}

func newSealer(t *testing.T, key []byte) secret.Sealer {
	t.Helper()
	s, err := secret.NewSealer(key)
	check(t, err)
	return s
}

func FuzzSealerOpen(f *testing.F) {
	sealer, err := secret.NewSealer(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	text, err := sealer.Seal("session", "text")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, forged string) {
		var v string
		if err := sealer.Open("session", forged, &v); err == nil && forged != text {
			t.Errorf("%q opens as %q", forged, v)
		}
	})
}
