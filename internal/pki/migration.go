package pki

import (
	"context"
	"fmt"

	"cloudpki/internal/odata"
)

// A Migration is a change of the provider of a subscription that was synced
// before. While it is open, what only the former provider had listed is not
// called missing.
type Migration struct {
	From      string               `json:"f"` // member of cloudPkiProvider
	To        string               `json:"t"`
	Started   odata.DateTimeOffset `json:"s"`
	Ended     odata.DateTimeOffset `json:"e"`           // Never while open
	Cancelled bool                 `json:"c,omitempty"` // ended by going back to From
}

// IsOpen reports whether the migration is under way; that of nil is not.
func (m *Migration) IsOpen() bool { return m != nil && m.Ended.IsNever() }

// MigrationCounts are certificates by the providers under which they were met.
type MigrationCounts struct {
	Both   int // met before, and listed by the new provider
	Before int // not listed by the new provider
	After  int // first met at the new provider
}

// A MigrationReport tells how far a migration is.
type MigrationReport struct {
	Migration
	MigrationCounts
	Roots []Authority // with their states, without DER
}

// migrate notes a change of the provider, and returns what the audit trail
// tells of it; "" for nothing. A subscription that was never synced has nothing
// to take along.
func (s *Subscription) migrate(before *Subscription, now odata.DateTimeOffset) (activity, reason string) {
	m := s.Migration
	switch {
	case s.Provider == before.Provider:
		return "", ""
	case m.IsOpen() && s.Provider == m.From:
		ended := *m
		ended.Ended, ended.Cancelled = now, true
		s.Migration = &ended
		return ActivityMigrationCancelled, fmt.Sprintf("back from %s to %s", m.To, m.From)
	case s.Provider == ProviderUnknown, before.LastSync.IsNever():
		return "", ""
	}
	from := before.Provider
	if m.IsOpen() || from == ProviderUnknown && m != nil {
		from = m.From
	}
	if from == ProviderUnknown || from == s.Provider {
		return "", ""
	}
	s.Migration = &Migration{From: from, To: s.Provider, Started: now, Ended: odata.Never()}
	return ActivityMigrationStarted, fmt.Sprintf("from %s to %s", from, s.Provider)
}

// CompleteMigration is the action that ends a migration.
func CompleteMigration() odata.Action {
	return odata.Action{
		Name: "completeMigration", ResultEntity: &odata.EntityType{Name: "cloudPkiSubscription"},
		Doc: "Ends the migration to another provider: what the new one does not list is missing from now on.",
	}
}

// CompleteMigration ends the open migration of a subscription and asks for a
// sync. CodeNotFound, CodeConflict where none is open, or what c returns.
func (s *Service) CompleteMigration(ctx context.Context, t TenantID, a Actor, id ID, c Condition) (Subscription, error) {
	event, err := s.event(ActivityMigrationCompleted, id, a, []string{"cloudPkiProvider"})
	if err != nil {
		return Subscription{}, err
	}
	run, err := newRun(TriggerChanged, event.At)
	if err != nil {
		return Subscription{}, err
	}
	return s.store.UpdateSubscription(ctx, t, id, func(sub *Subscription) (Effects, error) {
		if err := c.check(sub.ETag()); err != nil {
			return Effects{}, err
		}
		if !sub.Migration.IsOpen() {
			return Effects{}, &Error{Code: CodeConflict, Msg: "No migration is under way. One begins when cloudPkiProvider is changed after a first sync."}
		}
		before, m := *sub, *sub.Migration
		m.Ended = event.At
		sub.Migration = &m
		event.Reason = fmt.Sprintf("from %s to %s", m.From, m.To)
		e := Effects{Audit: &event}
		if s.reschedule(&before, sub, []string{"cloudPkiProvider"}) {
			e.Run = &run
		}
		return e, nil
	})
}

// MigrationReport tells of the last migration of a subscription, whose provider
// names are "" where it was never migrated. CodeNotFound.
func (s *Service) MigrationReport(ctx context.Context, t TenantID, id ID) (MigrationReport, error) {
	sub, list, err := s.store.Trust(ctx, t, id)
	if err != nil {
		return MigrationReport{}, err
	}
	r := MigrationReport{Migration: Migration{Started: odata.Never(), Ended: odata.Never()}}
	if sub.Migration != nil {
		r.Migration = *sub.Migration
	}
	for _, a := range list {
		if a.Kind == AuthorityRoot {
			a.DER = nil
			r.Roots = append(r.Roots, a)
		}
	}
	if sub.Migration == nil {
		return r, nil
	}
	to, _ := s.providers.ValueOf(r.To)
	r.MigrationCounts, err = s.store.CountMigration(ctx, t, id, to)
	return r, err
}

// MigrationReportFunction is the function that tells of a migration.
func MigrationReportFunction() odata.Action {
	return odata.Action{
		Name: "migrationReport", Function: true, Result: &odata.Property{Kind: odata.KindComplex, Complex: MigrationReportType()},
		Doc: "Tells how far the move to another provider is.",
	}
}

// MigrationReportType is the complex type of a MigrationReport.
func MigrationReportType() *odata.ComplexType {
	date := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindDateTimeOffset, Nullable: true, Doc: doc}
	}
	count := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindInt32, Doc: doc}
	}
	return &odata.ComplexType{
		Name: "cloudPkiMigrationReport",
		Doc:  "How far the move of a subscription to another provider is.",
		Properties: []odata.Property{
			{Name: "fromProvider", Kind: odata.KindEnum, Enum: ProviderEnum(), Nullable: true, Doc: "The provider before; null where the subscription was never moved."},
			{Name: "toProvider", Kind: odata.KindEnum, Enum: ProviderEnum(), Nullable: true, Doc: "The provider since; null where the subscription was never moved."},
			date("startedDateTime", "When cloudPkiProvider was changed."),
			date("completedDateTime", "When the migration was completed or cancelled; null while it is under way."),
			{Name: "cancelled", Kind: odata.KindBoolean, Doc: "Whether it ended by going back."},
			count("inBothCount", "Certificates met before that the new provider lists too."),
			count("onlyBeforeCount", "Certificates that the new provider does not list."),
			count("onlyAfterCount", "Certificates first met at the new provider."),
			{Name: "roots", Kind: odata.KindComplex, Complex: MigrationRootType(), Collection: true, Doc: "The roots, with their states."},
		},
	}
}

// MigrationRootType is the complex type of a root in a report.
func MigrationRootType() *odata.ComplexType {
	return &odata.ComplexType{
		Name: "cloudPkiMigrationRoot",
		Doc:  "A root of a subscription that is being moved.",
		Properties: []odata.Property{
			{Name: "thumbprint", Kind: odata.KindString, Doc: "SHA-256 of the DER, lower-case hex."},
			{Name: "subjectName", Kind: odata.KindString, Doc: "Subject, RFC 4514."},
			{Name: "state", Kind: odata.KindEnum, Enum: TrustStateEnum(), Doc: "How far it is on its way to the devices."},
			{Name: "stateReason", Kind: odata.KindString, Nullable: true, Doc: "Why it is in its state."},
			{Name: "retireDateTime", Kind: odata.KindDateTimeOffset, Nullable: true, Doc: "When a retiring root may be removed."},
		},
	}
}
