package pki

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// crlBatch is how many entries of a revocation list are stored at once.
const crlBatch = 500

// inventory follows the CA's list of issued certificates page by page, each
// stored together with the cursor behind it, so that an interrupted run goes
// on where it was.
func (a *attempt) inventory(ctx context.Context, session provider.Session) error {
	list, ok := session.(provider.Inventory)
	if !ok {
		return nil
	}
	if a.hasEnded(StageInventory) {
		return nil // before an interruption of the run
	}
	if a.run.Cursor == nil {
		a.run.Counts = Counts{} // the listing begins anew
	}
	if err := a.enter(ctx, StageInventory); err != nil {
		return err
	}
	for {
		page, err := list.List(ctx, provider.Scan{}, a.run.Cursor)
		if err != nil {
			return err
		}
		if err := a.savePage(ctx, page); err != nil {
			return err
		}
		if page.More {
			continue
		}
		// A record that could not be read may be any of those not seen.
		if !page.Full || a.run.Counts.Skipped > 0 {
			return nil
		}
		return a.markMissing(ctx)
	}
}

func (a *attempt) savePage(ctx context.Context, page provider.Page) error {
	now := a.stamp()
	a.run.Cursor, a.run.Total, a.run.RequestID = page.Next, page.Total, printable(page.TxID)
	if !page.More {
		a.leaveStage(now) // told together with the page, so that no interruption lists it twice
	}
	stored := RunPage{Run: a.run, Listed: true, Now: now}
	for _, r := range page.Records {
		stored.Certificates = append(stored.Certificates, newCertificate(r, now))
	}
	for _, s := range page.Skipped {
		stored.Skipped = append(stored.Skipped, newSkippedItem(s, a.run.ID, now))
	}
	return a.saveRunPage(ctx, stored)
}

func (a *attempt) saveRunPage(ctx context.Context, p RunPage) error {
	counts, err := a.store.SavePage(ctx, a.lease, p)
	if err != nil {
		return stored(err)
	}
	a.run.Counts.Add(counts)
	return nil
}

// markMissing is for what a complete listing lacks. Much at once is more
// likely a fault of the CA than the truth, so it takes nothing away then.
func (a *attempt) markMissing(ctx context.Context) error {
	missing, err := a.store.MarkMissing(ctx, a.lease, a.stamp(), func(missing, total int) error {
		const few = 10 // so many are believed whatever their share
		if missing <= few || missing*100 <= total*a.schedule.MaxMissingPercent {
			return nil
		}
		return &provider.Error{
			Code: provider.CodeTooManyRemovals,
			Msg:  fmt.Sprintf("the CA's complete listing lacks %d of %d known certificates, more than %d %%; none was marked missing", missing, total, a.schedule.MaxMissingPercent),
		}
	})
	a.run.Counts.Missing = missing
	var refused *provider.Error
	if errors.As(err, &refused) {
		return refused
	}
	return stored(err)
}

// hasEnded reports whether an earlier attempt of this run came to the end of a
// stage.
func (a *attempt) hasEnded(stage string) bool {
	return slices.ContainsFunc(a.run.Stages, func(s Stage) bool { return s.Name == stage && !s.Ended.IsNever() })
}

// revocations takes over the CA's revocation lists, for CAs that do not tell
// the state in their inventory. A certificate known from a list alone is kept
// with what the list says of it.
func (a *attempt) revocations(ctx context.Context, session provider.Session) error {
	source, ok := session.(provider.RevocationSource)
	if !ok {
		return nil
	}
	if _, lists := session.(provider.Inventory); !lists {
		a.run.Counts = Counts{} // of an interrupted attempt: the lists are read anew
	}
	if err := a.enter(ctx, StageRevocations); err != nil {
		return err
	}
	lists, err := source.CRLs(ctx)
	if err != nil {
		return err
	}
	for _, list := range lists {
		if err := a.saveCRL(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

func (a *attempt) saveCRL(ctx context.Context, list *x509.RevocationList) error {
	entries := list.RevokedCertificateEntries
	for len(entries) > 0 {
		batch := entries[:min(crlBatch, len(entries))]
		entries = entries[len(batch):]
		now := a.stamp()
		page := RunPage{Run: a.run, Now: now}
		for _, e := range batch {
			page.Certificates = append(page.Certificates, newCertificate(revocationRecord(list, e), now))
		}
		if err := a.saveRunPage(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

func revocationRecord(list *x509.RevocationList, e x509.RevocationListEntry) provider.Record {
	status := provider.StatusRevoked
	const certificateHold = 6 // RFC 5280, 5.3.1
	if e.ReasonCode == certificateHold {
		status = provider.StatusSuspended
	}
	return provider.Record{
		RawIssuer: list.RawIssuer, IssuerDN: list.Issuer.String(), Serial: e.SerialNumber.Text(16),
		Status: status, RevokedAt: e.RevocationTime, Reason: e.ReasonCode,
	}
}

func newCertificate(r provider.Record, now odata.DateTimeOffset) Certificate {
	c := Certificate{
		ID: CertificateID(r.RawIssuer, r.IssuerDN, r.Serial), DER: r.DER,
		SubjectDN: printable(r.SubjectDN), CommonName: printable(r.CommonName), IssuerDN: printable(r.IssuerDN), Serial: printable(r.Serial),
		NotBefore: dateOf(r.NotBefore), NotAfter: dateOf(r.NotAfter),
		Status: CertificateStatusOf(r.Status), RevokedAt: dateOf(r.RevokedAt), Reason: r.Reason,
		ProfileID: printable(r.ProfileID), Holder: printable(r.Holder), FirstSeen: now, Changed: now, Missing: odata.Never(),
	}
	if r.DER != nil {
		c.SHA256, c.AltNames = Thumbprint(r.DER), AlternativeNames(r.DER)
	}
	return c
}

func newSkippedItem(s provider.Skipped, run ID, now odata.DateTimeOffset) SkippedItem {
	return SkippedItem{
		ID: ID(Thumbprint(append([]byte(s.Serial+"\x00"), s.Raw...))[:32]), Run: run,
		Raw: s.Raw, Serial: printable(s.Serial), Reason: printable(s.Reason), Seen: now,
	}
}

func dateOf(t time.Time) odata.DateTimeOffset {
	if t.IsZero() {
		return odata.Never()
	}
	return odata.FromTime(t)
}

// maxRemoteText bounds a text of a CA's record, in bytes.
const maxRemoteText = 1024

// printable makes a CA's text fit to be stored and shown: valid UTF-8 without
// NUL, which PostgreSQL does not store, and of bounded length.
func printable(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	if len(s) > maxRemoteText {
		s = strings.ToValidUTF8(s[:maxRemoteText], "")
	}
	return s
}
