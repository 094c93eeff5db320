package pki

import (
	"context"
	"time"

	"cloudpki/internal/odata"
)

// An AlertKind is what an alert tells of. It is the tail of the CloudEvents
// type, so its text never changes.
type AlertKind string

// The kinds.
const (
	AlertRoot         AlertKind = "rootExpiring"         // a trusted or retiring root nears its end
	AlertIssuer       AlertKind = "issuerExpiring"       // an issuer that the CA still offers nears its end
	AlertCertificates AlertKind = "certificatesExpiring" // how many certificates end soon
	AlertCredential   AlertKind = "credentialExpiring"   // the client certificate or token nears its end
	AlertFailing      AlertKind = "syncFailing"          // no sync has succeeded for long
	AlertRecovered    AlertKind = "syncRecovered"        // the first good sync after AlertFailing
	AlertTrust        AlertKind = "trustChangePending"   // a quarantined root waits for an admin
	AlertRollover     AlertKind = "oldRootStillTrusted"  // a replaced root is still distributed
)

// An Alert is something that a person should know of and act on. Its texts hold
// names from CAs and admins, without control characters.
type Alert struct {
	ID           ID            `json:"id"` // UUIDv7; the same at each delivery
	At           time.Time     `json:"at"`
	Kind         AlertKind     `json:"kind"`
	Tenant       TenantID      `json:"tenant"`
	Subscription ID            `json:"subscription"`
	Name         string        `json:"name"`             // display name of the subscription, or its id
	Object       ID            `json:"object,omitempty"` // thumbprint of the authority it is about
	Severity     AlertSeverity `json:"severity,omitempty"`
	Stage        string        `json:"stage,omitempty"` // of the expiry ladder
	Ends         time.Time     `json:"ends,omitzero"`   // what happens then is the Title's matter
	Count        int64         `json:"count,omitempty"` // of certificates
	Title        string        `json:"title"`           // one line: what, and when
	Detail       string        `json:"detail"`          // what happened
	Action       string        `json:"action"`          // what to do
	Path         string        `json:"path"`            // of the object at the API, below the service's origin
	Console      string        `json:"console"`         // of the console's page for it, below the origin; "" is its first page
	Page         string        `json:"page"`            // of the manual, below the service's origin
}

// AlertPolicy says when alerts are told and to whom.
type AlertPolicy struct {
	SyncFailingAfter   time.Duration // without a good sync
	CertificatesWithin time.Duration // certificates that end so soon are counted daily; 0 is not at all
	Sinks              []string      // names of the ways out; each gets every alert
}

// An AlertMark is what was told last of one thing.
type AlertMark struct {
	Kind   AlertKind
	Object ID
	Rung   int64                // how far it was told; its meaning is the kind's
	At     odata.DateTimeOffset // when, or since when
	Ends   odata.DateTimeOffset // the end, or the replacement, that Rung belongs to; Never for none
}

// AlertFacts is what alerts are judged by, beside the subscription, as it
// stands at one moment.
type AlertFacts struct {
	Authorities []Authority // without DER
	Marks       []AlertMark

	// Ending counts the valid certificates that end after from and by until; a
	// count of MostEnding stands for that or more.
	Ending func(from, until odata.DateTimeOffset) (int64, error)
}

// MostEnding bounds how many certificates are counted for an alert.
const MostEnding = 100_000

// An AlertVerdict is what comes of them.
type AlertVerdict struct {
	Alerts []Alert
	// Standing is what holds, told now or before: the alerts of all else are
	// resolved.
	Standing []AlertKey
	Audit    []AuditEvent // told as a change of the subscription; none for no change
	Keep     []AlertMark
	Forget   []AlertMark
	Next     odata.DateTimeOffset // when to look again
}

// AlertStore keeps what was told.
type AlertStore interface {
	// Watched returns up to limit subscriptions whose alerts must be looked at
	// at now, those that have waited longest first.
	Watched(ctx context.Context, now time.Time, limit int) ([]Tending, error)

	// JudgeAlerts calls judge with a subscription and its facts in a
	// transaction and stores its verdict, with each alert for each of sinks.
	// judge may be called more than once and must change nothing; its error is
	// returned. CodeNotFound.
	JudgeAlerts(ctx context.Context, t TenantID, id ID, sinks []string, judge func(*Subscription, AlertFacts) (AlertVerdict, error)) error
}

// A QueuedAlert is an alert on its way to one sink, leased until Until.
type QueuedAlert struct {
	Alert    Alert
	Number   int64
	Sink     string
	Failures int
	Until    odata.DateTimeOffset
}

// An AlertAttempt is how a delivery has ended.
type AlertAttempt struct {
	At    odata.DateTimeOffset
	Error string               // the class of the fault, without secrets; "" where it was delivered
	Again odata.DateTimeOffset // when one that has failed is due again
}
