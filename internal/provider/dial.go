package provider

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
)

// A refusedAddress is the fault of an address no call may go to.
type refusedAddress struct {
	addr netip.Addr
	why  string
}

func (e *refusedAddress) Error() string { return fmt.Sprintf("address %s is %s", e.addr, e.why) }

// public returns the fault as a tenant may see it: what address a name has
// inside the operator's network is told to the log alone.
func (e *refusedAddress) public(host string) *Error {
	msg := fmt.Sprintf("%s resolves to an address that is not public; the operator must list its range in outbound.allow", host)
	if _, err := netip.ParseAddr(host); err == nil {
		msg = fmt.Sprintf("the address %s is not public (%s); the operator must list its range in outbound.allow", host, e.why)
	}
	return &Error{Code: CodeConnect, Msg: msg}
}

// egress returns the check made on every connection after its name was
// resolved and before the first packet, so that neither a redirect nor a name
// that resolves differently the second time can pass it.
func egress(allow []netip.Prefix) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("read resolved address: %w", err)
		}
		return checkAddress(ap.Addr(), allow)
	}
}

// checkAddress refuses an address that is not public, unless it lies in allow.
// IPv4 in IPv6 clothes (mapped, translated, NAT64, 6to4) is judged by the IPv4 address.
func checkAddress(addr netip.Addr, allow []netip.Prefix) error {
	addr = addr.WithZone("").Unmap()
	if inAny(allow, addr) {
		return nil
	}
	inner := addr
	if v4, ok := embedded(addr); ok {
		inner = v4
		if inAny(allow, inner) {
			return nil
		}
	}
	for _, r := range reserved() {
		if r.prefix.Contains(inner) {
			return &refusedAddress{addr, r.why}
		}
	}
	return nil
}

func inAny(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		// An operator may write ::ffff:10.0.0.0/104; the address was unmapped.
		if p.Contains(addr) || (addr.Is4() && p.Addr().Is4In6() && p.Contains(netip.AddrFrom16(addr.As16()))) {
			return true
		}
	}
	return false
}

// embedded returns the IPv4 address inside a NAT64 (RFC 6052), IPv4-translated
// (RFC 2765) or 6to4 (RFC 3056) address.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() {
		return addr, false
	}
	b := addr.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr), netip.MustParsePrefix("::ffff:0:0:0/96").Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return addr, false
}

type reservation struct {
	prefix netip.Prefix
	why    string
}

// reserved lists the address blocks that are not the public internet: the IANA
// special-purpose registries (RFC 6890), multicast, and the metadata address
// that Amazon put into the ULA block.
func reserved() []reservation {
	p := netip.MustParsePrefix
	return []reservation{
		{p("0.0.0.0/8"), "unspecified"},
		{p("10.0.0.0/8"), "private"},
		{p("100.64.0.0/10"), "shared by a carrier"},
		{p("127.0.0.0/8"), "loopback"},
		{p("169.254.0.0/16"), "link-local"},
		{p("172.16.0.0/12"), "private"},
		{p("192.0.0.0/24"), "reserved"},
		{p("192.0.2.0/24"), "for documentation"},
		{p("192.88.99.0/24"), "reserved"},
		{p("192.168.0.0/16"), "private"},
		{p("198.18.0.0/15"), "for benchmarks"},
		{p("198.51.100.0/24"), "for documentation"},
		{p("203.0.113.0/24"), "for documentation"},
		{p("224.0.0.0/4"), "multicast"},
		{p("240.0.0.0/4"), "reserved"},
		{p("::/96"), "unspecified, loopback or IPv4-compatible"},
		{p("64:ff9b:1::/48"), "private (local NAT64)"},
		{p("100::/64"), "reserved"},
		{p("2001::/23"), "reserved"},
		{p("2001:db8::/32"), "for documentation"},
		{p("3fff::/20"), "for documentation"},
		{p("5f00::/16"), "reserved"},
		{p("fc00::/7"), "private (unique local)"},
		{p("fe80::/10"), "link-local"},
		{p("fec0::/10"), "private (site-local)"},
		{p("ff00::/8"), "multicast"},
	}
}
