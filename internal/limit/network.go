package limit

import (
	"net"
	"net/netip"
)

// Network is where a request of somebody unknown comes from, by the remote
// address of package net/http: an IPv4 address, or the /64 of an IPv6 address,
// all of which one host may have. What is no address is a network of its own.
func Network(remote string) string {
	const host = 64
	name, _, err := net.SplitHostPort(remote)
	if err != nil {
		name = remote
	}
	address, err := netip.ParseAddr(name)
	if err != nil {
		return name
	}
	if address = address.Unmap().WithZone(""); address.Is4() {
		return address.String()
	}
	prefix, err := address.Prefix(host)
	if err != nil {
		return name
	}
	return prefix.String()
}
