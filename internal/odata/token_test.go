package odata

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func newSealer(t testing.TB, key byte) *TokenSealer {
	t.Helper()
	block, err := aes.NewCipher([]byte(strings.Repeat(string(rune(key)), 32)))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return NewTokenSealer(aead)
}

// compareValue lets cmp look into values.
func compareValue() cmp.Option { return cmp.AllowUnexported(Value{}) }

func TestTokenRoundTrips(t *testing.T) {
	s := newSealer(t, 'k')
	rapid.Check(t, func(t *rapid.T) {
		var pos []Value
		for range rapid.IntRange(0, 6).Draw(t, "n") {
			v := Value{state: State(rapid.IntRange(0, 2).Draw(t, "state"))}
			if v.state == Present {
				v.str = rapid.String().Draw(t, "str")
				v.num = rapid.Int64().Draw(t, "num")
				v.time = DateTimeOffset{Ticks: rapid.Int64().Draw(t, "ticks"), Offset: rapid.Int16().Draw(t, "offset")}
			}
			pos = append(pos, v)
		}
		binding := rapid.String().Draw(t, "binding")
		token := s.Seal(binding, pos)
		got, err := s.Open(binding, token)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(pos) || len(pos) > 0 && !cmp.Equal(pos, got, compareValue()) {
			t.Fatalf("got %+v, want %+v", got, pos)
		}
		if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("%q must be escaped in a URL", token)
		}
		if _, err := s.Open(binding+"x", token); err == nil {
			t.Fatal("a token must not open for another binding")
		}
	})
}

func TestTokenOpenRefuses(t *testing.T) {
	s := newSealer(t, 'k')
	token := s.Seal("tenant/set/query", []Value{String("Acme"), Int(7), String("id")})
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{
		"nothing":        "",
		"not base64":     "?" + token[1:],
		"padded":         token + "=",
		"line break":     token[:4] + "\n" + token[4:],
		"another key":    newSealer(t, 'j').Seal("tenant/set/query", nil),
		"other binding":  s.Seal("tenant/set/other", nil),
		"too long":       strings.Repeat("A", maxTokenBytes+1),
		"long rubbish":   strings.Repeat("A", maxTokenBytes),
		"too many parts": s.Seal("tenant/set/query", make([]Value, maxTokenParts+1)),
		"other version":  "Ag" + token[2:],
	}
	for i := range raw {
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		bad["bit flipped"+strings.Repeat("'", i)] = base64.RawURLEncoding.EncodeToString(changed)
		bad["truncated"+strings.Repeat("'", i)] = base64.RawURLEncoding.EncodeToString(raw[:i])
	}
	for name, token := range bad {
		pos, err := s.Open("tenant/set/query", token)
		var e *Error
		if !errors.As(err, &e) || e.Option != "$skiptoken" || e.Msg != "The $skiptoken is not valid for this request." || pos != nil {
			t.Errorf("%s: %v, %v", name, pos, err)
		}
	}
}

func TestReadPositionRefuses(t *testing.T) {
	good := appendPosition(nil, []Value{String("abc"), Int(-5), Date(Never())})
	if _, ok := readPosition(good); !ok {
		t.Fatal("a position must be read")
	}
	for i := range good {
		if _, ok := readPosition(good[:i]); ok {
			t.Errorf("a position cut to %d bytes is read", i)
		}
	}
	if _, ok := readPosition(append(good, 0)); ok {
		t.Error("a position with more behind it is read")
	}
}
