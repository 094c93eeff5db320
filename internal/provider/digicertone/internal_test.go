package digicertone

import (
	"net/url"
	"testing"
	"time"

	"cloudpki/internal/provider"
)

func TestAddress(t *testing.T) {
	for _, tt := range []struct {
		uri         string
		certificate bool
		want        string
	}{
		{"https://one.digicert.com/", false, "https://one.digicert.com/mpki/api/v1/"},
		{"https://one.digicert.com/mpki/api/v1/", false, "https://one.digicert.com/mpki/api/v1/"},
		{"https://one.digicert.com/mpki/api/v1/", true, "https://clientauth.one.digicert.com/mpki/api/v1/"},
		{"https://One.DigiCert.com/", true, "https://clientauth.One.DigiCert.com/mpki/api/v1/"},
		{"https://demo.one.digicert.com:8443/x/", true, "https://clientauth.demo.one.digicert.com:8443/x/"},
		{"https://one.digicert.co.jp/", true, "https://clientauth.one.digicert.co.jp/mpki/api/v1/"},
		{"https://clientauth.one.digicert.com/", true, "https://clientauth.one.digicert.com/mpki/api/v1/"},
		{"https://one.example.com/", true, "https://one.example.com/mpki/api/v1/"},
		{"https://digicert.com.example.com/", true, "https://digicert.com.example.com/mpki/api/v1/"},
	} {
		base, err := url.Parse(tt.uri)
		if err != nil {
			t.Fatal(err)
		}
		if got := address(base, tt.certificate).String(); got != tt.want {
			t.Errorf("%s, certificate %v: %s, want %s", tt.uri, tt.certificate, got, tt.want)
		}
	}
}

func TestMoment(t *testing.T) {
	for v, want := range map[string]time.Time{
		"2026-03-01T10:20:30Z":          time.Date(2026, 3, 1, 10, 20, 30, 0, time.UTC),
		"2026-03-01T12:20:30.5+02:00":   time.Date(2026, 3, 1, 10, 20, 30, 5e8, time.UTC),
		"2026-03-01T10:20:30":           time.Date(2026, 3, 1, 10, 20, 30, 0, time.UTC),
		"2026-03-01 10:20:30":           time.Date(2026, 3, 1, 10, 20, 30, 0, time.UTC),
		"2026-03-01":                    time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"":                              {},
		"yesterday":                     {},
		"0001-01-01T00:00:00Z":          {},
		"2026-13-01":                    {},
		"12026-01-01T00:00:00Z":         {},
		"2026-03-01T10:20:30Z trailing": {},
	} {
		if got := moment(v); !got.Equal(want) {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}

func TestReasons(t *testing.T) {
	for name, want := range map[string]int{
		"unspecified": 0, "key_compromise": 1, "KEY_COMPROMISE": 1, "certificate_hold": 6, "remove_from_crl": 8, "aa_compromise": 10, "": -1, "keyCompromise": -1,
	} {
		if got := reason(name); got != want {
			t.Errorf("%q: %d, want %d", name, got, want)
		}
	}
}

func testSession() *session {
	return &session{limit: 100, profiles: []string{"a", "b"}, now: time.Now}
}

// A cursor is good for the scan, the settings and the version it was made for.
func TestCursor(t *testing.T) {
	s := testSession()
	scan := provider.Scan{Mode: provider.ScanRevoked}
	passes := s.passes(scan)
	c, err := position{Pass: 3, Read: 7, Last: "x"}.cursor(scan, passes)
	if err != nil || len(passes) != 4 {
		t.Fatal(len(passes), err)
	}
	if p, err := at(c, scan, passes); err != nil || p.Pass != 3 || p.Read != 7 || p.Last != "x" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := at(c, provider.Scan{}, s.passes(provider.Scan{})); err == nil {
		t.Error("the cursor of another scan is taken")
	}
	s.profiles = []string{"a", "c"}
	if _, err := at(c, scan, s.passes(scan)); err == nil {
		t.Error("the cursor of other settings is taken")
	}
}

func FuzzCursor(f *testing.F) {
	s := testSession()
	scan := provider.Scan{}
	passes := s.passes(scan)
	for _, p := range []position{{Read: 1, Last: "x"}, {Pass: 1}} {
		c, err := p.cursor(scan, passes)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(c))
	}
	f.Add([]byte(`{"v":1,"p":9,"n":0}`))
	f.Add([]byte(`{"v":1,"p":0,"q":"a|","n":-1,"l":"x"}{}`))
	f.Fuzz(func(t *testing.T, c []byte) {
		if c == nil {
			return
		}
		p, err := at(c, scan, passes)
		if err != nil {
			return
		}
		if p.Pass < 0 || p.Pass >= len(passes) || p.Read < 0 || p.Read > maxRecords || (p.Read == 0) != (p.Last == "") {
			t.Fatalf("%+v of %q", p, c)
		}
		again, err := p.cursor(scan, passes)
		if err != nil {
			t.Fatal(err)
		}
		if q, err := at(again, scan, passes); err != nil || q != p {
			t.Errorf("%+v became %+v: %v", p, q, err)
		}
	})
}
