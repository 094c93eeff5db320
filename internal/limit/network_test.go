package limit

import "testing"

// TestNetwork: one host may have every address of a /64, and a name that is no
// address is a network of its own.
func TestNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:443":             "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
		"[::ffff:192.0.2.7]:80":     "192.0.2.7",
		"@":                         "@",
	} {
		if got := Network(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}
