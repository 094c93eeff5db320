package globalsignatlas

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"cloudpki/internal/provider"
)

// A position that is read is one that would be written.
func FuzzParsePosition(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"l":"issued","n":"revoked","f":0,"t":1700000000,"p":3,"c":250}`, `{"v":1,"l":"revoked","f":1,"t":1,"p":1,"c":0}`,
		`{"v":2,"l":"issued","f":0,"t":0,"p":1,"c":0}`, `{"v":1,"l":"issued","p":0}`, `{"v":1,"l":"issued","p":1,"x":1}`, `[`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, c []byte) {
		p, err := parsePosition(c)
		if err != nil {
			return
		}
		again, err := p.cursor()
		if err != nil {
			t.Fatal(err)
		}
		if q, err := parsePosition(again); err != nil || q != p {
			t.Errorf("%s is read as %+v, but %s as %+v (%v)", c, p, again, q, err)
		}
		if p.Page < 1 || p.From > p.To {
			t.Errorf("%s is a position", c)
		}
	})
}

// Whatever stands in a list or in a certificate's answer is a record or not,
// and no serial number comes out that is none.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"serial_number":"01AB","not_after":1700000000}`), []byte(`{"certificate":"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----","status":"ISSUED","updated_at":1e400}`))
	f.Add([]byte(`{"serial_number":7}`), []byte(`null`))
	s := &session{now: time.Now}
	f.Fuzz(func(t *testing.T, raw, answer []byte) {
		if l, serial, err := parseLine(raw); err == nil {
			if again, err := provider.ParseSerial(serial); err != nil || again != serial {
				t.Errorf("%s has the serial number %q", raw, serial)
			}
			s.isSettled(provider.StatusValid, listIssued, l)
		}
		var c certificate
		if json.Unmarshal(answer, &c) != nil {
			return
		}
		if r, _, err := s.record(c, "1ab"); err == nil && (r.Serial != "1ab" || !bytes.Contains(answer, []byte("certificate"))) {
			t.Errorf("%s is the record %+v", answer, r)
		}
	})
}
