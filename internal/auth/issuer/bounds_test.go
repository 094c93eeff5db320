package issuer

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestReplaysAreBounded(t *testing.T) {
	r, now := newReplays(), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	until := now.Add(10 * time.Minute)
	for n := range maxReplays {
		if got := r.add(now, "client", fmt.Sprint(n), until); got != fresh {
			t.Fatalf("assertion %d: %v", n, got)
		}
	}
	if got := r.add(now, "client", "one more", until); got != full {
		t.Errorf("beyond the bound: %v, want refused", got)
	}
	if got := r.add(now, "client", "0", until); got != replayed {
		t.Errorf("one of the first, again: %v", got)
	}
	later := until.Add(time.Second)
	if got := r.add(later, "client", "one more", later.Add(time.Minute)); got != fresh {
		t.Errorf("when all have expired: %v", got)
	}
	if len(r.until) != 1 {
		t.Errorf("%d remembered, want 1: the expired are forgotten", len(r.until))
	}
}

func TestReplaysTellClientsApart(t *testing.T) {
	r, now := newReplays(), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, client := range []string{"a", "b"} {
		if got := r.add(now, client, "jti", now.Add(time.Minute)); got != fresh {
			t.Errorf("client %s: %v", client, got)
		}
	}
}

func TestThrottleIsBounded(t *testing.T) {
	th, now := newThrottle(), time.Date(2026, 11, 23, 12, 0, 30, 0, time.UTC)
	for n := range 3 * maxCounted {
		th.count(now, fmt.Sprint(n))
		if len(th.counts) > maxCounted {
			t.Fatalf("%d counters", len(th.counts))
		}
	}
	th.count(now, "key")
	if wait, over := th.over(now, "key", 1); !over || wait != 30 {
		t.Errorf("over %v, wait %d; want true, 30 s", over, wait)
	}
	if _, over := th.over(now.Add(30*time.Second), "key", 1); over {
		t.Error("still over in the next minute")
	}
}

func TestLockout(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	l := newLockout(3)
	fail := func(times int) {
		for range times {
			l.failed(now, "ada")
		}
	}
	fail(2)
	if l.locked(now, "ada") {
		t.Error("locked after two failures")
	}
	for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		fail(1)
		if !l.locked(now.Add(want-time.Second), "ada") || l.locked(now.Add(want), "ada") {
			t.Errorf("not locked for %s", want)
		}
	}
	if l.locked(now, "grace") {
		t.Error("another name is locked")
	}
	now = now.Add(forgetAfter + time.Second)
	fail(1)
	if l.locked(now, "ada") {
		t.Error("the failures of an hour ago count")
	}
	fail(1)
	l.succeeded("ada")
	fail(2)
	if l.locked(now, "ada") {
		t.Error("failures before a success count")
	}
}

func TestLockoutIsBounded(t *testing.T) {
	l, now := newLockout(3), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for n := range 2 * maxLocks {
		l.failed(now, fmt.Sprint(n))
		if len(l.locks) > maxLocks {
			t.Fatalf("%d names", len(l.locks))
		}
	}
}

func TestFamiliesAreBounded(t *testing.T) {
	f, now := newFamilies(), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	until := now.Add(time.Hour)
	f.revoke(now, "revoked", until)
	for n := range maxFamilies + 10 {
		if _, err := f.take(now, fmt.Sprint(n), 0, until); err != nil {
			t.Fatal(err)
		}
		if len(f.byID) > maxFamilies {
			t.Fatalf("%d families", len(f.byID))
		}
	}
	if _, err := f.take(now, "revoked", 0, until); err == nil {
		t.Error("a revoked family was forgotten")
	}
	for n := range maxFamilies + 10 {
		f.revoke(now, fmt.Sprint("revoked", n), until)
		if len(f.byID) > maxFamilies {
			t.Fatalf("%d families", len(f.byID))
		}
	}
	if _, err := f.take(until, "one more", 0, until.Add(time.Hour)); err != nil || len(f.byID) != 1 {
		t.Errorf("%d families, %v; the expired are forgotten", len(f.byID), err)
	}
}

