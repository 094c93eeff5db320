package graph_test

import (
	"fmt"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// fullBody has every member that a client may write.
const fullBody = `{
  "@odata.type": "#microsoft.graph.cloudPkiSubscription",
  "cloudPkiProvider": "symantec",
  "description": "Alpha's description",
  "displayName": "Alpha",
  "credentials": {
    "@odata.type": "microsoft.graph.cloudPkiAdministratorCredentials",
    "adminUserName": "alpha-admin",
    "adminPassword": "CANARY-password",
    "authenticationCertificate": "Q0FOQVJZLWNlcnRpZmljYXRl",
    "authenticationCertificatePassword": "CANARY-pfx-password"
  },
  "trustedRootCertificate": "dHJ1c3RlZFJvb3RDZXJ0aWZpY2F0ZQ==",
  "serviceUri": "https://ca.example.com/pki-ws/",
  "providerSettings": [{"name": "profile", "value": "2.16.840.1"}],
  "syncSchedule": "PT6H",
  "paused": false
}`

// canaries are how the secrets of fullBody look wherever they might come out.
var canaries = []string{"CANARY", "Q0FOQVJZ"}

// fill gives tenant A two subscriptions: alpha, which has been synced, and
// bare, which was created without any member.
func (w *world) fill() {
	w.t.Helper()
	w.create(`{"id":"bare"}`)
	w.create(fullBody[:1]+`"id":"alpha",`+fullBody[1:], "Idempotency-Key: alpha")
	w.sync("alpha")
	w.raise("alpha")
	w.clock.Move(time.Minute)
}

// raisedAlert is the id of the alert that alpha has.
const raisedAlert = "0198a000-raised"

// raise tells an alert of a subscription.
func (w *world) raise(id pki.ID) {
	w.t.Helper()
	a := pki.Alert{
		ID: raisedAlert, At: w.clock.Now(), Kind: pki.AlertFailing, Tenant: tenantA, Subscription: id, Name: "Alpha", Severity: pki.AlertCritical,
		Title: "Syncs of Alpha fail", Detail: "No sync has succeeded.", Action: "Read lastSyncError.",
		Path: set + "/" + string(id), Console: "/console/subscriptions/" + string(id), Page: "/docs/operate#when-a-sync-fails",
	}
	err := w.store.JudgeAlerts(w.t.Context(), tenantA, id, nil, func(*pki.Subscription, pki.AlertFacts) (pki.AlertVerdict, error) {
		return pki.AlertVerdict{Alerts: []pki.Alert{a}, Next: odata.Never()}, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// sync plays a worker that syncs one subscription.
func (w *world) sync(id pki.ID) {
	w.t.Helper()
	ctx, now := w.t.Context(), odata.FromTime(w.clock.Now())
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatalf("sync of %s: %v", id, err)
		}
	}
	leases, err := w.store.TakeDue(ctx, "worker", now, odata.FromTime(w.clock.Now().Add(time.Minute)), 1, pki.Bounds{PerTenant: 1})
	must(err)
	if len(leases) != 1 || leases[0].Subscription != id {
		w.t.Fatalf("leases %v, want one of %s", leases, id)
	}
	l := leases[0]
	must(w.store.SaveAuthorities(ctx, l, []pki.Authority{authority("root", pki.AuthorityRoot, now), authority("issuing", pki.AuthorityIssuing, now)}, nil))
	run := l.Run
	run.Stages = []pki.Stage{{Name: pki.StageConnect, Started: now, Ended: now}, {Name: pki.StageInventory, Started: now, Ended: odata.Never()}}
	run.Total, run.RequestID = 4, "upstream-1"
	page := pki.RunPage{Listing: pki.Listing{ID: run.ID}, Provider: 1, Run: run, Now: now}
	for i := range 3 {
		page.Certificates = append(page.Certificates, certificate(i, now))
	}
	page.Skipped = []pki.SkippedItem{{ID: "skipped-1", Run: run.ID, Raw: []byte("unreadable"), Serial: "zz", Reason: "The record is not a certificate.", Seen: now}}
	counts, err := w.store.SavePage(ctx, l, page)
	must(err)
	run.Counts.Add(counts)
	run.Status, run.Ended, run.Stages[1].Ended = pki.RunSucceeded, now, now
	must(w.store.FinishRun(ctx, l, run, func(s *pki.Subscription) pki.Effects {
		s.SyncStatus, s.LastSync, s.Credentials.Accepted = pki.SyncSucceeded, now, now
		s.NextSync = odata.FromTime(w.clock.Now().Add(6 * time.Hour))
		return pki.Effects{}
	}))
}

func authority(name string, kind pki.AuthorityKind, now odata.DateTimeOffset) pki.Authority {
	der := []byte("DER of " + name)
	return pki.Authority{
		ID: pki.ID(pki.Thumbprint(der)), Kind: kind, State: pki.TrustTrusted, DER: der,
		SubjectDN: "CN=" + name, IssuerDN: "CN=root", Serial: "1a", NotBefore: now, NotAfter: now,
		ProfileIDs: []string{"2.16.840.1"}, FirstSeen: now, LastSeen: now,
		StateChanged: odata.Never(), Retire: odata.Never(),
	}
}

func certificate(i int, now odata.DateTimeOffset) pki.Certificate {
	der, serial := fmt.Appendf(nil, "DER of device %d", i), fmt.Sprintf("%02x", i+1)
	c := pki.Certificate{
		ID: pki.CertificateID(nil, "CN=issuing", serial), SHA256: pki.Thumbprint(der), DER: der,
		SubjectDN: fmt.Sprintf("CN=device-%d,O=Example", i), CommonName: fmt.Sprintf("device-%d", i), IssuerDN: "CN=issuing", Serial: serial,
		NotBefore: now, NotAfter: odata.FromTime(now.Time().AddDate(i, 0, 0)), Status: pki.CertificateValid,
		RevokedAt: odata.Never(), Reason: -1, ProfileID: "2.16.840.1", Holder: fmt.Sprintf("seat-%d", i),
		FirstSeen: now, Changed: now, Missing: odata.Never(),
	}
	if i == 2 {
		c.Status, c.RevokedAt, c.Reason = pki.CertificateRevoked, now, 4
	}
	return c
}
