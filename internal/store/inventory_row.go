package store

import (
	"maps"
	"slices"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// newCertificateInserts and newBodyInserts return what pageWriter.insert uses.
// The update that changes nothing locks a body that is there already, so that
// Purge does not take it for unused meanwhile.
func newCertificateInserts() bulk {
	return newBulk(`certificates (tenant, subscription_key, id,
	subject_name, subject_name_folded, common_name, common_name_folded, issuer_name, issuer_name_folded,
	serial_number, thumbprint, not_before, not_after, status, revocation_date_time, revocation_reason,
	profile_id, holder, last_changed_date_time, missing_since_date_time, change,
	subject_alternative_names, subject_alternative_names_folded, listed, last_provider, first_seen_date_time, ordinal, first_provider)`, 28, "")
}

func newBodyInserts() bulk {
	return newBulk("certificate_bodies (tenant, thumbprint, der)", 3,
		" ON CONFLICT (tenant, thumbprint) DO UPDATE SET der = excluded.der")
}

// insert stores new certificates.
func (w *pageWriter) insert(ids []pki.ID, known map[pki.ID]knownCertificate) error {
	if len(ids) == 0 {
		return nil
	}
	if err := w.takeNumber(); err != nil {
		return err
	}
	rows := make([][]any, len(ids))
	ders := make(map[string][]byte, len(ids)) // by thumbprint: a statement must not meet a row twice
	for i, id := range ids {
		cert := known[id]
		rows[i] = append(w.args(cert), cert.FirstSeen.Ticks, cert.ordinal, cert.FirstProvider)
		if cert.SHA256 != "" && cert.DER != nil {
			ders[cert.SHA256] = cert.DER
		}
	}
	bodies := make([][]any, 0, len(ders))
	for _, thumbprint := range slices.Sorted(maps.Keys(ders)) { // in the order in which others lock them
		bodies = append(bodies, []any{string(w.lease.Tenant), thumbprint, ders[thumbprint]})
	}
	if err := w.db.newBodies.exec(w.ctx, w.c, bodies); err != nil {
		return err
	}
	return w.db.newCertificates.exec(w.ctx, w.c, rows)
}

// update stores what changed of a known certificate, whose DER was before that
// with the thumbprint replaced.
func (w *pageWriter) update(cert knownCertificate, replaced string) error {
	if err := w.takeNumber(); err != nil {
		return err
	}
	if cert.SHA256 != replaced {
		if cert.DER != nil {
			if err := w.db.newBodies.exec(w.ctx, w.c, [][]any{{string(w.lease.Tenant), cert.SHA256, cert.DER}}); err != nil {
				return err
			}
		}
		if replaced != "" {
			if err := insertPurge(w.ctx, w.c, w.lease.Tenant, w.lease.Key, replaced); err != nil {
				return err
			}
		}
	}
	_, err := w.c.exec(w.ctx, `UPDATE certificates SET
	subject_name = ?4, subject_name_folded = ?5, common_name = ?6, common_name_folded = ?7,
	issuer_name = ?8, issuer_name_folded = ?9, serial_number = ?10, thumbprint = ?11,
	not_before = ?12, not_after = ?13, status = ?14, revocation_date_time = ?15, revocation_reason = ?16,
	profile_id = ?17, holder = ?18, last_changed_date_time = ?19, missing_since_date_time = ?20, change = ?21,
	subject_alternative_names = ?22, subject_alternative_names_folded = ?23, listed = ?24, last_provider = ?25
WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3`, w.args(cert)...)
	return err
}

// takeNumber takes the change number of all that this transaction changes.
func (w *pageWriter) takeNumber() (err error) {
	if w.number == 0 {
		w.number, err = nextChange(w.ctx, w.c, w.lease.Tenant, w.lease.Key)
	}
	return err
}

func (w *pageWriter) args(cert knownCertificate) []any {
	return []any{
		string(w.lease.Tenant), w.lease.Key, string(cert.ID),
		nullText(cert.SubjectDN), nullText(odata.Fold(cert.SubjectDN)),
		nullText(cert.CommonName), nullText(odata.Fold(cert.CommonName)),
		nullText(cert.IssuerDN), nullText(odata.Fold(cert.IssuerDN)),
		nullText(cert.Serial), nullText(cert.SHA256), nullDate(cert.NotBefore), nullDate(cert.NotAfter),
		int64(cert.Status), nullDate(cert.RevokedAt), nullNumber(cert.Reason),
		nullText(cert.ProfileID), nullText(cert.Holder), cert.Changed.Ticks, nullDate(cert.Missing),
		w.number, nullText(cert.AltNames), nullText(odata.Fold(cert.AltNames)), flag(cert.listed), cert.LastProvider,
	}
}
