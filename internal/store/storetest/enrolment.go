package storetest

import (
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// enrolment writes down what was issued and revoked beside the syncs: a
// complete listing that does not have it yet does not miss it, and one that has
// it takes it over.
func enrolment(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	receipt := pki.Receipt{Tenant: tenant, Client: "c", Key: "k", BodyMAC: []byte("mac"), At: at(1)}
	must(t, db.ReserveReceipt(t.Context(), receipt))
	code(t, db.ReserveReceipt(t.Context(), receipt), pki.CodeExists)
	must(t, db.DropReceipt(t.Context(), receipt))
	must(t, db.ReserveReceipt(t.Context(), receipt))
	awaitsApproval(t, db, receipt)

	issued := certificate("issued")
	issued.FirstProvider, issued.LastProvider = 4, 4
	receipt.ID = issued.ID
	event := pki.AuditEvent{ID: "e1", At: at(1), Activity: pki.ActivityIssue, Object: "a", Reason: "serial number 0a"}
	page := pki.RunPage{Certificates: []pki.Certificate{issued}, Provider: 4, Now: at(1)}
	code(t, db.RecordCertificate(t.Context(), another, "a", page, event, nil), pki.CodeNotFound)
	must(t, db.RecordCertificate(t.Context(), tenant, "a", page, event, &receipt))
	must(t, db.DropReceipt(t.Context(), receipt)) // of what has happened: stays
	if got, err := db.Receipt(t.Context(), tenant, "c", "k"); err != nil || got.ID != issued.ID {
		t.Errorf("receipt is %+v, %v; want the certificate's", got, err)
	}
	if trail, err := db.AuditEvents(t.Context(), tenant, odata.Query{Top: 10}); err != nil || len(trail.Items) != 1 || trail.Items[0].Reason != event.Reason {
		t.Errorf("the audit trail is %+v, %v", trail.Items, err)
	}
	known := func() pki.Certificate {
		t.Helper()
		got, err := db.Certificate(t.Context(), tenant, "a", issued.ID)
		must(t, err)
		return got
	}
	if got := known(); got.SHA256 != issued.SHA256 || string(got.DER) != string(issued.DER) || got.FirstProvider != 4 || !got.Missing.IsNever() {
		t.Errorf("the certificate is %+v", got)
	}

	listing := pki.Listing{ID: "listing", Full: true}
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: []pki.Certificate{certificate("other")}, Listing: listing, Provider: 4, Run: l.Run, Now: at(2)}))
	n, err := db.MarkMissing(t.Context(), l, listing.ID, at(2), func(_, _ int) error { return nil })
	must(t, err)
	if got := known(); n != 0 || !got.Missing.IsNever() {
		t.Errorf("%d are missing, %+v; want none: it was not listed yet", n, got)
	}

	issued.Status, issued.RevokedAt, issued.Reason = pki.CertificateRevoked, at(3), 1
	event.ID, event.Activity = "e2", pki.ActivityRevoke
	must(t, db.RecordCertificate(t.Context(), tenant, "a", pki.RunPage{Certificates: []pki.Certificate{issued}, Provider: 4, Now: at(3)}, event, nil))
	if got := known(); got.Status != pki.CertificateRevoked || got.RevokedAt != at(3) || got.Reason != 1 || got.Changed != at(3) || string(got.DER) != string(issued.DER) {
		t.Errorf("the revoked certificate is %+v", got)
	}
}

// awaitsApproval remembers that a receipt waits for approval, and has one of those ask
// for it that come at once.
func awaitsApproval(t *testing.T, db pki.Store, r pki.Receipt) {
	t.Helper()
	claim := func(now, until odata.DateTimeOffset) bool {
		t.Helper()
		claimed, err := db.ClaimPending(t.Context(), r, now, until)
		must(t, err)
		return claimed
	}
	if claim(at(9), at(10)) {
		t.Error("what does not wait is asked for")
	}
	r.At, r.Pending, r.AskAfter = at(2), "vault/7", at(5)
	must(t, db.KeepPending(t.Context(), r))
	if got, err := db.Receipt(t.Context(), r.Tenant, r.Client, r.Key); err != nil || got.At != r.At || got.Pending != r.Pending || got.AskAfter != r.AskAfter || got.ID != "" {
		t.Errorf("receipt is %+v, %v", got, err)
	}
	if claim(at(4), at(9)) || !claim(at(5), at(7)) || claim(at(6), at(9)) || !claim(at(7), at(8)) {
		t.Error("it is asked for too early, by two, or never again")
	}
}
