package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// pageChunk is how many records of a page are stored in one transaction: a page
// may be long, and other writers wait meanwhile.
const pageChunk = 500

// SavePage implements pki.ScanStore. The run and the listing go into the last
// transaction, so that a page of which only a part was stored is fetched again.
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
		part.Seen, p.Seen = cut(p.Seen, pageChunk)
		last = len(p.Certificates)+len(p.Skipped)+len(p.Seen) == 0
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

// savePart stores a part of a page, and with the last one the listing and the
// run; before is what the parts before it have counted.
func (db *DB) savePart(ctx context.Context, l pki.Lease, p pki.RunPage, before pki.Counts, last bool) (counts pki.Counts, err error) {
	err = db.engine.write(ctx, func(c conn) (err error) {
		if err := db.holdLease(ctx, c, l); err != nil {
			return err
		}
		w := pageWriter{db: db, ctx: ctx, c: c, lease: l, page: p, seen: pki.Seen{}}
		if w.row, err = inventoryOf(ctx, c, l); err != nil {
			return err
		}
		if err := w.all(last); err != nil {
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

// ComparePage implements pki.ScanStore.
func (db *DB) ComparePage(ctx context.Context, l pki.Lease, p pki.RunPage, seen pki.Seen) (counts pki.Counts, err error) {
	err = db.engine.view(ctx, func(c conn) error {
		if err := checkLease(ctx, c, l, ""); err != nil {
			return err
		}
		w := pageWriter{db: db, ctx: ctx, c: c, lease: l, page: p, seen: seen, dry: true}
		if err := w.certificates(); err != nil {
			return err
		}
		if err := w.listed(); err != nil {
			return err
		}
		w.counts.Found += len(p.Skipped)
		w.counts.Skipped += len(p.Skipped)
		counts = w.counts
		return nil
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
	row     inventoryRow
	dry     bool // nothing is written, but compared and counted
	counts  pki.Counts
	changes []pki.Change
	number  int64    // change number of what this transaction changes; 0 until it changes something
	seen    pki.Seen // of what was met
}

// all stores the page; last is for the last part of one.
func (w *pageWriter) all(last bool) error {
	before := w.row
	if w.page.Listing.IsComplete() && w.row.id != string(w.page.Listing.ID) {
		w.row.id, w.row.from = string(w.page.Listing.ID), w.row.ordinals
	}
	for _, step := range []func() error{w.certificates, w.listed, w.skippedItems, w.markSeen} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := w.db.record(w.ctx, w.c, w.changes...); err != nil {
		return err
	}
	if last && !w.page.Listing.IsNone() {
		var err error
		if w.row.listing, err = encodeListing(w.page.Listing); err != nil {
			return err
		}
	}
	if w.row == before {
		return nil
	}
	return w.row.save(w.ctx, w.c, w.lease)
}

// knownBatch is how many certificates are looked up or marked in one
// statement. The number of parameters is always the same, so that the
// statement is prepared once.
const knownBatch = 100

// batchOf returns n parameters that hold the texts of list, the last of them as
// often as there is room.
func batchOf[T ~string](list []T) []any {
	args := make([]any, knownBatch)
	for i := range args {
		args[i] = string(list[min(i, len(list)-1)])
	}
	return args
}

// A knownCertificate is one that is stored, or about to be.
type knownCertificate struct {
	pki.Certificate

	ordinal int64
	listed  bool // by the CA's list, now or ever
	isNew   bool // not stored before this batch
}

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

// batch compares some certificates with what is known, and stores what differs.
func (w *pageWriter) batch(batch []pki.Certificate) error {
	known, err := w.known(batch)
	if err != nil {
		return err
	}
	var added, altered []pki.ID // in the order met
	replaced := make(map[pki.ID]string)
	for _, cert := range batch {
		old, found := known[cert.ID]
		next, differs := w.met(cert, old, found)
		known[cert.ID] = next
		if w.page.Listing.IsComplete() && !(w.dry && next.isNew) {
			w.seen.Mark(next.ordinal)
		}
		switch {
		case !found:
			added = append(added, cert.ID)
		case differs:
			if _, again := replaced[cert.ID]; !again && !old.isNew {
				altered = append(altered, cert.ID)
				replaced[cert.ID] = old.SHA256
			}
		}
	}
	if w.dry {
		return nil
	}
	if err := w.insert(added, known); err != nil {
		return err
	}
	for _, id := range altered {
		if err := w.update(known[id], replaced[id]); err != nil {
			return err
		}
	}
	return nil
}

// known returns those of a batch that are stored.
func (w *pageWriter) known(batch []pki.Certificate) (map[pki.ID]knownCertificate, error) {
	scan := func(r rows) (k knownCertificate, err error) {
		var listed int64
		k.Certificate, err = scanCertificate(r, false, &k.ordinal, &listed)
		k.listed = listed != 0
		return k, err
	}
	ids := make([]pki.ID, len(batch))
	for i := range batch {
		ids[i] = batch[i].ID
	}
	list, err := all(w.ctx, w.c, scan, "SELECT "+certificateColumns(false)+", ordinal, listed"+
		" FROM certificates WHERE tenant = ?1 AND subscription_key = ?2 AND id IN ("+placeholders(3, knownBatch)+")",
		append([]any{string(w.lease.Tenant), w.lease.Key}, batchOf(ids)...)...)
	known := make(map[pki.ID]knownCertificate, knownBatch)
	for _, cert := range list {
		known[cert.ID] = cert
	}
	return known, err
}

// met counts one certificate, and returns it as it is known from now on and
// whether that is to be stored.
func (w *pageWriter) met(cert pki.Certificate, old knownCertificate, found bool) (next knownCertificate, differs bool) {
	w.counts.Found++
	listed := !w.page.Listing.IsNone()
	if !found {
		w.counts.New++
		if cert.Status == pki.CertificateRevoked {
			w.counts.Revoked++
		}
		w.noteChange(cert.ID, pki.ChangeCreated)
		w.row.ordinals++
		cert.FirstProvider, cert.LastProvider = w.page.Provider, w.page.Provider
		return knownCertificate{Certificate: cert, ordinal: w.row.ordinals - 1, listed: listed, isNew: true}, true
	}
	next = old
	if w.isOverruled(cert, old) {
		cert.Status = pki.CertificateUnknown
	}
	if w.page.Beside && old.listed {
		cert.IssuerDN = "" // the two may spell it differently
	}
	next.Certificate = merge(old.Certificate, cert, listed)
	next.listed = old.listed || listed
	if listed {
		next.LastProvider = w.page.Provider
	}
	if sameCertificate(next.Certificate, old.Certificate) {
		w.counts.Unchanged++
		next.Certificate = old.Certificate
		return next, next.listed != old.listed
	}
	w.counts.Changed++
	if next.Status == pki.CertificateRevoked && old.Status != pki.CertificateRevoked {
		w.counts.Revoked++
	}
	next.Changed = w.page.Now
	if !old.isNew {
		w.noteChange(cert.ID, pki.ChangeUpdated)
	}
	return next, true
}

// isOverruled reports whether the state that cert tells does not count against
// what is known.
func (w *pageWriter) isOverruled(cert pki.Certificate, old knownCertificate) bool {
	switch {
	case w.page.Beside:
		told := old.listed && old.Status != pki.CertificateUnknown
		return told && (cert.Status == pki.CertificateSuspended || old.Status == pki.CertificateRevoked)
	case w.page.Unchecked:
		return old.Status == pki.CertificateRevoked && cert.Status != pki.CertificateRevoked
	}
	return false
}

func (w *pageWriter) noteChange(id pki.ID, t pki.ChangeType) {
	w.changes = append(w.changes, w.db.childChange(pki.ResourceCertificates, w.lease, id, t))
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
	if cert.SHA256 != "" && cert.SHA256 != old.SHA256 {
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
		a.ProfileID == b.ProfileID && a.Holder == b.Holder && a.Missing == b.Missing && a.LastProvider == b.LastProvider
}
