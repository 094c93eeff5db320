package casim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A record is one issued certificate as the CA keeps it, and as the journal
// writes it.
type record struct {
	Serial    string    `json:"serial"` // lower-case hex, no leading zeros
	DER       []byte    `json:"der"`
	CN        string    `json:"cn"`
	Seat      string    `json:"seat"`
	Profile   string    `json:"profile"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	Status    string    `json:"status"` // VALID, REVOKED or SUSPENDED; EXPIRED comes of the clock
	RevokedAt time.Time `json:"revokedAt,omitzero"`
	IssuedAt  time.Time `json:"issuedAt,omitzero"`
	UpdatedAt time.Time `json:"updatedAt,omitzero"`
	Reason    string    `json:"reason,omitempty"`
}

// A Certificate is an issued certificate as the simulator reports it to a test.
type Certificate struct {
	Serial  string // lower-case hex, no leading zeros
	DER     []byte
	Profile string // OID
	Status  string // VALID, EXPIRED, REVOKED or SUSPENDED
	Reason  string // as the service spells it; "" none
}

// Certificates returns all issued certificates, oldest first.
func (c *CA) Certificates() []Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Certificate, 0, len(c.records))
	for _, r := range c.records {
		out = append(out, Certificate{r.Serial, r.DER, r.Profile, r.status(c.opts.Now()), r.Reason})
	}
	return out
}

// Issue issues n certificates of a year, for the two profiles in turn, and
// returns their serials.
func (c *CA) Issue(n int) ([]string, error) {
	now := c.opts.Now()
	return c.IssueBetween(n, now.Add(-time.Hour), now.AddDate(1, 0, 0))
}

// IssueBetween issues n certificates with the given times of validity.
func (c *CA) IssueBetween(n int, notBefore, notAfter time.Time) ([]string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	made := make([]*record, 0, n)
	for i := range n {
		r, err := c.issueOne(len(c.records)+i, key, notBefore, notAfter)
		if err != nil {
			return nil, err
		}
		made = append(made, r)
	}
	serials := make([]string, 0, n)
	for _, r := range made {
		c.add(r)
		c.events = append(c.events, event{r.Serial, "issued"})
		serials = append(serials, r.Serial)
	}
	return serials, c.log.append(made...)
}

func (c *CA) issueOne(i int, key *ecdsa.PrivateKey, notBefore, notAfter time.Time) (*record, error) {
	by, profile := c.auth.User, ProfileUser
	if i%2 == 1 {
		by, profile = c.auth.Device, ProfileDevice
	}
	tmpl, err := template("Subject "+strconv.Itoa(i), notBefore, notAfter)
	if err != nil {
		return nil, err
	}
	tmpl.KeyUsage = x509.KeyUsageDigitalSignature
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if profile == ProfileDevice {
		tmpl.DNSNames = []string{"device-" + strconv.Itoa(i) + ".example.com"}
	} else {
		tmpl.EmailAddresses = []string{"user-" + strconv.Itoa(i) + "@example.com"}
	}
	cert, err := sign(tmpl, by, key.Public())
	if err != nil {
		return nil, err
	}
	return &record{
		Serial: cert.SerialNumber.Text(16), DER: cert.Raw, CN: tmpl.Subject.CommonName, Seat: seatName(i),
		Profile: profile, NotBefore: cert.NotBefore, NotAfter: cert.NotAfter, Status: "VALID",
		IssuedAt: c.opts.Now().UTC(), UpdatedAt: c.opts.Now().UTC(),
	}, nil
}

func (c *CA) add(r *record) {
	c.changes++
	if old, ok := c.index[r.Serial]; ok {
		*old = *r
		return
	}
	c.records = append(c.records, r)
	c.index[r.Serial] = r
}

// reasons are the spellings of revocationReason, those of the live schema included.
func reasons() []string {
	return []string{
		"Unspecified", "KeyCompromise", "CACompromise", "AffiliationChanged", "CessationOfOperation",
		"PrivilegeWithdrawn", "AACompromise", "Superseded", "CertificateHold", "RemoveFromCRL",
	}
}

// Revoke revokes the certificate with the given serial. An empty reason leaves
// none on record.
func (c *CA) Revoke(serial, reason string) error {
	if reason != "" && !slices.Contains(reasons(), reason) {
		return fmt.Errorf("revoke: no reason is called %q", reason)
	}
	return c.setStatus(serial, "REVOKED", reason)
}

// Suspend puts a certificate on hold, Resume takes it back.
func (c *CA) Suspend(serial string) error { return c.setStatus(serial, "SUSPENDED", "CertificateHold") }

// Resume makes a suspended or revoked certificate valid again.
func (c *CA) Resume(serial string) error { return c.setStatus(serial, "VALID", "") }

func (c *CA) setStatus(serial, status, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.index[strings.ToLower(serial)]
	if !ok {
		return fmt.Errorf("no certificate has the serial %q", serial)
	}
	r.Status, r.Reason, r.RevokedAt, r.UpdatedAt = status, reason, time.Time{}, c.opts.Now().UTC()
	c.events = append(c.events, event{r.Serial, strings.ToLower(status)})
	c.changes++
	if status != "VALID" {
		r.RevokedAt = c.opts.Now().UTC().Truncate(time.Second)
	}
	return c.log.append(r)
}

func (r *record) status(now time.Time) string {
	if r.Status == "VALID" && now.After(r.NotAfter) {
		return "EXPIRED"
	}
	return r.Status
}

// ReplaceRoot makes a new root with new CAs below it. Certificates issued
// before stay on record.
func (c *CA) ReplaceRoot() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.auth
	if err := next.newHierarchy(c.opts.Now()); err != nil {
		return err
	}
	c.auth = &next
	c.changes++
	return c.save()
}
