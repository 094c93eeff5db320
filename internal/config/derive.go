package config

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"
)

// derive fills in what is empty and follows from other settings.
func (c *Config) derive() {
	if c.Database.URL == "" {
		c.Database.URL = DatabaseURL("sqlite:" + c.inData("cloudpki.db"))
	}
	if c.Keys.RootFile == "" {
		c.Keys.RootFile = c.inData("root.key")
	}
	if c.Issuer.KeyFile == "" {
		c.Issuer.KeyFile = c.inData("issuer.key")
	}
	if c.Issuer.KeyLifetime == 0 && strings.HasPrefix(string(c.Database.URL), "sqlite:") {
		c.Issuer.KeyLifetime = 90 * 24 * time.Hour
	}
	if c.Listen.PublicOrigin == "" {
		c.Listen.PublicOrigin = originOf(c.Listen.Address)
	}
	for i := range c.Auth.Issuers {
		if is := &c.Auth.Issuers[i]; is.TenantClaim == "" && is.Tenant == "" {
			is.TenantClaim = "tid"
		}
	}
	for i := range c.Console.Providers {
		if p := &c.Console.Providers[i]; p.Scope == "" {
			p.Scope = "openid profile"
		}
	}
}

// inData returns the path of a file in the data directory.
func (c *Config) inData(name string) string { return filepath.Join(c.Data.Directory, name) }

// originOf returns the https origin of a listening address, or "" where the
// address does not tell: no host, every interface, or a port not yet known.
func originOf(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" || everyInterface(host) {
		return ""
	}
	if port == "443" {
		if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
			host = "[" + host + "]"
		}
		return "https://" + host
	}
	return "https://" + net.JoinHostPort(host, port)
}

// everyInterface reports whether a listener on host is reached by any address.
func everyInterface(host string) bool {
	if host == "" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}
