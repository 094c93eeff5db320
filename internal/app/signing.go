package app

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cloudpki/internal/config"
	"cloudpki/internal/trust"
)

// readSigner reads what trust bundles are signed with, or returns nil where
// nothing is configured. One that has ended, or has not begun, is returned: what
// it signs is still what devices had, and a service that does not start
// publishes nothing.
func readSigner(c config.Trust) (*trust.Signer, error) {
	if c.SigningCertificate == "" {
		return nil, nil //nolint:nilnil // none is configured
	}
	pair, err := tls.LoadX509KeyPair(c.SigningCertificate, c.SigningKey)
	if err != nil {
		return nil, fmt.Errorf("trust.signing_certificate and trust.signing_key: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("trust.signing_key: a key of type %T signs nothing", pair.PrivateKey)
	}
	s := &trust.Signer{Key: key, Chain: []*x509.Certificate{pair.Leaf}}
	for _, der := range pair.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("trust.signing_certificate: %w", err)
		}
		s.Chain = append(s.Chain, c)
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("trust.signing_certificate: %w", err)
	}
	return s, nil
}

// judgeSigner tells how the time of the signer's certificate is. The action is
// "" for nothing to do.
func judgeSigner(s *trust.Signer, now time.Time) (status Health, message, action string) {
	const minute = "2006-01-02 15:04 UTC"
	const renew = "put a new certificate and key in trust.signing_certificate and trust.signing_key and start the service again"
	leaf := s.Chain[0]
	end := leaf.NotAfter.UTC().Format(minute)
	switch {
	case now.After(leaf.NotAfter):
		return Failed, "ended " + end, renew
	case now.Before(leaf.NotBefore):
		return Failed, "begins only " + leaf.NotBefore.UTC().Format(minute), "set the clock, or wait"
	case now.Add(expirySoon).After(leaf.NotAfter):
		return Warned, "ends " + end, renew
	}
	return Healthy, "good until " + end, ""
}

// buildSigner reads what trust bundles are signed with, and tells of its time
// in one line.
func (s *service) buildSigner(ctx context.Context) (err error) {
	if s.bundleSigner, err = readSigner(s.cfg.Trust); err != nil || s.bundleSigner == nil {
		return err
	}
	leaf := s.bundleSigner.Chain[0]
	level, line := slog.LevelInfo, "trust bundles are signed"
	_, message, action := judgeSigner(s.bundleSigner, s.options.Now())
	if action != "" {
		level, line = slog.LevelWarn, "trust bundles are signed by a certificate that "+message+"; "+action
	}
	s.options.Log.Log(ctx, level, line, slog.String("subject", leaf.Subject.String()), slog.Time("notAfter", leaf.NotAfter))
	s.metrics.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cloudpki_trust_signer_expiry_seconds",
		Help: "Time until the certificate that signs trust bundles ends, negative once it has come; absent where none is configured.",
	}, func() float64 { return leaf.NotAfter.Sub(s.options.Now()).Seconds() }))
	return nil
}

// signer judges what trust bundles are signed with, where that is configured.
func (d *doctor) signer() []Finding {
	const check = "bundle signer"
	s, err := readSigner(d.cfg.Trust)
	switch {
	case err != nil:
		return []Finding{found(check, Failed, "set trust.signing_certificate and trust.signing_key to a pair for signatures, of ECDSA P-256 or P-384 or RSA", "%v", err)}
	case s == nil:
		return nil
	}
	status, message, action := judgeSigner(s, d.now())
	return []Finding{found(check, status, action, "%s", message)}
}
