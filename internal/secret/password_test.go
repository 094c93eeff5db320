package secret_test

import (
	"strings"
	"testing"

	"cloudpki/internal/secret"
)

func TestPasswordHash(t *testing.T) {
	right, wrong := secret.NewString("correct horse"), secret.NewString("correct hors")
	made, err := secret.HashPassword(right)
	if err != nil {
		t.Fatal(err)
	}
	read, err := secret.ParsePasswordHash(made.String())
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]secret.PasswordHash{"made": made, "read": read} {
		if !h.Matches(right) || h.Matches(wrong) || h.Matches(secret.Text{}) {
			t.Errorf("%s: matches wrongly", name)
		}
	}
	if made.Decoy().Matches(right) {
		t.Error("a decoy matches")
	}
	again, err := secret.HashPassword(right)
	if err != nil || again.String() == made.String() {
		t.Errorf("two hashes of one password are alike (%v)", err)
	}
	if !strings.HasPrefix(made.String(), "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(made.String(), "horse") {
		t.Errorf("hash %s", made)
	}
}

func TestParsePasswordHashRefuses(t *testing.T) {
	const good = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$GfSKr180UiCm+CVgrdPrzbKelEmaJB+EQ2B9mhVifyg"
	if _, err := secret.ParsePasswordHash(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "hunter2", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=64", "m=4194304", 1), strings.Replace(good, "m=64", "m=0", 1), strings.Replace(good, "m=64", "m=064", 1),
		strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "t=1", "t=99", 1), strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "p=1", "p=1,x=2", 1), strings.Replace(good, "c2FsdHNhbHRzYWx0", "AA", 1), good + "=", good + "$", good + "\n",
	} {
		if _, err := secret.ParsePasswordHash(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParsePasswordHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$GfSKr180UiCm+CVgrdPrzbKelEmaJB+EQ2B9mhVifyg")
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := secret.ParsePasswordHash(text); err == nil && h.String() != text {
			t.Errorf("%q reads as %q", text, h)
		}
	})
}
