package stepca

import (
	"encoding/json"
	"testing"
)

func FuzzDecodeRoot(f *testing.F) {
	f.Add([]byte(`{"ca":"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"}`))
	f.Add([]byte(`{"ca":null}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		root, err := decodeRoot(body)
		if (root == nil) == (err == nil) {
			t.Errorf("certificate %v with error %v", root, err)
		}
		if err == nil && !json.Valid(body) {
			t.Error("a certificate out of what is not JSON")
		}
	})
}
