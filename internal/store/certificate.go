package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Certificate implements pki.InventoryStore.
func (db *DB) Certificate(ctx context.Context, t pki.TenantID, sub, id pki.ID) (pki.Certificate, error) {
	return single(ctx, db, &db.nouns.certificates, t, sub, id)
}

// Certificates implements pki.InventoryStore. The DER is there where
// certificate is selected by name.
func (db *DB) Certificates(ctx context.Context, t pki.TenantID, sub pki.ID, q odata.Query) (pki.Page[pki.Certificate], error) {
	return children(ctx, db, &db.nouns.certificates, t, sub, q)
}

func certificateNoun() noun[pki.Certificate] {
	entity := pki.CertificateType()
	return noun[pki.Certificate]{
		entity: entity, from: "certificates", search: searchColumns(entity), heavy: "certificate",
		ranges: []string{"not_after", "common_name"}, index: certificateIndex,
		columns: certificateColumns, scan: scanCertificate,
	}
}

func certificateColumns(body bool) string {
	const plain = `id, subject_name, common_name, subject_alternative_names, issuer_name, serial_number, thumbprint, not_before, not_after,
	status, revocation_date_time, revocation_reason, profile_id, holder,
	first_seen_date_time, last_changed_date_time, missing_since_date_time, first_provider, last_provider`
	if !body {
		return plain
	}
	return plain + `, (SELECT der FROM certificate_bodies b
		WHERE b.tenant = certificates.tenant AND b.thumbprint = certificates.thumbprint)`
}

func scanCertificate(r rows, body bool, extra ...any) (pki.Certificate, error) {
	var cert pki.Certificate
	var subject, common, alternatives, issuer, serial, thumbprint, profile, holder *string
	var notBefore, notAfter, revoked, reason, missing *int64
	dest := []any{
		(*string)(&cert.ID), &subject, &common, &alternatives, &issuer, &serial, &thumbprint, &notBefore, &notAfter,
		(*int8)(&cert.Status), &revoked, &reason, &profile, &holder,
		&cert.FirstSeen.Ticks, &cert.Changed.Ticks, &missing, &cert.FirstProvider, &cert.LastProvider,
	}
	if body {
		dest = append(dest, &cert.DER)
	}
	if err := r.scan(append(dest, extra...)...); err != nil {
		return cert, err
	}
	cert.SubjectDN, cert.CommonName, cert.AltNames, cert.IssuerDN = text(subject), text(common), text(alternatives), text(issuer)
	cert.Serial, cert.SHA256, cert.ProfileID, cert.Holder = text(serial), text(thumbprint), text(profile), text(holder)
	cert.NotBefore, cert.NotAfter, cert.RevokedAt = date(notBefore), date(notAfter), date(revoked)
	cert.Reason, cert.Missing = number(reason), date(missing)
	return cert, nil
}
