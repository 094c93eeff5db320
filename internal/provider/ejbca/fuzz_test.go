package ejbca

import (
	"encoding/json"
	"testing"
	"time"

	"cloudpki/internal/provider"
)

// What is read as a cursor is written as it was read.
func FuzzCursor(f *testing.F) {
	f.Add([]byte(`{"v":1,"p":"UPDATE_TIME","a":1763899200,"g":2,"l":"ab","n":200,"t":300,"m":200}`))
	f.Add([]byte(`{"v":1,"p":"UPDATE_TIME","a":-86400,"n":0,"t":0}`))
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := readCursor(append(provider.Cursor{}, b...), byUpdate)
		if err != nil {
			return
		}
		c, err := p.cursor()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := readCursor(c, byUpdate); err != nil || again != p {
			t.Errorf("%s is read as %+v and written as %s: %v", b, p, c, err)
		}
	})
}

// A record is a record or skipped, whatever it holds.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"fingerprint":"ab","serialNumber":"0A","status":40,"revocationDate":1763899200000,"revocationReason":6,"udpateTime":1763899200000}`))
	f.Add([]byte(`{"status":"20","udpateTime":9e99,"base64Cert":7}`))
	f.Add([]byte(`[]`))
	s := &session{now: time.Now}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c certificate
		if json.Unmarshal(b, &c) != nil {
			return
		}
		var page provider.Page
		s.add(&page, c)
		if len(page.Records)+len(page.Skipped) != 1 || len(c.mark()) > maxMark || c.key(byUpdate) < 0 {
			t.Errorf("%+v of %s", page, b)
		}
	})
}
