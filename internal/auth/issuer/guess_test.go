package issuer_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"cloudpki/internal/auth/issuer"
	"cloudpki/internal/secret"
)

// from makes the issuer see the address that a request names.
func (s *server) from(t *testing.T) {
	t.Helper()
	s.restart(t, func(o *issuer.Options) {
		o.ClientIP = func(r *http.Request) string { return r.Header.Get("Test-From") }
	})
}

// guess sends a password for ada from an address.
func (b *browser) guess(page view, password, address string) view {
	b.t.Helper()
	action, fields := page.form(b.t)
	fields.Set("username", "ada")
	fields.Set("password", password)
	return b.post(action, fields, header("Test-From", address))
}

// TestStrangersDoNotLockOut: who fails to guess a name's password is stopped
// where they are; from many addresses, everywhere but in the browsers that the
// user has signed in with.
func TestStrangersDoNotLockOut(t *testing.T) {
	s := newServer(t)
	s.from(t)
	ada, stranger, fresh := s.browser(t), s.browser(t), s.browser(t)
	ada.guess(ada.get(authorizePath()), password, "ada's")
	adas, strangers, others := ada.get(authorizePath("prompt", "login")), stranger.get(authorizePath()), fresh.get(authorizePath())

	for range 10 {
		stranger.guess(strangers, "guess", "address 1")
	}
	if v := stranger.guess(strangers, password, "address 1"); v.status != http.StatusTooManyRequests {
		t.Errorf("the eleventh guess from an address: %d", v.status)
	}
	if v := fresh.guess(others, password, "address 0"); v.status != http.StatusSeeOther {
		t.Errorf("ada in a new browser elsewhere: %d", v.status)
	}
	fresh = s.browser(t)
	others = fresh.get(authorizePath())
	for n := range 100 {
		if v := stranger.guess(strangers, "guess", fmt.Sprint("network ", n)); v.status != http.StatusBadRequest {
			t.Fatalf("guess %d: %d", n+1, v.status)
		}
	}
	if v := fresh.guess(others, password, "address 0"); v.status != http.StatusTooManyRequests {
		t.Errorf("a new browser, after a hundred guesses from anywhere: %d", v.status)
	}
	for range 9 {
		ada.guess(adas, "mistyped", "address 1")
	}
	if v := ada.guess(adas, password, "address 1"); v.status != http.StatusSeeOther {
		t.Errorf("ada in her browser, even from the strangers' address: %d %s", v.status, v.text)
	}
	for range 10 {
		ada.guess(adas, "guess", "address 2")
	}
	if v := ada.guess(adas, password, "address 3"); v.status != http.StatusTooManyRequests {
		t.Errorf("guesses in ada's browser, without end: %d", v.status)
	}
}

// TestBrowsersAreKnownToTheirUserAlone: the cookie of one user's browser is
// worth nothing for another name, under another password, or after 90 days.
func TestBrowsersAreKnownToTheirUserAlone(t *testing.T) {
	const day = 24 * time.Hour
	rehashed, err := secret.HashPassword(secret.NewString(password))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		user   string
		after  time.Duration
		change func(*issuer.User)
		want   int
	}{
		"ada's":                 {"ada", 0, nil, http.StatusSeeOther},
		"another user's":        {"reader", 0, nil, http.StatusTooManyRequests},
		"from before a change":  {"ada", 0, func(u *issuer.User) { u.Password = rehashed }, http.StatusTooManyRequests},
		"of 90 days ago nearly": {"ada", 90*day - time.Second, nil, http.StatusSeeOther},
		"of 90 days ago":        {"ada", 90 * day, nil, http.StatusTooManyRequests},
	} {
		s := newServer(t)
		b := s.browser(t)
		b.submit(b.get(authorizePath()), "username", test.user, "password", password)
		s.Move(test.after)
		if test.change != nil {
			s.restart(t, func(o *issuer.Options) {
				o.Users = slices.Clone(o.Users)
				test.change(&o.Users[0])
			})
		}
		stranger := s.browser(t)
		page := stranger.get(authorizePath())
		for range 10 {
			stranger.submit(page, "username", "ada", "password", "guess")
		}
		if v := b.submit(b.get(authorizePath("prompt", "login")), "username", "ada", "password", password); v.status != test.want {
			t.Errorf("%s: %d, want %d", name, v.status, test.want)
		}
	}
}
