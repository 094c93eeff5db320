package pki

import (
	"context"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// CredentialStatus is what the CA said when it was last shown the credentials.
type CredentialStatus int8

// The states of credentials.
const (
	CredentialsUnknown  CredentialStatus = iota // not shown to the CA yet
	CredentialsAccepted                         // accepted
	CredentialsRefused                          // refused: nothing is sent until they change
	CredentialsExpired                          // their time is over
)

// CredentialStatusEnum is the enumeration of credentialInfo/status.
func CredentialStatusEnum() *odata.EnumType {
	return &odata.EnumType{Name: "cloudPkiCredentialStatus", Members: []odata.Member{
		{Name: "unknown", Value: int64(CredentialsUnknown), Doc: "The CA has not been asked yet."},
		{Name: "accepted", Value: int64(CredentialsAccepted), Doc: "The CA accepted the credentials."},
		{Name: "refused", Value: int64(CredentialsRefused), Doc: "The CA refused the credentials; nothing is sent until they change."},
		{Name: "expired", Value: int64(CredentialsExpired), Doc: "The credentials have expired."},
	}}
}

// A Slot is a set of credentials beside the current ones. Reads of several
// subscriptions leave its secrets out.
type Slot struct {
	Credentials

	Since time.Time // when it was filled, UTC
	Until time.Time // how long it is kept, UTC; zero for ever
}

// A Refusal is a CA's answer to credentials after which no further attempt is
// made with them, because accounts lock.
type Refusal struct {
	At   time.Time // UTC
	Code provider.Code
	Msg  string // public text
}

// CredentialStore keeps what belongs to credentials beside the subscription
// itself.
type CredentialStore interface {
	// AddAudit stores one audit event that goes with no change.
	AddAudit(ctx context.Context, t TenantID, e AuditEvent) error

	// Tended returns up to limit subscriptions whose TendAt is not after now,
	// those that have waited longest first.
	Tended(ctx context.Context, now time.Time, limit int) ([]Tending, error)
}

// A Tending names a subscription whose credentials must be looked at.
type Tending struct {
	Tenant TenantID
	ID     ID
}

// setStatus notes what was learned of credentials at a time.
func (c *Credentials) setStatus(status CredentialStatus, at time.Time) {
	c.Status, c.StatusAt = status, at
	if status == CredentialsAccepted {
		c.Accepted = odata.FromTime(at)
	}
}

// ExpiresAt is the sooner end of the client certificate and of what the CA
// handed out, UTC; zero where neither is known.
func (c *Credentials) ExpiresAt() time.Time {
	end := c.Expires
	if c.Info != nil && (end.IsZero() || c.Info.NotAfter.Before(end)) {
		end = c.Info.NotAfter
	}
	return end
}

// sameAccess reports whether two states of a subscription reach the same CA in
// the same way: what was learned of one then holds for the other.
func sameAccess(a, b *Subscription) bool {
	user := func(c *Credentials) *string {
		if c == nil {
			return nil
		}
		return c.UserName
	}
	return a.Provider == b.Provider && equal(a.ServiceURI, b.ServiceURI) && slices.Equal(a.Settings, b.Settings) &&
		sameBytes(a.ServerCAs, b.ServerCAs) && equal(user(a.Credentials), user(b.Credentials)) && sameSecrets(a.Credentials, b.Credentials)
}

// concernsAccess reports whether a member says how to reach the CA or how to
// log in there.
func concernsAccess(member string) bool {
	name, _, _ := strings.Cut(member, "/")
	return slices.Contains([]string{"cloudPkiProvider", "serviceUri", "providerSettings", "serverCertificateAuthorities", "credentials"}, name)
}

// forget drops what was learned of credentials that have become others.
func (c *Credentials) forget() {
	c.Accepted, c.Status, c.StatusAt, c.Expires, c.Rung = odata.Never(), CredentialsUnknown, time.Time{}, time.Time{}, ExpiryNone
}

// learnAnew drops what was learned at the CA where a change makes it another
// one, or another way to log in, and schedules what the change asks for.
func (s *Subscription) learnAnew(changed []string, now time.Time) {
	if slices.ContainsFunc(changed, concernsAccess) {
		s.Refusal = nil
		if c := s.Credentials; c != nil && c.Status != CredentialsUnknown {
			unknown := *c
			unknown.Status, unknown.StatusAt = CredentialsUnknown, time.Time{}
			s.Credentials = &unknown
		}
	}
	s.scheduleTending(now)
}
