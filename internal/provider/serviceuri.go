package provider

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxServiceURI bounds a CA's base address in bytes.
const maxServiceURI = 2048

// ParseServiceURI reads a CA's base address: https, a host, perhaps a port and
// a path (RFC 3986). The host is an IP address without a zone or a DNS name in
// ASCII, so that it can stand in any text. The result's path ends in a slash:
// service names can be appended with URL.JoinPath or URL.ResolveReference.
//
// The error's text is a sentence for an admin: what is wrong and what to do.
// It repeats nothing of s, which may hold a password.
func ParseServiceURI(s string) (*url.URL, error) {
	if len(s) > maxServiceURI {
		return nil, errors.New("The address is longer than 2048 characters; give the base address alone.") //nolint:revive // a sentence for an admin
	}
	u, err := url.Parse(s)
	if err != nil {
		u = new(url.URL) // url.Error would repeat s
	}
	if fault := addressFault(s, u); fault != "" {
		return nil, errors.New(fault)
	}
	if !strings.HasSuffix(u.Path, "/") {
		u = u.JoinPath("/")
	}
	return u, nil
}

// HostOf returns host and port of a CA's base address, in lower case: what stands
// for the CA where calls are counted. "" where the address is none.
func HostOf(serviceURI string) string {
	u, err := ParseServiceURI(serviceURI)
	if err != nil {
		return ""
	}
	return hostPort(u)
}

func hostPort(u *url.URL) string {
	return strings.ToLower(net.JoinHostPort(strings.TrimSuffix(u.Hostname(), "."), cmp.Or(u.Port(), "443")))
}

// addressFault says what is wrong with an address, "" for nothing.
func addressFault(s string, u *url.URL) string {
	switch {
	case u.Hostname() == "":
		return "The value is not an absolute address, such as https://ca.example.com/pki-ws/."
	case u.Scheme != "https":
		return "The address must begin with https://: credentials never travel in clear."
	case u.User != nil:
		return "The address must not hold a user name or password; use credentials."
	case strings.ContainsAny(s, "?#"):
		return "The address must not have a query or a fragment."
	case !isHost(u):
		return "The host of the address is neither a DNS name nor an IP address; write letters outside ASCII in the xn-- form, and an IPv6 address in brackets without a zone."
	case !isPort(u.Port()):
		return "The port of the address must lie between 1 and 65535."
	}
	return ""
}

func isHost(u *url.URL) bool {
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return addr.Zone() == "" && addr.Is6() == strings.HasPrefix(u.Host, "[")
	}
	return !strings.HasPrefix(u.Host, "[") && isDNSName(u.Hostname())
}

// isDNSName takes the names of hosts (RFC 1123, 2.1) and, as networks inside
// use it, the underscore. A name that ends in a number is none: resolvers differ
// on whether it is an IPv4 address.
func isDNSName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 {
		return false
	}
	last := ""
	for last = range strings.SplitSeq(s, ".") {
		if last == "" || len(last) > 63 || last[0] == '-' || last[len(last)-1] == '-' || strings.ContainsFunc(last, notLDH) {
			return false
		}
	}
	return !allDigits(last)
}

func notLDH(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// isPort takes the ports of TCP, and "" for the one of https.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" || (err == nil && n > 0)
}
