package store

import (
	"context"
	"strconv"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// pageChunk is how many records of a page are stored in one transaction: a page
// may be long, and other writers wait meanwhile.
const pageChunk = 500

// SavePage implements pki.RunStore. The run goes into the last transaction, so
// that a page of which only a part was stored is fetched again.
func (db *DB) SavePage(ctx context.Context, l pki.Lease, p pki.RunPage) (pki.Counts, error) {
	var sum pki.Counts
	chunk, err := db.changesAtOnce(ctx, l, pageChunk)
	if err != nil {
		return sum, err
	}
	for last := false; !last; {
		part := p
		part.Certificates, p.Certificates = cut(p.Certificates, chunk)
		part.Skipped, p.Skipped = cut(p.Skipped, chunk-len(part.Certificates))
		last = len(p.Certificates)+len(p.Skipped) == 0
		counts, err := db.savePart(ctx, l, part, sum, last)
		if err != nil {
			return pki.Counts{}, err
		}
		sum.Add(counts)
	}
	return sum, nil
}

func cut[T any](list []T, n int) (head, tail []T) {
	n = min(n, len(list))
	return list[:n], list[n:]
}

// savePart stores a part of a page, and with the last one the run; before is
// what the parts before it have counted.
func (db *DB) savePart(ctx context.Context, l pki.Lease, p pki.RunPage, before pki.Counts, last bool) (counts pki.Counts, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		if err := db.holdLease(ctx, c, l); err != nil {
			return err
		}
		w := pageWriter{db: db, ctx: ctx, c: c, lease: l, page: p}
		if err := w.certificates(); err != nil {
			return err
		}
		if err := w.skippedItems(); err != nil {
			return err
		}
		if err := db.record(ctx, c, w.changes...); err != nil {
			return err
		}
		counts = w.counts
		if !last {
			return nil
		}
		run := p.Run
		run.Counts.Add(before)
		run.Counts.Add(counts)
		return updateRun(ctx, c, l, run)
	})
	return counts, err
}

// A pageWriter stores one page of an inventory inside a transaction.
type pageWriter struct {
	db      *DB
	ctx     context.Context
	c       conn
	lease   pki.Lease
	page    pki.RunPage
	counts  pki.Counts
	changes []pki.Change
	number  int64 // change number of what this transaction changes; 0 until it changes something
}

// knownBatch is how many certificates are looked up or marked in one
// statement. The number of parameters is always the same, so that the
// statement is prepared once.
const knownBatch = 100

func (w *pageWriter) certificates() error {
	list := w.page.Certificates
	for len(list) > 0 {
		batch := list[:min(knownBatch, len(list))]
		list = list[len(batch):]
		if err := w.batch(batch); err != nil {
			return err
		}
	}
	return nil
}

func (w *pageWriter) batch(batch []pki.Certificate) error {
	ids := make([]any, 0, knownBatch+3)
	ids = append(ids, string(w.lease.Tenant), w.lease.Key)
	for i := range knownBatch {
		ids = append(ids, string(batch[min(i, len(batch)-1)].ID))
	}
	known, err := w.known(ids)
	if err != nil {
		return err
	}
	for _, cert := range batch {
		old, found := known[cert.ID]
		if cert, err = w.save(cert, old, found); err != nil {
			return err
		}
		known[cert.ID] = cert
	}
	if !w.page.Listed {
		return nil
	}
	_, err = w.c.exec(w.ctx, "UPDATE certificates SET last_run = ?"+strconv.Itoa(knownBatch+3)+
		" WHERE tenant = ?1 AND subscription_key = ?2 AND id IN ("+placeholders(3, knownBatch)+")", append(ids, string(w.page.Run.ID))...)
	return err
}

func (w *pageWriter) known(ids []any) (map[pki.ID]pki.Certificate, error) {
	scan := func(r rows) (pki.Certificate, error) { return scanCertificate(r, false) }
	list, err := all(w.ctx, w.c, scan, "SELECT "+certificateColumns(false)+
		" FROM certificates WHERE tenant = ?1 AND subscription_key = ?2 AND id IN ("+placeholders(3, knownBatch)+")", ids...)
	known := make(map[pki.ID]pki.Certificate, knownBatch)
	for _, cert := range list {
		known[cert.ID] = cert
	}
	return known, err
}

// save stores one certificate, counts it, and returns it as it is known now.
func (w *pageWriter) save(cert, old pki.Certificate, found bool) (pki.Certificate, error) {
	w.counts.Found++
	if !found {
		w.counts.New++
		if cert.Status == pki.CertificateRevoked {
			w.counts.Revoked++
		}
		if err := w.changed(cert.ID, pki.ChangeCreated); err != nil {
			return cert, err
		}
		return cert, w.insert(cert)
	}
	next := merge(old, cert, w.page.Listed)
	if sameCertificate(next, old) {
		w.counts.Unchanged++
		return old, nil
	}
	w.counts.Changed++
	if next.Status == pki.CertificateRevoked && old.Status != pki.CertificateRevoked {
		w.counts.Revoked++
	}
	next.Changed = w.page.Now
	if err := w.changed(cert.ID, pki.ChangeUpdated); err != nil {
		return next, err
	}
	return next, w.update(next, old)
}

// changed notes a change, and with the first one takes the number of them all.
func (w *pageWriter) changed(id pki.ID, t pki.ChangeType) (err error) {
	w.changes = append(w.changes, w.db.childChange(pki.ResourceCertificates, w.lease, id, t))
	if w.number == 0 {
		w.number, err = nextChange(w.ctx, w.c, w.lease.Tenant, w.lease.Key)
	}
	return err
}

