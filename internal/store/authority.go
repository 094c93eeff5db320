package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// SaveAuthorities implements pki.RunStore.
func (db *DB) SaveAuthorities(ctx context.Context, l pki.Lease, list []pki.Authority, decide func(*pki.Subscription, []pki.Authority) (pki.Effects, error)) error {
	return db.engine.write(ctx, func(c conn) error {
		if err := db.takeTurn(ctx, c, l.Tenant); err != nil {
			return err
		}
		if err := db.holdLease(ctx, c, l); err != nil {
			return err
		}
		var changes []pki.Change
		for _, a := range list {
			change, err := saveAuthority(ctx, c, l, a)
			if err != nil {
				return err
			}
			if change != 0 {
				changes = append(changes, db.childChange(pki.ResourceAuthorities, l, a.ID, change))
			}
		}
		if len(changes) > 0 {
			if err := markBundles(ctx, c, l.Tenant); err != nil {
				return err
			}
		}
		if err := db.record(ctx, c, changes...); err != nil || decide == nil {
			return err
		}
		return db.decideRoots(ctx, c, l, decide)
	})
}

// saveAuthority stores a new one as it is and returns what that changed; 0
// where a known one was but seen again. What is decided of a known one stays as
// it is, and a root stays a root, whatever the CA now says of it.
func saveAuthority(ctx context.Context, c conn, l pki.Lease, a pki.Authority) (pki.ChangeType, error) {
	if a.ProfileIDs == nil {
		a.ProfileIDs = []string{}
	}
	profiles, err := encode(a.ProfileIDs)
	if err != nil {
		return 0, err
	}
	before, _, err := first(ctx, c, scanAuthorityMark, authorityMarkText, string(l.Tenant), l.Key, string(a.ID))
	if err != nil {
		return 0, err
	}
	after, found, err := first(ctx, c, scanAuthorityMark, `UPDATE certificate_authorities SET profile_ids = ?5, last_seen_date_time = ?6,
	kind = CASE WHEN kind = ?7 THEN kind ELSE ?4 END
WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3 RETURNING kind, profile_ids`,
		string(l.Tenant), l.Key, string(a.ID), int64(a.Kind), profiles, a.LastSeen.Ticks, int64(pki.AuthorityRoot))
	switch {
	case err != nil || found && after == before:
		return 0, err
	case found:
		return pki.ChangeUpdated, nil
	}
	return pki.ChangeCreated, insertAuthority(ctx, c, l, a, profiles)
}

func insertAuthority(ctx context.Context, c conn, l pki.Lease, a pki.Authority, profiles string) error {
	_, err := c.exec(ctx, `INSERT INTO certificate_authorities (tenant, subscription_key, id, kind, state,
	subject_name, subject_name_folded, issuer_name, issuer_name_folded, serial_number,
	not_before, not_after, profile_ids, first_seen_date_time, last_seen_date_time, certificate,
	state_changed_date_time, state_reason, decided_by, replaces_thumbprint, retire_date_time)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)`,
		string(l.Tenant), l.Key, string(a.ID), int64(a.Kind), int64(a.State),
		a.SubjectDN, odata.Fold(a.SubjectDN), a.IssuerDN, odata.Fold(a.IssuerDN), a.Serial,
		a.NotBefore.Ticks, a.NotAfter.Ticks, profiles, a.FirstSeen.Ticks, a.LastSeen.Ticks, a.DER,
		nullDate(a.StateChanged), nullText(a.StateReason), nullText(a.DecidedBy), nullText(string(a.Replaces)), nullDate(a.Retire))
	return err
}

// An authorityMark is what may change of an authority, but for when it was
// last seen.
type authorityMark struct {
	kind     int64
	profiles string
}

const authorityMarkText = "SELECT kind, profile_ids FROM certificate_authorities WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3"

func scanAuthorityMark(r rows) (m authorityMark, err error) {
	return m, r.scan(&m.kind, &m.profiles)
}

// Authority implements pki.InventoryStore.
func (db *DB) Authority(ctx context.Context, t pki.TenantID, sub, id pki.ID) (pki.Authority, error) {
	return single(ctx, db, &db.nouns.authorities, t, sub, id)
}

// Authorities implements pki.InventoryStore.
func (db *DB) Authorities(ctx context.Context, t pki.TenantID, sub pki.ID, q odata.Query) (pki.Page[pki.Authority], error) {
	return children(ctx, db, &db.nouns.authorities, t, sub, q)
}

func authorityNoun() noun[pki.Authority] {
	entity := pki.AuthorityType()
	return noun[pki.Authority]{
		entity: entity, from: "certificate_authorities", search: searchColumns(entity), heavy: "certificate",
		columns: authorityColumns, scan: scanAuthority,
	}
}

func authorityColumns(body bool) string {
	const plain = `id, kind, state, subject_name, issuer_name, serial_number, not_before, not_after,
	profile_ids, first_seen_date_time, last_seen_date_time,
	state_changed_date_time, state_reason, decided_by, replaces_thumbprint, retire_date_time`
	if body {
		return plain + ", certificate"
	}
	return plain
}

func scanAuthority(r rows, body bool, extra ...any) (pki.Authority, error) {
	var a pki.Authority
	var profiles string
	var changed, retire *int64
	var reason, by, replaces *string
	dest := []any{
		(*string)(&a.ID), (*int8)(&a.Kind), (*int8)(&a.State), &a.SubjectDN, &a.IssuerDN, &a.Serial,
		&a.NotBefore.Ticks, &a.NotAfter.Ticks, &profiles, &a.FirstSeen.Ticks, &a.LastSeen.Ticks,
		&changed, &reason, &by, &replaces, &retire,
	}
	if body {
		dest = append(dest, &a.DER)
	}
	if err := r.scan(append(dest, extra...)...); err != nil {
		return a, err
	}
	a.StateChanged, a.Retire = date(changed), date(retire)
	a.StateReason, a.DecidedBy, a.Replaces = text(reason), text(by), pki.ID(text(replaces))
	return a, decode(profiles, &a.ProfileIDs)
}
