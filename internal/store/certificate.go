package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// MarkMissing implements pki.RunStore.
func (db *DB) MarkMissing(ctx context.Context, l pki.Lease, now odata.DateTimeOffset, allow func(missing, total int) error) (int, error) {
	var missing int
	err := db.engine.write(ctx, func(c conn) error {
		missing = 0
		if err := db.holdLease(ctx, c, l); err != nil {
			return err
		}
		type share struct{ missing, total int }
		scan := func(r rows) (s share, err error) { return s, r.scan(&s.missing, &s.total) }
		// What this run has met first was not listed before.
		s, _, err := first(ctx, c, scan, `SELECT
	COUNT(CASE WHEN last_run <> ?3 THEN 1 END), COUNT(CASE WHEN last_run <> ?3 OR first_run <> ?3 THEN 1 END)
FROM certificates WHERE tenant = ?1 AND subscription_key = ?2 AND missing_since_date_time IS NULL`,
			string(l.Tenant), l.Key, string(l.Run.ID))
		if err != nil || s.missing == 0 {
			return err
		}
		if err := allow(s.missing, s.total); err != nil {
			return err
		}
		missing = s.missing
		_, err = c.exec(ctx, `UPDATE certificates SET missing_since_date_time = ?4
WHERE tenant = ?1 AND subscription_key = ?2 AND missing_since_date_time IS NULL AND last_run <> ?3`,
			string(l.Tenant), l.Key, string(l.Run.ID), now.Ticks)
		return err
	})
	if err != nil {
		return 0, err
	}
	return missing, nil
}

// Certificate implements pki.InventoryStore.
func (db *DB) Certificate(ctx context.Context, t pki.TenantID, sub, id pki.ID) (pki.Certificate, error) {
	return single(ctx, db, &db.nouns.certificates, t, sub, id)
}

// Certificates implements pki.InventoryStore. The DER is there where
// certificate is selected by name.
func (db *DB) Certificates(ctx context.Context, t pki.TenantID, sub pki.ID, q odata.Query) (pki.Page[pki.Certificate], error) {
	return children(ctx, db, &db.nouns.certificates, t, sub, q)
}

// SkippedItems implements pki.InventoryStore.
func (db *DB) SkippedItems(ctx context.Context, t pki.TenantID, sub pki.ID, q odata.Query) (pki.Page[pki.SkippedItem], error) {
	return children(ctx, db, &db.nouns.skipped, t, sub, q)
}

func certificateNoun() noun[pki.Certificate] {
	entity := pki.CertificateType()
	return noun[pki.Certificate]{
		entity: entity, from: "certificates", search: searchColumns(entity), heavy: "certificate",
		columns: certificateColumns, scan: scanCertificate,
	}
}

func certificateColumns(body bool) string {
	const plain = `id, subject_name, common_name, issuer_name, serial_number, thumbprint, not_before, not_after,
	status, revocation_date_time, revocation_reason, profile_id, holder,
	first_seen_date_time, last_changed_date_time, missing_since_date_time`
	if !body {
		return plain
	}
	return plain + `, (SELECT der FROM certificate_bodies b
		WHERE b.tenant = certificates.tenant AND b.thumbprint = certificates.thumbprint)`
}

func scanCertificate(r rows, body bool, extra ...any) (pki.Certificate, error) {
	var cert pki.Certificate
	var subject, common, issuer, serial, thumbprint, profile, holder *string
	var notBefore, notAfter, revoked, reason, missing *int64
	dest := []any{
		(*string)(&cert.ID), &subject, &common, &issuer, &serial, &thumbprint, &notBefore, &notAfter,
		(*int8)(&cert.Status), &revoked, &reason, &profile, &holder,
		&cert.FirstSeen.Ticks, &cert.Changed.Ticks, &missing,
	}
	if body {
		dest = append(dest, &cert.DER)
	}
	if err := r.scan(append(dest, extra...)...); err != nil {
		return cert, err
	}
	cert.SubjectDN, cert.CommonName, cert.IssuerDN = text(subject), text(common), text(issuer)
	cert.Serial, cert.SHA256, cert.ProfileID, cert.Holder = text(serial), text(thumbprint), text(profile), text(holder)
	cert.NotBefore, cert.NotAfter, cert.RevokedAt = date(notBefore), date(notAfter), date(revoked)
	cert.Reason, cert.Missing = number(reason), date(missing)
	return cert, nil
}

func skippedColumns(content bool) string {
	const plain = "id, sync_run_id, serial_number, reason, seen_date_time"
	if content {
		return plain + ", content"
	}
	return plain
}

func scanSkipped(r rows, content bool, extra ...any) (pki.SkippedItem, error) {
	var s pki.SkippedItem
	var serial *string
	dest := []any{(*string)(&s.ID), (*string)(&s.Run), &serial, &s.Reason, &s.Seen.Ticks}
	if content {
		dest = append(dest, &s.Raw)
	}
	if err := r.scan(append(dest, extra...)...); err != nil {
		return s, err
	}
	s.Serial = text(serial)
	return s, nil
}