// merge returns what is known after a record was met again. A record may tell
// less than is known, as an entry of a revocation list does: what it leaves
// open stays.
func merge(old, cert pki.Certificate, full bool) pki.Certificate {
	next := old
	keep(&next.SubjectDN, cert.SubjectDN)
	keep(&next.CommonName, cert.CommonName)
	keep(&next.AltNames, cert.AltNames)
	keep(&next.IssuerDN, cert.IssuerDN)
	keep(&next.ProfileID, cert.ProfileID)
	keep(&next.Holder, cert.Holder)
	if cert.SHA256 != "" {
		next.SHA256, next.DER = cert.SHA256, cert.DER
	}
	if !cert.NotBefore.IsNever() {
		next.NotBefore = cert.NotBefore
	}
	if !cert.NotAfter.IsNever() {
		next.NotAfter = cert.NotAfter
	}
	if cert.Status != pki.CertificateUnknown {
		next.Status, next.RevokedAt, next.Reason = cert.Status, cert.RevokedAt, cert.Reason
	}
	if full {
		next.Missing = odata.Never()
	}
	return next
}

func keep(to *string, told string) {
	if told != "" {
		*to = told
	}
}

// sameCertificate compares all but the DER, of which SHA256 tells.
func sameCertificate(a, b pki.Certificate) bool {
	return a.SHA256 == b.SHA256 && a.SubjectDN == b.SubjectDN && a.CommonName == b.CommonName && a.AltNames == b.AltNames &&
		a.IssuerDN == b.IssuerDN && a.NotBefore == b.NotBefore && a.NotAfter == b.NotAfter &&
		a.Status == b.Status && a.RevokedAt == b.RevokedAt && a.Reason == b.Reason &&
		a.ProfileID == b.ProfileID && a.Holder == b.Holder && a.Missing == b.Missing
}

func (w *pageWriter) insert(cert pki.Certificate) error {
	if err := w.body(cert); err != nil {
		return err
	}
	args := append(w.args(cert), cert.FirstSeen.Ticks, string(w.page.Run.ID))
	_, err := w.c.exec(w.ctx, `INSERT INTO certificates (tenant, subscription_key, id,
	subject_name, subject_name_folded, common_name, common_name_folded, issuer_name, issuer_name_folded,
	serial_number, thumbprint, not_before, not_after, status, revocation_date_time, revocation_reason,
	profile_id, holder, last_changed_date_time, missing_since_date_time, change,
	subject_alternative_names, subject_alternative_names_folded, first_seen_date_time, first_run, last_run)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, '')`, args...)
	return err
}

func (w *pageWriter) update(cert, old pki.Certificate) error {
	if cert.SHA256 != old.SHA256 {
		if err := w.body(cert); err != nil {
			return err
		}
		if old.SHA256 != "" {
			if err := insertPurge(w.ctx, w.c, w.lease.Tenant, w.lease.Key, old.SHA256); err != nil {
				return err
			}
		}
	}
	_, err := w.c.exec(w.ctx, `UPDATE certificates SET
	subject_name = ?4, subject_name_folded = ?5, common_name = ?6, common_name_folded = ?7,
	issuer_name = ?8, issuer_name_folded = ?9, serial_number = ?10, thumbprint = ?11,
	not_before = ?12, not_after = ?13, status = ?14, revocation_date_time = ?15, revocation_reason = ?16,
	profile_id = ?17, holder = ?18, last_changed_date_time = ?19, missing_since_date_time = ?20, change = ?21,
	subject_alternative_names = ?22, subject_alternative_names_folded = ?23
WHERE tenant = ?1 AND subscription_key = ?2 AND id = ?3`, w.args(cert)...)
	return err
}

// body stores the DER. The update that changes nothing locks a row that is
// there already, so that Purge does not take it for unused meanwhile.
func (w *pageWriter) body(cert pki.Certificate) error {
	if cert.SHA256 == "" || cert.DER == nil {
		return nil
	}
	_, err := w.c.exec(w.ctx, `INSERT INTO certificate_bodies (tenant, thumbprint, der) VALUES (?1, ?2, ?3)
ON CONFLICT (tenant, thumbprint) DO UPDATE SET der = excluded.der`, string(w.lease.Tenant), cert.SHA256, cert.DER)
	return err
}

func (w *pageWriter) args(cert pki.Certificate) []any {
	return []any{
		string(w.lease.Tenant), w.lease.Key, string(cert.ID),
		nullText(cert.SubjectDN), nullText(odata.Fold(cert.SubjectDN)),
		nullText(cert.CommonName), nullText(odata.Fold(cert.CommonName)),
		nullText(cert.IssuerDN), nullText(odata.Fold(cert.IssuerDN)),
		nullText(cert.Serial), nullText(cert.SHA256), nullDate(cert.NotBefore), nullDate(cert.NotAfter),
		int64(cert.Status), nullDate(cert.RevokedAt), nullNumber(cert.Reason),
		nullText(cert.ProfileID), nullText(cert.Holder), cert.Changed.Ticks, nullDate(cert.Missing),
		w.number, nullText(cert.AltNames), nullText(odata.Fold(cert.AltNames)),
	}
}

// placeholders returns n parameters from ?from on, with commas between.
func placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("?" + strconv.Itoa(from+i))
	}
	return b.String()
}
