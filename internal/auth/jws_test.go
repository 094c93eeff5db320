package auth_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
)

func TestNumericDate(t *testing.T) {
	tests := []struct {
		date auth.NumericDate
		want time.Time
		ok   bool
	}{
		{0, time.Unix(0, 0), true},
		{1795429608.5, time.Unix(1795429608, 5e8), true},
		{253402300799, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), true},
		{253402300800, time.Time{}, false},
		{-1, time.Time{}, false},
		{auth.NumericDate(math.NaN()), time.Time{}, false},
		{auth.NumericDate(math.Inf(1)), time.Time{}, false},
	}
	for _, test := range tests {
		got, ok := test.date.Time()
		if ok != test.ok || !got.Equal(test.want) {
			t.Errorf("%v: got %v %v, want %v %v", float64(test.date), got, ok, test.want, test.ok)
		}
	}
}

func TestParseJWSBoundsLength(t *testing.T) {
	text := token(goodHeader(), goodClaims())
	if _, err := auth.ParseJWS(text, len(text)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := auth.ParseJWS(text, len(text)-1); !errors.Is(err, auth.ErrMalformedJWS) {
		t.Errorf("above the limit: %v", err)
	}
}

// FuzzVerify looks for tokens that pass although this test did not sign them,
// and for refusals that are no *auth.Error or repeat the token.
func FuzzVerify(f *testing.F) {
	good := token(goodHeader(), goodClaims())
	f.Add(good)
	for _, c := range append(append(badTexts(), badHeaders()...), badClaims()...) {
		if len(c.token) <= 8<<10 {
			f.Add(c.token)
		}
	}
	v := newVerifier(f, newClock(), entra())
	f.Fuzz(func(t *testing.T, text string) {
		p, err := v.Verify(t.Context(), text)
		switch {
		case err == nil && text != good:
			t.Fatalf("accepted as %+v", p)
		case err != nil && auth.CodeOf(err) != auth.CodeInvalidToken && auth.CodeOf(err) != auth.CodeMissingToken:
			t.Fatalf("error %v", err)
		case err != nil && len(text) > 80 && strings.Contains(err.Error(), text):
			t.Fatalf("error %q holds the token", err)
		}
	})
}