func TestDevicesAreBounded(t *testing.T) {
	s, now := newDevices(), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	add := func(now time.Time) error {
		_, err := s.add(now, &device{expires: now.Add(deviceLifetime)})
		return err
	}
	for n := range maxDevices {
		if err := add(now); err != nil {
			t.Fatalf("device %d: %v", n, err)
		}
	}
	if add(now) == nil {
		t.Error("beyond the bound: accepted")
	}
	if err := add(now.Add(2*deviceLifetime + time.Second)); err != nil || len(s.byCode) != 1 || len(s.byUser) != 1 {
		t.Errorf("%d devices, %v; the expired are forgotten", len(s.byCode), err)
	}
}

func TestUserCodesReadAsPeopleTypeThem(t *testing.T) {
	for text, want := range map[string]string{
		"WDJB-MJHT": "WDJBMJHT", " wdjb mjht ": "WDJBMJHT", "wdjb–mjht": "WDJBMJHT", "": "", "0aeiou1": "",
	} {
		if got := readUserCode(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for range 100 {
		code, err := newUserCode()
		if err != nil || readUserCode(showUserCode(code)) != code || len(code) != userLength {
			t.Fatalf("code %q, %v", code, err)
		}
	}
}

func TestRedirectURIsToBeRegistered(t *testing.T) {
	for uri, want := range map[string]bool{
		"https://console.example.com/callback":   true,
		"https://console.example.com:8443/?a=b":  true,
		"http://localhost":                       true,
		"http://127.0.0.1:8400/done":             true,
		"http://[::1]/done":                      true,
		"http://console.example.com/callback":    false,
		"https://*.example.com/callback":         false,
		"https://console.example.com/#fragment":  false,
		"https://ada@console.example.com/":       false,
		"https://console.example.com;evil/":      false,
		"https://console.example.com\\@evil.com": false,
		"javascript:alert(1)":                    false,
		"msal://auth":                            false,
		"/callback":                              false,
		"":                                       false,
	} {
		if err := checkRedirectURI(uri); (err == nil) != want {
			t.Errorf("%q: %v", uri, err)
		}
	}
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"http://127.0.0.1:1", "http://127.0.0.1:1/", true},
		{"http://127.0.0.1:1?a=b", "http://127.0.0.1:1/?a=b", true},
		{"http://127.0.0.1:1", "http://127.0.0.1:2/", false},
		{"http://127.0.0.1:1/a", "http://127.0.0.1:1/a/", false},
		{"http://127.0.0.1:1/", "", false},
		{"http://127.0.0.1:1/", ":", false},
	} {
		if got := sameAddress(test.a, test.b); got != test.want {
			t.Errorf("%q and %q: %v", test.a, test.b, got)
		}
	}
	if got := sourceOf("http://[::1]:4711/done"); got != "http:" {
		t.Errorf("source of an IPv6 address: %q", got)
	}
}

func TestRedirectURIsOfARequest(t *testing.T) {
	registered := []string{"http://localhost/done", "http://[::1]", "https://console.example.com/callback"}
	for _, test := range []struct {
		uri                  string
		public, confidential bool // what a public client may, and one with a secret
	}{
		{"http://localhost/done", true, true},
		{"https://console.example.com/callback", true, true},
		{"http://localhost:4711/done", true, false},
		{"http://[::1]:4711/", true, false},
		{"http://localhost:4711/done#", false, false},
		{"http://localhost:4711/done?", false, false},
		{"http://localhost:4711/%64one", false, false},
		{"http://localhost:4711/./done", false, false},
		{"http://LOCALHOST:4711/done", false, false},
		{"http://127.0.0.1:4711/done", false, false},
		{"http://ada@localhost:4711/done", false, false},
		{"http://localhost:4711\\@evil.example.com/done", false, false},
		{"https://localhost:4711/done", false, false},
		{"https://console.example.com:4711/callback", false, false},
		{"https://CONSOLE.example.com/callback", false, false},
		{"https://console.example.com/callback/", false, false},
	} {
		for _, c := range []Client{{Public: true, RedirectURIs: registered}, {RedirectURIs: registered}} {
			if got, want := c.mayRedirectTo(test.uri), c.Public && test.public || !c.Public && test.confidential; got != want {
				t.Errorf("%q, public %v: %v", test.uri, c.Public, got)
			}
		}
	}
}

func TestPeer(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:443":           "192.0.2.1",
		"[2001:db8:1:2:3::4]:443": "2001:db8:1:2::/64",
		"[::ffff:192.0.2.1]:443":  "192.0.2.1",
		"[fe80::1%eth0]:443":      "fe80::/64",
		"@":                       "@",
	} {
		if got := peer(&http.Request{RemoteAddr: remote}); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}
