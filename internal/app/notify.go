package app

import (
	"context"
	"crypto/x509"
	"fmt"

	"cloudpki/internal/notify"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// buildNotifications makes the way of change notifications from the store to
// their receivers, and that of alerts to the operator.
func (s *service) buildNotifications(context.Context) error {
	roots, err := receiverRoots(s.cfg.Notifications.CAFile)
	if err != nil {
		return fmt.Errorf("notifications.ca_file: %w", err)
	}
	seed, err := s.root.Derive("notification signature")
	if err != nil {
		return err
	}
	if s.signer, err = notify.NewSigner(seed); err != nil {
		return err
	}
	sender := notify.NewSender(provider.Dialer(s.cfg.Outbound.Allow).DialContext, roots)
	s.closers = append(s.closers, sender.Close)
	s.notifications = pki.NewNotifications(pki.NotificationOptions{
		Store: s.store, Keyring: secret.NewKeyring(s.root, s.store), Now: s.options.Now,
		Validate: notify.NewHandshake(sender).Validate, PerTenant: s.cfg.Notifications.MaxPerTenant,
	})
	s.deliverer = notify.NewDeliverer(notify.Options{
		Queue: s.store, Sender: sender, Signer: s.signer, Owner: s.owner, Workers: s.cfg.Notifications.Workers,
		Now: s.options.Now, Log: s.options.Log, Observe: s.metrics.notification, ClientState: s.notifications.ClientState,
	})
	return s.buildAlerts(sender, roots)
}

// receiverRoots are the CAs of the system and those in the file; nil, which is
// the system's, without one.
func receiverRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	certs, err := readCertificates(file)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's CAs: %w", err)
	}
	for _, c := range certs {
		roots.AddCert(c)
	}
	return roots, nil
}
