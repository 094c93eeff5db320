package pki

import (
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/secret"
)

// A Maybe is a member of a request: not mentioned, null, or with a value.
type Maybe[T any] struct {
	State odata.State
	Value T
}

// Given returns a Maybe with a value.
func Given[T any](v T) Maybe[T] { return Maybe[T]{odata.Present, v} }

// Cleared returns a Maybe that is explicitly null.
func Cleared[T any]() Maybe[T] { return Maybe[T]{State: odata.Null} }

// IsGiven reports whether there is a value.
func (m Maybe[T]) IsGiven() bool { return m.State == odata.Present }

// pointer returns the value as an optional one: nil unless given.
func (m Maybe[T]) pointer() *T {
	if m.State != odata.Present {
		return nil
	}
	return &m.Value
}

// A Draft is what a client asks for, in a create or (as a merge) in an update.
// Secrets are in plaintext here and nowhere else.
type Draft struct {
	ID           Maybe[string]
	Provider     Maybe[string] // member of cloudPkiProvider
	DisplayName  Maybe[string]
	Description  Maybe[string]
	Credentials  Maybe[DraftCredentials]
	TrustedRoot  Maybe[[]byte]
	ServiceURI   Maybe[string]
	Settings     Maybe[[]Setting]
	ServerCAs    Maybe[[]byte]
	SyncSchedule Maybe[time.Duration]
	Paused       Maybe[bool]
	TrustPolicy  Maybe[TrustPolicy]

	// What an import brings along; the initial state on create, ignored on
	// update. From the first sync on the service owns them.
	LastModified  Maybe[odata.DateTimeOffset]
	SyncStatus    Maybe[SyncStatus]
	LastSyncError Maybe[string]
	LastSync      Maybe[odata.DateTimeOffset]
	Version       Maybe[int32]
}

// DraftCredentials are credentials on their way in. In an update a member that
// is null, absent or Mask means unchanged, because reads show null.
type DraftCredentials struct {
	UserName            Maybe[string]
	Password            Maybe[secret.Text]
	Certificate         Maybe[secret.Text] // PKCS#12, RFC 7292
	CertificatePassword Maybe[secret.Text]
}

// Mask may stand for a secret in an update: it means unchanged.
const Mask = "****"
