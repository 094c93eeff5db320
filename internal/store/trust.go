package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// ChangeTrust implements pki.TrustStore.
func (db *DB) ChangeTrust(ctx context.Context, t pki.TenantID, id pki.ID, change func(*pki.Subscription, []pki.Authority) (pki.Effects, error)) (pki.Subscription, error) {
	return db.changeSubscription(ctx, t, id, func(c conn, s *pki.Subscription) (pki.Effects, error) {
		roots, err := knownRoots(ctx, c, t, s.Key)
		if err != nil {
			return pki.Effects{}, err
		}
		return change(s, roots)
	})
}

// decideRoots has decide decide on the roots of a leased subscription and
// stores the outcome.
func (db *DB) decideRoots(ctx context.Context, c conn, l pki.Lease, decide func(*pki.Subscription, []pki.Authority) (pki.Effects, error)) error {
	s, err := db.findSubscription(ctx, c, l.Tenant, l.Subscription, "")
	if err != nil {
		return err
	}
	roots, err := knownRoots(ctx, c, l.Tenant, l.Key)
	if err != nil {
		return err
	}
	revision := s.Revision
	e, err := decide(&s, roots)
	if err != nil {
		return err
	}
	if err := db.saveRoots(ctx, c, l, e.Roots); err != nil {
		return err
	}
	if err := auditEffects(ctx, c, l.Tenant, e); err != nil || e.Unchanged {
		return err
	}
	s.Tenant, s.ID, s.Key, s.Revision = l.Tenant, l.Subscription, l.Key, revision+1
	if err := db.record(ctx, c, db.subscriptionChange(&s, pki.ChangeUpdated)); err != nil {
		return err
	}
	return db.updateSubscription(ctx, c, &s)
}

// knownRoots reads the roots that a subscription has met.
func knownRoots(ctx context.Context, c conn, t pki.TenantID, key int64) ([]pki.Authority, error) {
	return all(ctx, c, scanWholeAuthority, "SELECT "+authorityColumns(true)+
		" FROM certificate_authorities WHERE tenant = ?1 AND subscription_key = ?2 AND kind = ?3 ORDER BY id", string(t), key, int64(pki.AuthorityRoot))
}

func scanWholeAuthority(r rows) (pki.Authority, error) { return scanAuthority(r, true) }

// saveRoots stores what was decided on roots.
func (db *DB) saveRoots(ctx context.Context, c conn, l pki.Lease, roots []pki.Authority) error {
	changes := make([]pki.Change, 0, len(roots))
	for _, a := range roots {
		n, err := c.exec(ctx, `UPDATE certificate_authorities SET kind = ?4, state = ?5, state_changed_date_time = ?6, state_reason = ?7,
	decided_by = ?8, replaces_thumbprint = ?9, retire_date_time = ?10
WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3`,
			string(l.Tenant), l.Key, string(a.ID), int64(a.Kind), int64(a.State), nullDate(a.StateChanged), nullText(a.StateReason),
			nullText(a.DecidedBy), nullText(string(a.Replaces)), nullDate(a.Retire))
		change := pki.ChangeUpdated
		if err == nil && n == 0 {
			change, err = pki.ChangeCreated, insertAuthority(ctx, c, l, a, "[]")
		}
		if err != nil {
			return err
		}
		changes = append(changes, db.childChange(pki.ResourceAuthorities, l, a.ID, change))
	}
	if len(changes) > 0 {
		if err := markBundles(ctx, c, l.Tenant); err != nil {
			return err
		}
	}
	return db.record(ctx, c, changes...)
}

// Trust implements pki.TrustStore.
func (db *DB) Trust(ctx context.Context, t pki.TenantID, id pki.ID) (s pki.Subscription, list []pki.Authority, err error) {
	err = db.engine.view(ctx, func(c conn) error {
		if s, err = db.findSubscription(ctx, c, t, id, ""); err != nil {
			return err
		}
		list, err = all(ctx, c, scanWholeAuthority, "SELECT "+authorityColumns(true)+
			" FROM certificate_authorities WHERE tenant = ?1 AND subscription_key = ?2 ORDER BY id", string(t), s.Key)
		return err
	})
	return s, list, err
}

// IssuedBeside implements pki.TrustStore.
func (db *DB) IssuedBeside(ctx context.Context, t pki.TenantID, id pki.ID, issuers []string, now odata.DateTimeOffset) (found bool, err error) {
	err = db.engine.view(ctx, func(c conn) error {
		s, err := db.findSubscription(ctx, c, t, id, "")
		if err != nil {
			return err
		}
		args := []any{string(t), s.Key, int64(pki.CertificateValid), now.Ticks}
		beside := ""
		if len(issuers) > 0 {
			beside = " AND (issuer_name IS NULL OR issuer_name NOT IN (" + placeholders(len(args)+1, len(issuers)) + "))"
			for _, name := range issuers {
				args = append(args, name)
			}
		}
		_, found, err = first(ctx, c, scanText, `SELECT id FROM certificates
WHERE tenant = ?1 AND subscription_key = ?2 AND status = ?3 AND (not_after IS NULL OR not_after > ?4)`+beside+" LIMIT 1", args...)
		return err
	})
	return found, err
}

// migratingTo returns the provider to which the subscription of a lease is
// being moved, 0 for none: what only the one before has listed is not missing
// from its list.
func (db *DB) migratingTo(ctx context.Context, c conn, l pki.Lease) (int64, error) {
	s, err := db.findSubscription(ctx, c, l.Tenant, l.Subscription, "")
	if err != nil || !s.Migration.IsOpen() {
		return 0, err
	}
	to, _ := db.nouns.providers.ValueOf(s.Migration.To)
	return to, nil
}

// CountMigration implements pki.TrustStore.
func (db *DB) CountMigration(ctx context.Context, t pki.TenantID, id pki.ID, to int64) (n pki.MigrationCounts, err error) {
	err = db.engine.view(ctx, func(c conn) error {
		s, err := db.findSubscription(ctx, c, t, id, "")
		if err != nil {
			return err
		}
		scan := func(r rows) (n pki.MigrationCounts, err error) { return n, r.scan(&n.Both, &n.Before, &n.After) }
		n, _, err = first(ctx, c, scan, `SELECT
	COUNT(CASE WHEN first_provider <> ?3 AND last_provider = ?3 THEN 1 END),
	COUNT(CASE WHEN last_provider <> ?3 THEN 1 END),
	COUNT(CASE WHEN first_provider = ?3 AND last_provider = ?3 THEN 1 END)
FROM certificates WHERE tenant = ?1 AND subscription_key = ?2`, string(t), s.Key, to)
		return err
	})
	return n, err
}
