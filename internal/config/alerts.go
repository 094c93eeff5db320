package config

import (
	"net"
	"net/mail"
	"net/url"
	"strings"
	"time"
)

func (c Config) validateAlerts(f *Faults) {
	a := c.Alerts
	between(f, "alerts.sync_failing_after", a.SyncFailingAfter, time.Minute, 366*24*time.Hour)
	between(f, "alerts.certificates_within", a.CertificatesWithin, 0, 366*24*time.Hour)
	if a.WebhookURL != "" {
		u, err := url.Parse(a.WebhookURL)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(a.WebhookURL, "#") {
			f.add("alerts.webhook_url", "is no https address without user name and fragment") // not quoted: its query may hold a secret
		}
	}
	if a.SMTPAddress != "" {
		a.validateSMTP(f)
	}
}

func (a Alerts) validateSMTP(f *Faults) {
	if host, _, err := net.SplitHostPort(a.SMTPAddress); err != nil || host == "" {
		f.add("alerts.smtp_address", "%q is no host with a port; write it as mail.example.com:587", a.SMTPAddress)
	}
	mailAddress(f, "alerts.smtp_from", a.SMTPFrom)
	if len(a.SMTPTo) == 0 {
		f.add("alerts.smtp_to", "must be set when alerts.smtp_address is")
	}
	for _, to := range a.SMTPTo {
		mailAddress(f, "alerts.smtp_to", to)
	}
	switch {
	case a.SMTPUsername != "" && a.SMTPPasswordFile == "":
		f.add("alerts.smtp_password_file", "must be set when alerts.smtp_username is")
	case a.SMTPUsername == "" && a.SMTPPasswordFile != "":
		f.add("alerts.smtp_username", "must be set when alerts.smtp_password_file is")
	case a.SMTPPasswordFile != "":
		secretFile(f, "alerts.smtp_password_file", a.SMTPPasswordFile)
	}
}

// mailAddress checks a bare address (RFC 5322, 3.4.1) in ASCII: no server is
// asked for SMTPUTF8.
func mailAddress(f *Faults, setting, value string) {
	parsed, err := mail.ParseAddress(value)
	if err != nil || parsed.Address != value || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		f.add(setting, "%q is no mail address; write it as cloudpki@example.com", value)
	}
}
