package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate checks what can be known without starting: forms, bounds, settings
// that contradict each other, files that are missing or that anybody can read.
// The error is Faults with everything found.
func (c Config) Validate() error {
	var f Faults
	c.validateListen(&f)
	c.validateTLS(&f)
	c.validateStorage(&f)
	c.validateIssuer(&f)
	c.validateAuth(&f)
	c.validateConsole(&f)
	c.validateAPI(&f)
	c.validateSync(&f)
	c.validateRest(&f)
	c.validateNotifications(&f)
	c.validateAlerts(&f)
	c.validateEST(&f)
	return f.orNil()
}

func (c Config) validateListen(f *Faults) {
	host, port, ok := address(f, "listen.address", c.Listen.Address)
	switch origin := c.Listen.PublicOrigin; {
	case origin != "":
		if u, err := url.Parse(origin); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || origin != "https://"+u.Host {
			f.add("listen.public_origin", "%q is no https origin; write it without a path, such as https://pki.example.com", origin)
		}
	case ok && port != "0" && everyInterface(host):
		f.add("listen.public_origin", "must be set, because listen.address %q does not say how clients reach the service; write https://HOST or https://HOST:PORT", c.Listen.Address)
	}
}

func (c Config) validateTLS(f *Faults) {
	pair(f, "tls.certificate_file", c.TLS.CertificateFile, "tls.key_file", c.TLS.KeyFile)
	for _, host := range c.TLS.Hosts {
		if host == "" || strings.ContainsAny(host, "/ :") && !isAddress(host) {
			f.add("tls.hosts", "%q is neither a host name nor an IP address; leave out scheme and port", host)
		}
	}
}

// pair checks the files of a certificate and its key, of which there are both
// or none.
func pair(f *Faults, certificate, certificateFile, key, keyFile string) {
	switch {
	case certificateFile != "" && keyFile == "":
		f.add(key, "must be set when %s is", certificate)
	case certificateFile == "" && keyFile != "":
		f.add(certificate, "must be set when %s is", key)
	case certificateFile != "":
		publicFile(f, certificate, certificateFile)
		secretFile(f, key, keyFile)
	}
}

func (c Config) validateStorage(f *Faults) {
	if c.Data.Directory == "" {
		f.add("data.directory", "must be set")
	}
	address := string(c.Database.URL) // never quoted in a fault: it may hold a password
	path, isSQLite := strings.CutPrefix(address, "sqlite:")
	u, err := url.Parse(address)
	switch {
	case isSQLite && path == "":
		f.add("database.url", "names no file; write sqlite:PATH")
	case isSQLite:
	case err != nil:
		f.add("database.url", "cannot be read as an address; percent-encode special characters in the password")
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		f.add("database.url", "must begin with sqlite: or postgres://")
	case strings.Trim(u.Path, "/") == "":
		f.add("database.url", "names no database; write postgres://USER@HOST/NAME")
	}
	c.ownKey(f, "keys.root_file", c.Keys.RootFile, "root.key")
	if c.Issuer.Enabled {
		c.ownKey(f, "issuer.key_file", c.Issuer.KeyFile, "issuer.key")
	}
}

// ownKey checks a key file that the service makes itself at its usual place.
func (c Config) ownKey(f *Faults, setting, path, usual string) {
	if path == c.inData(usual) && !exists(path) {
		return
	}
	secretFile(f, setting, path)
}

func (c Config) validateAPI(f *Faults) {
	between(f, "api.max_body_bytes", c.API.MaxBodyBytes, 1<<10, 1<<30)
	between(f, "api.max_concurrent", c.API.MaxConcurrent, 1, 100_000)
	between(f, "api.requests_per_minute", c.API.RequestsPerMinute, 0, 10_000_000)
	between(f, "api.tenant_requests_per_minute", c.API.TenantRequestsPerMinute, 0, 10_000_000)
	between(f, "api.failed_tokens_per_minute", c.API.FailedTokensPerMinute, 1, 10_000_000)
	for _, origin := range c.API.AllowedOrigins {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Host == "" || u.User != nil || origin != u.Scheme+"://"+u.Host) {
			f.add("api.allowed_origins", "%q is no origin; write it without a path, such as https://console.example.com, or * for all", origin)
		}
	}
}

func (c Config) validateSync(f *Faults) {
	s := c.Sync
	between(f, "sync.minimum_interval", s.MinimumInterval, time.Minute, 24*time.Hour)
	between(f, "sync.interval", s.Interval, s.MinimumInterval, 366*24*time.Hour)
	between(f, "sync.workers", s.Workers, 1, 1024)
	between(f, "sync.per_tenant", s.PerTenant, 1, 1024)
	between(f, "sync.full_interval", s.FullInterval, time.Minute, 366*24*time.Hour)
	between(f, "sync.per_host", s.PerHost, 1, 1024)
	between(f, "sync.waiting", s.Waiting, 1, 4096)
	between(f, "sync.stall_timeout", s.StallTimeout, 10*time.Second, 24*time.Hour)
	between(f, "sync.run_timeout", s.RunTimeout, time.Minute, 24*time.Hour)
	between(f, "sync.lease", s.Lease, 5*time.Second, time.Hour)
	between(f, "sync.max_removal_percent", s.MaxRemovalPercent, 0, 100)
	between(f, "trust.overlap", c.Trust.Overlap, 0, 366*24*time.Hour)
	between(f, "trust.fetches_per_minute", c.Trust.FetchesPerMinute, 0, 10_000_000)
	pair(f, "trust.signing_certificate", c.Trust.SigningCertificate, "trust.signing_key", c.Trust.SigningKey)
	between(f, "credentials.keep_previous", c.Credentials.KeepPrevious, 0, 90*24*time.Hour)
}

func (c Config) validateRest(f *Faults) {
	between(f, "outbound.max_response_bytes", c.Outbound.MaxResponseBytes, 1<<10, 1<<30)
	if c.Log.Format != "text" && c.Log.Format != "json" {
		f.add("log.format", "%q is no format; write text or json", c.Log.Format)
	}
	if c.Metrics.Enabled && c.Metrics.Address != "" {
		address(f, "metrics.address", c.Metrics.Address)
	}
}

// address checks a listening address and splits it.
func address(f *Faults, setting, value string) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		f.add(setting, "%q is no address with a port; write it as 127.0.0.1:8443", value)
		return "", "", false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		f.add(setting, "%q has no port between 0 and 65535", value)
		return "", "", false
	}
	return host, strconv.FormatUint(n, 10), true
}

// webAddress checks the address of another service: https, or http to this machine.
func webAddress(f *Faults, setting, value string) {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		f.add(setting, "%q is no https address", value)
	case u.Scheme == "http" && u.Hostname() != "localhost" && !isLoopback(u.Hostname()):
		f.add(setting, "%q must begin with https://", value)
	}
}

// between checks a number against its bounds, both of them allowed.
func between[T int | time.Duration | Size](f *Faults, setting string, value, least, most T) {
	if value < least || value > most {
		f.add(setting, "must be between %s and %s, is %s", show(least), show(most), show(value))
	}
}

// notEmpty checks that a list has no empty entries.
func notEmpty(f *Faults, setting string, items []string) {
	if slices.Contains(items, "") {
		f.add(setting, "has an empty entry")
	}
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
