package casim

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// What a dialect needs: the simulated world as values, so that each API can
// tell of it in its own words.

// An Issuer is one issuing CA with its chain.
type Issuer struct {
	ID      string // "user" or "device"
	Profile string // OID
	Issuing *x509.Certificate
	Chain   []*x509.Certificate // between Issuing and Root, leaf to root
	Root    *x509.Certificate
}

// Issuers returns the CA's issuing CAs, one a profile.
func (c *CA) Issuers() []Issuer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.world().Issuers
}

// An Issued is one certificate as the CA keeps it. Times are UTC.
type Issued struct {
	Serial     string // lower-case hex, no leading zeros
	DER        []byte
	CommonName string
	Holder     string // seat, user or device
	Profile    string // OID
	NotBefore  time.Time
	NotAfter   time.Time
	IssuedAt   time.Time
	UpdatedAt  time.Time
	RevokedAt  time.Time // zero unless revoked or suspended
	Status     string    // VALID, EXPIRED, REVOKED or SUSPENDED
	Reason     string    // as MPKI 8 spells it; "" none
	ReasonCode int       // RFC 5280, 5.3.1; -1 none
}

// Inventory returns all issued certificates, oldest first. The caller must not
// change it.
func (c *CA) Inventory() []Issued {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.world().Issued
}

// Find returns the certificate with the given serial, lower-case hex.
func (c *CA) Find(serial string) (Issued, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault.World != nil {
		list := c.world().Issued
		i := slices.IndexFunc(list, func(i Issued) bool { return i.Serial == serial })
		if i < 0 {
			return Issued{}, false
		}
		return list[i], true
	}
	r, ok := c.index[serial]
	if !ok {
		return Issued{}, false
	}
	return c.view(r), true
}

func (c *CA) view(r *record) Issued {
	return Issued{
		Serial: r.Serial, DER: r.DER, CommonName: r.CN, Holder: r.Seat, Profile: r.Profile,
		NotBefore: r.NotBefore, NotAfter: r.NotAfter, IssuedAt: r.IssuedAt, UpdatedAt: r.UpdatedAt, RevokedAt: r.RevokedAt,
		Status: r.status(c.opts.Now()), Reason: r.Reason, ReasonCode: reasonCode(r.Reason),
	}
}

// event is one line of the feed of events.
type event struct{ serial, kind string }

// An Event is something that happened to a certificate.
type Event struct {
	Number int    // counts from 1
	Kind   string // "issued", "revoked", "suspended" or "valid" (resumed)
	Issued Issued // as it is now
}

// Events returns up to limit events behind the given number, oldest first, and
// the number of the newest event there is.
func (c *CA) Events(behind, limit int) (list []Event, newest int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	behind = min(max(behind, 0), len(c.events))
	for i, e := range c.events[behind:min(behind+limit, len(c.events))] {
		list = append(list, Event{behind + i + 1, e.kind, c.view(c.index[e.serial])})
	}
	return list, len(c.events)
}

// CRL returns the revocation list of the issuing CA with the given ID, DER,
// valid for a week.
func (c *CA) CRL(issuer string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	by, profile := c.auth.User, ProfileUser
	if issuer == "device" {
		by, profile = c.auth.Device, ProfileDevice
	}
	now := c.opts.Now()
	list := &x509.RevocationList{Number: big.NewInt(now.Unix()), ThisUpdate: now.Add(-time.Minute), NextUpdate: now.AddDate(0, 0, 7)}
	for _, r := range c.records {
		if r.Profile != profile || r.Status == "VALID" {
			continue
		}
		serial, _ := new(big.Int).SetString(r.Serial, 16)
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: serial, RevocationTime: r.RevokedAt, ReasonCode: max(reasonCode(r.Reason), 0),
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, by.cert, by.key)
	if err != nil {
		return nil, fmt.Errorf("sign CRL: %w", err)
	}
	return der, nil
}

// reasonCode translates a reason to RFC 5280, 5.3.1; -1 for none.
func reasonCode(reason string) int {
	if reason == "" {
		return -1
	}
	return slices.Index([]string{
		"unspecified", "keycompromise", "cacompromise", "affiliationchanged", "superseded",
		"cessationofoperation", "certificatehold", "", "removefromcrl", "privilegewithdrawn", "aacompromise",
	}, strings.ToLower(reason))
}

// Count notes a call of an operation, for Calls.
func (c *CA) Count(operation string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[operation]++
}

// PageSize is how many records an answer holds at most.
func (c *CA) PageSize() int { return c.opts.PageSize }

// Now is the CA's clock.
func (c *CA) Now() time.Time { return c.opts.Now() }
