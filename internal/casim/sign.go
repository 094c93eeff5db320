package casim

import (
	"crypto/x509"
	"errors"
	"fmt"
)

// Sign issues a certificate of 90 days for a certification request (PKCS#10,
// DER), by the issuing CA with the given ID, and returns it with the chain
// above it, root last.
func (c *CA) Sign(csr []byte, issuer string) (Issued, []*x509.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.certify(csr, issuer)
}

// certify is Sign; c.mu is held.
func (c *CA) certify(csr []byte, issuer string) (Issued, []*x509.Certificate, error) {
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return Issued{}, nil, fmt.Errorf("read request: %w", err)
	}
	if err := req.CheckSignature(); err != nil {
		return Issued{}, nil, fmt.Errorf("check request: %w", err)
	}
	by, profile, chain := c.auth.User, ProfileUser, []*x509.Certificate{c.auth.User.cert, c.auth.Intermediate.cert, c.auth.Root.cert}
	switch issuer {
	case "user":
	case "device":
		by, profile, chain = c.auth.Device, ProfileDevice, []*x509.Certificate{c.auth.Device.cert, c.auth.Root.cert}
	default:
		return Issued{}, nil, errors.New("no such issuer")
	}
	const days = 90
	now := c.opts.Now()
	tmpl, err := template(req.Subject.CommonName, now, now.AddDate(0, 0, days))
	if err != nil {
		return Issued{}, nil, err
	}
	tmpl.Subject, tmpl.DNSNames, tmpl.EmailAddresses, tmpl.IPAddresses, tmpl.URIs = req.Subject, req.DNSNames, req.EmailAddresses, req.IPAddresses, req.URIs
	tmpl.KeyUsage, tmpl.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	cert, err := sign(tmpl, by, req.PublicKey)
	if err != nil {
		return Issued{}, nil, err
	}
	r := &record{
		Serial: cert.SerialNumber.Text(16), DER: cert.Raw, CN: req.Subject.CommonName, Seat: req.Subject.CommonName, Profile: profile,
		NotBefore: cert.NotBefore, NotAfter: cert.NotAfter, Status: "VALID", IssuedAt: now.UTC(), UpdatedAt: now.UTC(),
	}
	c.add(r)
	c.events = append(c.events, event{r.Serial, "issued"})
	return c.view(r), chain, c.log.append(r)
}

// RevokeFor revokes a certificate for a reason of RFC 5280, 5.3.1, unless it is
// revoked already. It reports whether there is one with the serial.
func (c *CA) RevokeFor(serial string, code int) (found bool, err error) {
	i, found := c.Find(serial)
	if !found || i.Status == "REVOKED" {
		return found, nil
	}
	for _, reason := range reasons() {
		if reasonCode(reason) == code {
			return true, c.Revoke(serial, reason)
		}
	}
	return true, fmt.Errorf("revoke: %d is no reason", code)
}
