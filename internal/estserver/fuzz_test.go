package estserver

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// FuzzDecodeRequest looks for a body that is taken for another request than its
// base64 holds.
func FuzzDecodeRequest(f *testing.F) {
	for _, seed := range []string{"", "MAA=", "MA\r\nA=", "MAA", "M A A =\n", "MAA=MAA=", "-----BEGIN"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		der, err := decodeRequest(body)
		if err != nil {
			return
		}
		bare := strings.Join(strings.Fields(string(body)), "")
		want, err := base64.StdEncoding.DecodeString(bare)
		if err != nil || !bytes.Equal(der, want) || der[0] != 0x30 {
			t.Errorf("%q is read as %x", body, der)
		}
	})
}

// FuzzParsePath looks for an address that names no endpoint, or one of another
// operation, and is answered.
func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"x/cacerts", "cacerts", "x/../cacerts", "x//cacerts", "./cacerts", "x/cacerts/", "x/simpleenroll?y", "\x00/fullcmc"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		endpoint, operation, ok := parsePath(Path + path)
		if !ok {
			return
		}
		if _, known := operationOf(operation); !known || !endpoint.Valid() || string(endpoint)+"/"+operation != path {
			t.Errorf("%q is read as %q of %q", path, operation, endpoint)
		}
	})
}
