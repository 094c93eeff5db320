package provider

import (
	"errors"
	"net/netip"
	"testing"
)

func TestEgressRefusesWhatIsNotPublic(t *testing.T) {
	for addr, public := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "2606:4700:4700::1111": true, "172.15.255.255": true, "172.32.0.1": true,
		"11.0.0.1": true, "100.63.255.255": true, "100.128.0.1": true, "223.255.255.255": true, "2600::": true,
		"::ffff:8.8.8.8": true, "64:ff9b::8.8.8.8": true, "::ffff:0:8.8.8.8": true, "2002:808:808::1": true,

		"0.0.0.0": false, "0.1.2.3": false, "127.0.0.1": false, "127.255.255.254": false, "10.0.0.1": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "100.127.255.255": false, "192.0.0.1": false, "192.0.2.1": false, "198.18.0.1": false,
		"198.19.255.255": false, "198.51.100.7": false, "203.0.113.9": false, "224.0.0.1": false, "239.1.1.1": false,
		"240.0.0.1": false, "255.255.255.255": false, "192.88.99.1": false,

		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "fc00::1": false,
		"fd12:3456::1": false, "fd00:ec2::254": false, "ff02::1": false, "2001:db8::1": false, "3fff::1": false,
		"2001::1": false, "100::1": false, "64:ff9b:1::1": false,

		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false, "64:ff9b::10.0.0.1": false, "::ffff:0:127.0.0.1": false, "::ffff:0:a9fe:a9fe": false,
		"64:ff9b::169.254.169.254": false, "2002:7f00:1::": false, "2002:a9fe:a9fe::1": false,
	} {
		err := checkAddress(netip.MustParseAddr(addr), nil)
		var refused *refusedAddress
		if public != (err == nil) || (err != nil && !errors.As(err, &refused)) {
			t.Errorf("%s: %v, public: %v", addr, err, public)
		}
	}
}

func TestEgressAllowsWhatTheOperatorLists(t *testing.T) {
	tests := []struct {
		allow, addr string
		want        bool
	}{
		{"10.0.0.0/8", "10.1.2.3", true},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"10.0.0.0/8", "64:ff9b::10.1.2.3", true},
		{"10.0.0.0/8", "::ffff:0:10.1.2.3", true},
		{"10.0.0.0/8", "192.168.0.1", false},
		{"10.1.2.3/32", "10.1.2.4", false},
		{"::ffff:10.0.0.0/104", "10.1.2.3", true},
		{"fd00::/8", "fd00:ec2::254", true},
		{"fd00::/8", "fc00::1", false},
		{"fe80::/10", "fe80::1%eth0", true},
		{"0.0.0.0/0", "127.0.0.1", true},
		{"0.0.0.0/0", "::1", false},
	}
	for _, tt := range tests {
		err := checkAddress(netip.MustParseAddr(tt.addr), []netip.Prefix{netip.MustParsePrefix(tt.allow)})
		if (err == nil) != tt.want {
			t.Errorf("%s with %s allowed: %v", tt.addr, tt.allow, err)
		}
	}
}
