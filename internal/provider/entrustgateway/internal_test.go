package entrustgateway

import (
	"crypto/x509"
	"encoding/json"
	"math/big"
	"reflect"
	"testing"
	"time"

	"cloudpki/internal/provider"
)

// The state of a certificate, as CAs behind the gateway spell it.
func TestStates(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := "2026-02-01T10:20:30.123456789Z"
	for _, tt := range []struct {
		body   string
		status provider.Status
		at     bool
		reason int
	}{
		{`{"status":"normal"}`, provider.StatusValid, false, -1},
		{`{"status":"NORMAL","revocationInfo":null}`, provider.StatusValid, false, -1},
		{`{"status":"revoked","revocationInfo":{"revocationDate":"` + at + `","reason":"keyCompromise"}}`, provider.StatusRevoked, true, 1},
		{`{"status":"revoked","revocationInfo":{"revocationDate":"` + at + `","reason":null}}`, provider.StatusRevoked, true, -1},
		{`{"status":"revoked"}`, provider.StatusRevoked, false, -1},
		{`{"status":"revoked","revocationInfo":{"revocationDate":"` + at + `","reason":"certificateHold"}}`, provider.StatusSuspended, true, 6},
		{`{"status":"held","revocationInfo":{"revocationDate":"` + at + `"}}`, provider.StatusSuspended, true, 6},
		{`{"status":"ON_HOLD"}`, provider.StatusSuspended, false, 6},
		{`{"status":"expired"}`, provider.StatusExpired, false, -1},
		{`{"status":"superseded"}`, provider.StatusUnknown, false, -1},
		{`{"status":null}`, provider.StatusUnknown, false, -1},
		{`{"status":{"a":1},"revocationInfo":{"reason":7,"revocationDate":7}}`, provider.StatusUnknown, false, -1},
	} {
		var d details
		if err := json.Unmarshal([]byte(tt.body), &d); err != nil {
			t.Errorf("%s: %v", tt.body, err)
		}
		r := provider.NewRecord(&x509.Certificate{NotAfter: now.AddDate(1, 0, 0), SerialNumber: big.NewInt(1)})
		r = d.record(r, now)
		if r.Status != tt.status || r.RevokedAt.IsZero() == tt.at || r.Reason != tt.reason {
			t.Errorf("%s: %s, revoked at %v for %d", tt.body, r.Status, r.RevokedAt, r.Reason)
		}
	}
}

func testSession() *session {
	return &session{size: 50, from: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), now: time.Now, cas: []string{"a", "b"}}
}

// A cursor is good for the scan and the CAs it was made for.
func TestCursor(t *testing.T) {
	s := testSession()
	c, err := s.cursor(position{Scan: string(provider.ScanAll), CA: "b", Indexes: map[string]string{"a": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := s.at(c, provider.Scan{}, s.cas); err != nil || p.CA != "b" || p.Indexes["a"] != "1" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := s.at(c, provider.Scan{Mode: provider.ScanEvents}, s.cas); err == nil {
		t.Error("the cursor of another scan is taken")
	}
	if _, err := s.at(c, provider.Scan{}, []string{"a"}); err == nil {
		t.Error("the cursor of a CA that is not followed is taken")
	}
}

func FuzzPosition(f *testing.F) {
	s := testSession()
	for _, p := range []position{{CA: "a", Indexes: map[string]string{}}, {CA: "b", Calls: 7, Indexes: map[string]string{"a": "x", "c": "y"}}} {
		c, err := s.cursor(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(c))
	}
	f.Add([]byte(`{"v":1,"f":"2000-01-01","s":50,"i":{"..":"x"}}`))
	f.Add([]byte(`{"v":1,"f":"2000-01-01","s":50,"i":null}`))
	f.Fuzz(func(t *testing.T, c []byte) {
		p, err := s.read(c, string(provider.ScanAll))
		if err != nil {
			return
		}
		if p.Size != s.size || p.Indexes == nil || p.Calls < 0 {
			t.Fatalf("%+v of %q", p, c)
		}
		again, err := s.cursor(p)
		if err != nil {
			t.Fatal(err)
		}
		if q, err := s.read(again, string(provider.ScanAll)); err != nil || !reflect.DeepEqual(p, q) {
			t.Errorf("%+v became %+v: %v", p, q, err)
		}
	})
}

// FuzzEvent reads events, whatever they are, into one record or one skipped.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"action":"issued","serialNumber":"00ab","certificate":"AAAA"}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"serialNumber":7}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e := read(raw)
		if (e.serial == "") && e.cert != nil {
			t.Error("a certificate without a serial number")
		}
		if s, err := provider.ParseSerial(e.serial); e.serial != "" && (err != nil || s != e.serial) {
			t.Errorf("serial %q", e.serial)
		}
	})
}
