package store

import (
	"slices"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// A noun says how the rows of one entity type are read.
type noun[T any] struct {
	entity *odata.EntityType
	from   string // table, with what is joined to it
	search []string
	filled []string // columns that are never NULL although the property is called nullable
	newest bool     // lists are by descending id where no order is asked for
	ranges []string // columns that keep their value and have an index, see suitableOrder

	// index names the index that SQLite is to read a page by; "" leaves it the
	// choice, as nil does. PostgreSQL knows what its tables hold.
	index func(q odata.Query) string

	// heavy is the property that is too large for lists that do not ask for
	// it; "" for none.
	heavy string

	// columns lists what scan reads; heavy says whether the large ones are
	// wanted. scan reads more columns behind them into extra.
	columns func(heavy bool) string
	scan    func(r rows, heavy bool, extra ...any) (T, error)
}

type nouns struct {
	subscriptions noun[pki.Subscription]
	runs          noun[pki.Run]
	authorities   noun[pki.Authority]
	certificates  noun[pki.Certificate]
	skipped       noun[pki.SkippedItem]
	audit         noun[pki.AuditEvent]
	notifications noun[pki.NotificationSubscription]
	deadLetters   noun[pki.DeadLetter]
	bundles       noun[pki.TrustBundle]
	providers     *odata.EnumType

	bundleVersions noun[pki.TrustBundleVersion]
	bundleFetches  noun[pki.TrustBundleFetch]
	estEndpoints   noun[pki.ESTEndpoint]
	alerts         noun[pki.RaisedAlert]
}

func newNouns() nouns {
	providers := pki.ProviderEnum()
	return nouns{
		providers:     providers,
		subscriptions: subscriptionNoun(providers),
		runs: noun[pki.Run]{
			entity: pki.RunType(), from: "sync_runs", newest: true,
			columns: func(bool) string { return runColumns }, scan: scanRun,
		},
		authorities:  authorityNoun(),
		certificates: certificateNoun(),
		skipped: noun[pki.SkippedItem]{
			entity: pki.SkippedItemType(), from: "skipped_items", heavy: "content",
			columns: skippedColumns, scan: scanSkipped,
		},
		audit: noun[pki.AuditEvent]{
			entity: pki.AuditEventType(), from: "audit_events", newest: true,
			columns: func(bool) string { return auditColumns }, scan: scanAudit,
		},
		notifications: notificationNoun(),
		deadLetters:   deadLetterNoun(),

		bundles: bundleNoun(), bundleVersions: bundleVersionNoun(), bundleFetches: bundleFetchNoun(), estEndpoints: estEndpointNoun(),
		alerts: raisedAlertNoun(),
	}
}

// wants reports whether a list with this selection shows the heavy property:
// an optional one only by name.
func (n noun[T]) wants(s odata.Selection) bool {
	p := n.entity.Property(n.heavy)
	if p == nil {
		return false
	}
	if s.All {
		return !p.Optional
	}
	return slices.Contains(s.Names, p.Name)
}

// searchColumns returns the case-folded columns that $search looks through.
func searchColumns(e *odata.EntityType) []string {
	var columns []string
	for i := range e.Properties {
		p := &e.Properties[i]
		if p.Search {
			columns = append(columns, odata.Path{Property: p}.Column()+"_folded")
		}
		if p.Kind != odata.KindComplex || p.Collection {
			continue
		}
		for j := range p.Complex.Properties {
			if q := &p.Complex.Properties[j]; q.Search {
				columns = append(columns, odata.Path{Parent: p, Property: q}.Column()+"_folded")
			}
		}
	}
	return columns
}
