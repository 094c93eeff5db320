package pki

import (
	"context"
	"time"

	"cloudpki/internal/odata"
)

// AlertLife is how long an alert can be read after what it tells of has ended.
const AlertLife = 30 * 24 * time.Hour

// AlertSeverity is how much an alert presses.
type AlertSeverity int8

// The severities.
const (
	AlertWarning  AlertSeverity = iota // there is time to act in
	AlertCritical                      // something fails, waits for a person, or ends within 7 days
)

// AlertSeverityEnum is the enumeration of the severities.
func AlertSeverityEnum() *odata.EnumType {
	return &odata.EnumType{Name: "cloudPkiAlertSeverity", Members: []odata.Member{
		{Name: "warning", Value: int64(AlertWarning)},
		{Name: "critical", Value: int64(AlertCritical)},
	}}
}

// String is the severity's name on the wire.
func (s AlertSeverity) String() string { return AlertSeverityEnum().NameOf(int64(s)) }

// An AlertKey names what an alert of a subscription is about. While it holds,
// what is told of it changes one and the same RaisedAlert.
type AlertKey struct {
	Kind   AlertKind
	Object ID // thumbprint of an authority; "" for the subscription itself
}

// A RaisedAlert is an alert as it can be read and followed: from the first time
// that it was told until AlertLife after what it tells of has ended. Its id is
// that of the Alert that was told first.
type RaisedAlert struct {
	Alert

	Key      int64                // incarnation of the subscription
	Revision int64                // +1 with each change
	Created  odata.DateTimeOffset // when it was told first
	Told     odata.DateTimeOffset // when it was told last
	Resolved odata.DateTimeOffset // when it held no longer; Never while it holds
}

// NewRaisedAlert returns what is to be stored of an alert that is told first.
func NewRaisedAlert(a Alert, key int64) RaisedAlert {
	at := odata.FromTime(a.At)
	return RaisedAlert{Alert: a, Key: key, Revision: 1, Created: at, Told: at, Resolved: odata.Never()}
}

// Tell takes over what is told of it now.
func (r *RaisedAlert) Tell(a Alert) {
	a.ID = r.ID
	r.Alert, r.Told = a, odata.FromTime(a.At)
	r.Revision++
}

// Resolve notes that it holds no longer.
func (r *RaisedAlert) Resolve(now odata.DateTimeOffset) {
	r.Resolved = now
	r.Revision++
}

// AlertKey names what it is about.
func (a *Alert) AlertKey() AlertKey { return AlertKey{a.Kind, a.Object} }

// RaisedAlertStore reads RaisedAlerts.
type RaisedAlertStore interface {
	// RaisedAlert returns one, or CodeNotFound.
	RaisedAlert(ctx context.Context, t TenantID, id ID) (RaisedAlert, error)

	// RaisedAlerts returns a page of those that match q.
	RaisedAlerts(ctx context.Context, t TenantID, q odata.Query) (Page[RaisedAlert], error)

	// RaisedAlertChanges is as DeltaStore has it.
	RaisedAlertChanges(ctx context.Context, t TenantID, q odata.Query, from DeltaPosition) (Delta[RaisedAlert], error)
}

// Alert returns an alert of t. CodeNotFound.
func (s *Service) Alert(ctx context.Context, t TenantID, id ID) (RaisedAlert, error) {
	return s.store.RaisedAlert(ctx, t, id)
}

// Alerts returns a page of the alerts of t.
func (s *Service) Alerts(ctx context.Context, t TenantID, q odata.Query) (Page[RaisedAlert], error) {
	return s.store.RaisedAlerts(ctx, t, q)
}

// AlertChanges returns a page of what has changed among the alerts of t.
// CodeResync where from is too old.
func (s *Service) AlertChanges(ctx context.Context, t TenantID, q odata.Query, from DeltaPosition) (Delta[RaisedAlert], error) {
	from, err := from.begin(s.stamp())
	if err != nil {
		return Delta[RaisedAlert]{}, err
	}
	return s.store.RaisedAlertChanges(ctx, t, q, from)
}

// AlertType is the entity type of a RaisedAlert.
func AlertType() *odata.EntityType {
	own := func(name string, kind odata.Kind, nullable bool, doc string) odata.Property {
		return odata.Property{Name: name, Kind: kind, Nullable: nullable, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	address := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Computed: true, Doc: doc}
	}
	return &odata.EntityType{
		Name: "cloudPkiAlert",
		Doc:  "Something that a person should know of and act on.",
		Properties: []odata.Property{
			own("id", odata.KindString, false, "Key; sorts by the time at which it was raised."),
			own("kind", odata.KindString, false, "What it tells of: rootExpiring, issuerExpiring, credentialExpiring, certificatesExpiring, syncFailing, trustChangePending or oldRootStillTrusted; more may come."),
			{Name: "severity", Kind: odata.KindEnum, Enum: AlertSeverityEnum(), Computed: true, Filter: true, Sort: true, Doc: "How much it presses."},
			own("subscriptionId", odata.KindString, false, "The subscription that it is about."),
			own("certificateAuthorityId", odata.KindString, true, "The root or issuer that it is about; null for the subscription itself."),
			own("expiryStage", odata.KindString, true, "The rung of the expiry ladder that was told last."),
			own("expirationDateTime", odata.KindDateTimeOffset, true, "The end that it warns of."),
			own("certificateCount", odata.KindInt32, true, "How many certificates end by then."),
			own("title", odata.KindString, false, "One line: what, and when."),
			{Name: "detail", Kind: odata.KindString, Computed: true, Doc: "What happened."},
			{Name: "action", Kind: odata.KindString, Computed: true, Doc: "What to do."},
			address("resourceUrl", "Address of what it is about."),
			address("consoleUrl", "Address of the console's page about that."),
			address("helpUrl", "Page of the manual."),
			own("createdDateTime", odata.KindDateTimeOffset, false, "When it was raised."),
			own("lastToldDateTime", odata.KindDateTimeOffset, false, "When it was told last."),
			own("resolvedDateTime", odata.KindDateTimeOffset, true, "When it held no longer; null while it holds. 30 days later it is removed."),
		},
		Delta: true,
	}
}
