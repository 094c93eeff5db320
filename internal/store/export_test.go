package store

import (
	"context"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Plans returns how the database carries out what must not read whole tables,
// by name.
func (db *DB) Plans(ctx context.Context) (map[string]string, error) {
	key := int64(1)
	property := func(p *odata.Property) odata.Path { return odata.Path{Property: p} }
	certificates := func(q odata.Query) *builder {
		n := &db.nouns.certificates
		b, _ := pageQuery(db, n, sortKeys(q, n), false, scope{tenant: "t1", key: &key}, q)
		return b
	}
	subscriptions := func(q odata.Query) *builder {
		n := &db.nouns.subscriptions
		b, _ := pageQuery(db, n, sortKeys(q, n), false, scope{tenant: "t1"}, q)
		return b
	}
	text := func(s string, args ...any) *builder {
		b := &builder{args: args}
		b.WriteString(s)
		return b
	}
	round := pki.DeltaPosition{Change: 5, Until: 10}
	changed := deltaReader[pki.Subscription]{db: db, noun: &db.nouns.subscriptions, scope: scope{tenant: "t1"}, q: odata.Query{Top: 100}, from: round}
	issued := deltaReader[pki.Certificate]{db: db, noun: &db.nouns.certificates, scope: scope{tenant: "t1", key: &key}, q: odata.Query{Top: 100}, from: round}
	rowsOf := func(b *builder, _ error) *builder { return b }
	thumbprint := property(pki.CertificateType().Property("thumbprint"))
	status := odata.Order{Path: property(pki.SubscriptionType().Property("syncStatus"))}
	plans := make(map[string]string)
	for name, b := range map[string]*builder{
		"thumbprint":    certificates(odata.Query{Top: 100, Filter: odata.Comparison{Path: thumbprint, Op: odata.Eq, Value: odata.String("x")}}),
		"status":        subscriptions(odata.Query{Top: 100, OrderBy: []odata.Order{status}}),
		"subscriptions": text(countSubscriptions),
		"due":           text(countDue, int64(5)),
		"strangers":     text(strangersText, int64(5), int64(5), 2, 8),
		"turn":          text(tenantText, int64(5), int64(5), 2, "t1"),
		"expiry":        text(firstExpiry),
		"expiring":      text(countWithin(4), int64(9), int64(7), int64(5), int64(3)),
		"missing":       text(unseenText, "t1", key, int64(0), int64(missingChunk), int64(0)),
		"changed":       rowsOf(changed.rowsQuery()),
		"issued":        rowsOf(issued.rowsQuery()),
		"watched":       text(watchedText, int64(5), 10),
		"ending":        text(endingText, "t1", key, int64(1), int64(5), int64(9), 1000),
		"roots":         text(firstRootExpiry),
		"followers":     text(followersText, "t1", int64(5)),
		"mark":          text(markMissingText(), append([]any{"t1", key, int64(1), int64(2)}, batchOf([]string{"a"})...)...),
	} {
		plan, err := db.plan(ctx, b)
		if err != nil {
			return nil, err
		}
		plans[name] = plan
	}
	return plans, nil
}

func (db *DB) plan(ctx context.Context, b *builder) (string, error) {
	explain, scan := "EXPLAIN ", scanText
	if !db.dialect.shared {
		explain, scan = "EXPLAIN QUERY PLAN ", func(r rows) (detail string, err error) {
			var id, parent, unused int64
			err = r.scan(&id, &parent, &unused, &detail)
			return detail, err
		}
	}
	var lines []string
	err := db.engine.read(ctx, func(c conn) (err error) {
		lines, err = all(ctx, c, scan, explain+b.String(), b.args...)
		return err
	})
	return strings.Join(lines, "\n"), err
}
