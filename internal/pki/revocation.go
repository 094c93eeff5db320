package pki

import (
	"context"
	"crypto/x509"

	"cloudpki/internal/provider"
)

// crlBatch is how many entries of a revocation list are stored at once.
const crlBatch = 500

// revocations takes over the CA's revocation lists, for CAs that do not tell
// the state in their inventory. A certificate known from a list alone is kept
// with what the list says of it.
func (a *attempt) revocations(ctx context.Context, session provider.Session) error {
	source, ok := session.(provider.RevocationSource)
	if !ok {
		return nil
	}
	if !a.begun {
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
		page := RunPage{Run: a.run, Now: a.stamp()}
		for _, e := range batch {
			page.add(revocationRecord(list, e), a.run.ID, page.Now)
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
