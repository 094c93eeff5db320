package pki

import (
	"bytes"
	"context"
	"crypto/x509"
	"math/big"
	"slices"

	"cloudpki/internal/provider"
)

// crlBatch is how many entries of a revocation list are stored at once.
const crlBatch = 500

// Reasons that are none for a revocation (RFC 5280, 5.3.1).
const (
	certificateHold = 6
	removeFromCRL   = 8
)

// loadCRLs asks for the revocation lists of a CA that lists its certificates as
// well, before it does: what the two say of one certificate is settled here, so
// that no sync turns its state back and forth. A revocation on a list in force
// counts whatever the inventory says; all else the inventory tells, being later.
// That the lists cannot be had is told by revocations, once the inventory was
// followed, and undoes no revocation meanwhile.
func (a *attempt) loadCRLs(ctx context.Context, session provider.Session) {
	source, ok := session.(provider.RevocationSource)
	if !ok {
		return
	}
	a.crls, a.crlFault = source.CRLs(ctx)
	a.hasCRLs = true
	for _, list := range a.crls {
		slices.SortStableFunc(list.RevokedCertificateEntries, func(x, y x509.RevocationListEntry) int { return x.SerialNumber.Cmp(y.SerialNumber) })
	}
}

// underCRLs returns a record of the inventory as it is by the revocation lists.
func (a *attempt) underCRLs(r provider.Record) provider.Record {
	if r.Status == provider.StatusRevoked || len(r.RawIssuer) == 0 || !isSerial(r.Serial) {
		return r
	}
	for _, list := range a.crls {
		if !bytes.Equal(list.RawIssuer, r.RawIssuer) {
			continue
		}
		serial, _ := new(big.Int).SetString(r.Serial, 16)
		i, found := slices.BinarySearchFunc(list.RevokedCertificateEntries, serial, func(e x509.RevocationListEntry, s *big.Int) int { return e.SerialNumber.Cmp(s) })
		if !found {
			continue
		}
		if entry := revocationRecord(list, list.RevokedCertificateEntries[i]); entry.Status == provider.StatusRevoked {
			r.Status, r.RevokedAt, r.Reason = entry.Status, entry.RevokedAt, entry.Reason
		}
	}
	return r
}

// revocations takes over the CA's revocation lists, for what the inventory does
// not tell, or has not told yet. A certificate known from a list alone is kept
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
	if !a.hasCRLs {
		a.crls, a.crlFault = source.CRLs(ctx)
	}
	if a.crlFault != nil {
		return a.crlFault
	}
	for _, list := range a.crls {
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
		page := RunPage{Run: a.run, Now: a.stamp(), Beside: a.listed}
		for _, e := range batch {
			if e.ReasonCode == removeFromCRL {
				continue
			}
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
	switch e.ReasonCode {
	case certificateHold:
		status = provider.StatusSuspended
	case removeFromCRL:
		status = provider.StatusUnknown
	}
	return provider.Record{
		RawIssuer: list.RawIssuer, IssuerDN: list.Issuer.String(), Serial: e.SerialNumber.Text(16),
		Status: status, RevokedAt: e.RevocationTime, Reason: e.ReasonCode,
	}
}
