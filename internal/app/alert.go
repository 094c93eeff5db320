package app

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"os"

	"cloudpki/internal/config"
	"cloudpki/internal/notify"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// alertPolicy says when alerts are told, and to which sinks.
func alertPolicy(a config.Alerts) pki.AlertPolicy {
	p := pki.AlertPolicy{SyncFailingAfter: a.SyncFailingAfter, CertificatesWithin: a.CertificatesWithin}
	if a.WebhookURL != "" {
		p.Sinks = append(p.Sinks, notify.SinkWebhook)
	}
	if a.SMTPAddress != "" {
		p.Sinks = append(p.Sinks, notify.SinkMail)
	}
	return p
}

// buildAlerts makes the ways of alerts to the operator.
func (s *service) buildAlerts(sender *notify.Sender, roots *x509.CertPool) error {
	a := s.cfg.Alerts
	var sinks []notify.AlertSink
	if a.WebhookURL != "" {
		sinks = append(sinks, &notify.WebhookSink{Sender: sender, Signer: s.signer, URL: a.WebhookURL, Origin: s.origin, Now: s.options.Now})
	}
	if a.SMTPAddress != "" {
		password, err := mailPassword(a.SMTPPasswordFile)
		if err != nil {
			return fmt.Errorf("alerts.smtp_password_file: %w", err)
		}
		sinks = append(sinks, &notify.MailSink{
			Address: a.SMTPAddress, From: a.SMTPFrom, To: a.SMTPTo, Username: a.SMTPUsername, Password: password, Roots: roots, Origin: s.origin,
		})
	}
	s.alerter = notify.NewAlerter(notify.AlertOptions{
		Queue: s.store, Sinks: sinks, Now: s.options.Now, Log: s.options.Log, Observe: s.metrics.alert,
	})
	return nil
}

// mailPassword reads a password from a file, without the line's end.
func mailPassword(file string) (secret.Text, error) {
	if file == "" {
		return secret.Text{}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return secret.Text{}, err
	}
	return secret.New(bytes.TrimRight(text, "\r\n")), nil
}

// watch tells the alerts that are due.
func (s *service) watch(ctx context.Context) error {
	return s.periodically(ctx, "alerts could not be looked at", func() (bool, error) {
		defer s.alerter.Wake()
		return s.pki.Watch(ctx, tendBatch)
	})
}
