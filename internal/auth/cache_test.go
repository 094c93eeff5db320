package auth_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cloudpki/internal/auth"
)

// countedKeys count how often a key is asked for: once a verification.
type countedKeys struct {
	*localKeys
	asked int
}

func (c *countedKeys) Key(ctx context.Context, id string) (auth.Key, error) {
	c.asked++
	return c.localKeys.Key(ctx, id)
}

func TestVerifiedTokensAreRemembered(t *testing.T) {
	clock, keys := newClock(), &countedKeys{localKeys: issuerKeys()}
	issuer := entra()
	issuer.Keys = keys
	v := newVerifier(t, clock, issuer)
	text := token(goodHeader(), goodClaims())
	verify := func(step string, wantAsked int) {
		t.Helper()
		if _, err := v.Verify(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if keys.asked != wantAsked {
			t.Errorf("%s: keys asked %d times, want %d", step, keys.asked, wantAsked)
		}
	}
	verify("first", 1)
	verify("second", 1)
	clock.Move(3598 * time.Second)
	verify("before exp", 1)
	clock.Move(time.Second)
	verify("at exp, within the skew, it is verified again", 2)
	verify("and is not remembered", 3)
	clock.Move(61 * time.Second)
	if _, err := v.Verify(t.Context(), text); err == nil || err.Error() != expired {
		t.Errorf("past the skew: %v", err)
	}
}

func TestRemovedKeyEndsItsTokens(t *testing.T) {
	keys, issuer := issuerKeys(), entra()
	issuer.Keys = keys
	v := newVerifier(t, newClock(), issuer)
	text := token(goodHeader(), goodClaims())
	if _, err := v.Verify(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	keys.remove("rsa")
	if _, err := v.Verify(t.Context(), text); err == nil || err.Error() != unknownKey {
		t.Errorf("after the key is gone: %v", err)
	}
}

func TestMemoryOfTokensIsBounded(t *testing.T) {
	keys := &countedKeys{localKeys: issuerKeys()}
	issuer := entra()
	issuer.Keys = keys
	v := newVerifierWith(t, auth.Options{Issuers: []auth.Issuer{issuer}, CacheSize: 4, Now: newClock().Now})
	numbered := func(n int) string { return token(goodHeader(), goodClaims().with(object{"uti": fmt.Sprint(n)})) }
	verify := func(text string) {
		t.Helper()
		if _, err := v.Verify(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	first := numbered(0)
	verify(first)
	for n := range 3 { // in use, it outlives others
		verify(numbered(n + 1))
		verify(first)
	}
	if keys.asked != 4 {
		t.Errorf("a token in use was forgotten: keys asked %d times, want 4", keys.asked)
	}
	for n := range 5 {
		verify(numbered(n + 10))
	}
	verify(first)
	if keys.asked != 10 {
		t.Errorf("keys asked %d times, want 10: the first token should have been forgotten", keys.asked)
	}
}

func BenchmarkVerify(b *testing.B) {
	text := token(goodHeader(), goodClaims())
	b.Run("hit", func(b *testing.B) {
		v := newVerifier(b, newClock(), entra())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("miss", func(b *testing.B) {
		clock := newClock()
		clock.Move(3600 * time.Second) // past exp, within the skew: never remembered
		v := newVerifier(b, clock, entra())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bad signature", func(b *testing.B) {
		v := newVerifier(b, newClock(), entra())
		bad := text[:len(text)-2] + "AA"
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), bad); err == nil {
				b.Fatal("accepted")
			}
		}
	})
}
