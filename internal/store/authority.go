package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// SaveAuthorities implements pki.RunStore.
func (db *DB) SaveAuthorities(ctx context.Context, l pki.Lease, list []pki.Authority) error {
	return db.engine.write(ctx, func(c conn) error {
		if err := db.holdLease(ctx, c, l); err != nil {
			return err
		}
		for _, a := range list {
			if err := saveAuthority(ctx, c, l, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// saveAuthority stores a new one as it is. Of a known one the state changes
// only where one is told, for discovered says nothing.
func saveAuthority(ctx context.Context, c conn, l pki.Lease, a pki.Authority) error {
	if a.ProfileIDs == nil {
		a.ProfileIDs = []string{}
	}
	profiles, err := encode(a.ProfileIDs)
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, `INSERT INTO certificate_authorities (tenant, subscription_key, id, kind, state,
	subject_name, subject_name_folded, issuer_name, issuer_name_folded, serial_number,
	not_before, not_after, profile_ids, first_seen_date_time, last_seen_date_time, certificate)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
ON CONFLICT (tenant, subscription_key, id) DO UPDATE SET
	kind = excluded.kind, profile_ids = excluded.profile_ids, last_seen_date_time = excluded.last_seen_date_time,
	state = CASE WHEN excluded.state = 0 THEN certificate_authorities.state ELSE excluded.state END`,
		string(l.Tenant), l.Key, string(a.ID), int64(a.Kind), int64(a.State),
		a.SubjectDN, odata.Fold(a.SubjectDN), a.IssuerDN, odata.Fold(a.IssuerDN), a.Serial,
		a.NotBefore.Ticks, a.NotAfter.Ticks, profiles, a.FirstSeen.Ticks, a.LastSeen.Ticks, a.DER)
	return err
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
