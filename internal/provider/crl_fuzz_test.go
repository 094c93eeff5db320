package provider

import "testing"

func FuzzDistributionPoint(f *testing.F) {
	f.Add([]byte{0x30, 0})
	f.Add([]byte{0x30, 3, 0x84, 1, 0xff})
	f.Add([]byte{0x30, 6, 0x81, 1, 0xff, 0x84, 1, 0xff})
	f.Add([]byte{0x30, 6, 0x41, 1, 0x30, 0x84, 1, 0xff})
	f.Fuzz(func(t *testing.T, der []byte) {
		// An indirect list must not pass, whatever stands before the flag.
		if n := len(der); n >= 3 && n < 128 && checkDistributionPoint(der) == nil && string(der[n-3:]) == "\x84\x01\xff" && topLevel(der) {
			t.Errorf("%x declares an indirect CRL and was taken", der)
		}
	})
}

// topLevel reports whether the last three bytes of der are a member of its own
// sequence: it holds short primitive members alone.
func topLevel(der []byte) bool {
	if der[0] != 0x30 || int(der[1]) != len(der)-2 {
		return false
	}
	rest := der[2:]
	for len(rest) > 3 {
		if rest[0]&0x20 != 0 || rest[1] >= 0x80 || int(rest[1])+2 > len(rest) {
			return false
		}
		rest = rest[2+rest[1]:]
	}
	return len(rest) == 3
}
