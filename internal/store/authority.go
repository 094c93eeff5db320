package store

import (
	"context"
	"slices"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// SaveAuthorities implements pki.RunStore.
func (db *DB) SaveAuthorities(ctx context.Context, l pki.Lease, list []pki.Authority) (quarantined []pki.Authority, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		quarantined = nil
		if err := db.holdLease(ctx, c, l); err != nil {
			return err
		}
		changes, err := db.retireRoots(ctx, c, l, list)
		if err != nil {
			return err
		}
		for _, a := range list {
			change, err := saveAuthority(ctx, c, l, a)
			if err != nil {
				return err
			}
			if change == pki.ChangeCreated && a.Kind == pki.AuthorityRoot && a.State == pki.TrustQuarantined {
				quarantined = append(quarantined, a)
			}
			if change != 0 {
				changes = append(changes, db.childChange(pki.ResourceAuthorities, l, a.ID, change))
			}
		}
		return db.record(ctx, c, changes...)
	})
	if err != nil {
		return nil, err
	}
	return quarantined, nil
}

// retireRoots makes the root that was trusted retire where list has another in
// its place: one is trusted at a time.
func (db *DB) retireRoots(ctx context.Context, c conn, l pki.Lease, list []pki.Authority) ([]pki.Change, error) {
	i := slices.IndexFunc(list, func(a pki.Authority) bool {
		return a.Kind == pki.AuthorityRoot && a.State == pki.TrustTrusted
	})
	if i < 0 {
		return nil, nil
	}
	retired, err := all(ctx, c, scanText, `UPDATE certificate_authorities SET state = ?4
WHERE tenant = ?1 AND subscription_key = ?2 AND id <> ?3 AND kind = ?5 AND state = ?6 RETURNING id`,
		string(l.Tenant), l.Key, string(list[i].ID), int64(pki.TrustRetiring), int64(pki.AuthorityRoot), int64(pki.TrustTrusted))
	changes := make([]pki.Change, len(retired))
	for i, id := range retired {
		changes[i] = db.childChange(pki.ResourceAuthorities, l, pki.ID(id), pki.ChangeUpdated)
	}
	return changes, err
}

// saveAuthority stores a new one as it is and returns what that changed; 0
// where a known one was but seen again. Of a known one the state changes only
// where the one told says more: discovered says nothing, and quarantined nothing
// of one that an admin has decided about before.
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
	after, found, err := first(ctx, c, scanAuthorityMark, `UPDATE certificate_authorities SET kind = ?4, profile_ids = ?6, last_seen_date_time = ?7,
	state = CASE WHEN CAST(?5 AS INTEGER) = ?8 OR CAST(?5 AS INTEGER) = ?9 AND state > ?10 THEN state ELSE ?5 END
WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3 RETURNING kind, state, profile_ids`,
		string(l.Tenant), l.Key, string(a.ID), int64(a.Kind), int64(a.State), profiles, a.LastSeen.Ticks,
		int64(pki.TrustDiscovered), int64(pki.TrustQuarantined), int64(pki.TrustTrusted))
	switch {
	case err != nil || found && after == before:
		return 0, err
	case found:
		return pki.ChangeUpdated, nil
	}
	_, err = c.exec(ctx, `INSERT INTO certificate_authorities (tenant, subscription_key, id, kind, state,
	subject_name, subject_name_folded, issuer_name, issuer_name_folded, serial_number,
	not_before, not_after, profile_ids, first_seen_date_time, last_seen_date_time, certificate)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)`,
		string(l.Tenant), l.Key, string(a.ID), int64(a.Kind), int64(a.State),
		a.SubjectDN, odata.Fold(a.SubjectDN), a.IssuerDN, odata.Fold(a.IssuerDN), a.Serial,
		a.NotBefore.Ticks, a.NotAfter.Ticks, profiles, a.FirstSeen.Ticks, a.LastSeen.Ticks, a.DER)
	return pki.ChangeCreated, err
}

// An authorityMark is what may change of an authority, but for when it was
// last seen.
type authorityMark struct {
	kind, state int64
	profiles    string
}

const authorityMarkText = "SELECT kind, state, profile_ids FROM certificate_authorities WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3"

func scanAuthorityMark(r rows) (m authorityMark, err error) {
	return m, r.scan(&m.kind, &m.state, &m.profiles)
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
	profile_ids, first_seen_date_time, last_seen_date_time`
	if body {
		return plain + ", certificate"
	}
	return plain
}

func scanAuthority(r rows, body bool, extra ...any) (pki.Authority, error) {
	var a pki.Authority
	var profiles string
	dest := []any{
		(*string)(&a.ID), (*int8)(&a.Kind), (*int8)(&a.State), &a.SubjectDN, &a.IssuerDN, &a.Serial,
		&a.NotBefore.Ticks, &a.NotAfter.Ticks, &profiles, &a.FirstSeen.Ticks, &a.LastSeen.Ticks,
	}
	if body {
		dest = append(dest, &a.DER)
	}
	if err := r.scan(append(dest, extra...)...); err != nil {
		return a, err
	}
	return a, decode(profiles, &a.ProfileIDs)
}
