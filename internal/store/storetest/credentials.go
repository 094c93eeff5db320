package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
	"cloudpki/internal/store"
)

// withCredentialState gives s everything that can be known of credentials.
func withCredentialState(s *pki.Subscription) {
	c := s.Credentials
	c.Status, c.StatusAt, c.Expires, c.Rung = pki.CredentialsRefused, at(5).Time(), at(90).Time(), 3
	slot := func(name string) *pki.Slot {
		return &pki.Slot{Since: at(1).Time(), Until: at(99).Time(), Credentials: pki.Credentials{
			UserName: new(name), Password: secret.Sealed(name + " password"), Certificate: secret.Sealed(name + " certificate"),
			CertificatePassword: secret.Sealed(name + " certificate password"), Key: secret.Sealed(name + " key"),
			Info:     &provider.CertificateInfo{Subject: "CN=" + name, Issuer: "CN=issuer", Thumbprint: "aa", NotBefore: at(0).Time(), NotAfter: at(3).Time()},
			Accepted: at(6), Status: pki.CredentialsAccepted, StatusAt: at(6).Time(), Expires: at(91).Time(), Rung: 2,
		}}
	}
	s.Staged, s.Previous = slot("staged"), slot("previous")
	s.Refusal = &pki.Refusal{At: at(7).Time(), Code: provider.CodePermission, Msg: "no"}
	s.NextProbe, s.TendAt = at(50).Time(), at(40).Time()
}

// withoutSecrets is s as a list shows it.
func withoutSecrets(s pki.Subscription) pki.Subscription {
	c := *s.Credentials
	c.Password, c.Certificate, c.CertificatePassword, c.Key = secret.Sealed{}, secret.Sealed{}, secret.Sealed{}, secret.Sealed{}
	s.Credentials = &c
	for _, slot := range []**pki.Slot{&s.Staged, &s.Previous} {
		told := **slot
		told.Password, told.Certificate, told.CertificatePassword, told.Key = nil, nil, nil, nil
		*slot = &told
	}
	return s
}

func credentials(t *testing.T, open Open) {
	t.Run("are looked at when their time has come, the longest waiting first", func(t *testing.T) {
		db := open(t)
		for id, at := range map[pki.ID]time.Time{"never": {}, "late": at(30).Time(), "first": at(10).Time(), "second": at(20).Time()} {
			s := subscription(tenant, id)
			s.TendAt = at
			create(t, db, s)
		}
		for limit, want := range map[int][]pki.ID{1: {"first"}, 9: {"first", "second"}} {
			list, err := db.Tended(t.Context(), at(20).Time(), limit)
			must(t, err)
			var got []pki.ID
			for _, l := range list {
				got = append(got, l.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("limit %d: %v, want %v", limit, got, want)
			}
		}
	})
	t.Run("are proved when no sync is due", func(t *testing.T) { proofs(t, open) })
	t.Run("can be told of in the audit trail alone", func(t *testing.T) {
		db := open(t)
		want := pki.AuditEvent{ID: "e", At: at(1), Activity: pki.ActivityTest, Members: []string{"serviceUri"}}
		must(t, db.AddAudit(t.Context(), tenant, want))
		got, err := db.AuditEvents(t.Context(), tenant, odata.Query{Top: 9})
		must(t, err)
		if d := cmp.Diff([]pki.AuditEvent{want}, got.Items); d != "" {
			t.Error(d)
		}
	})
}

func proofs(t *testing.T, open Open) {
	db := open(t)
	for id, due := range map[pki.ID]struct{ sync, probe int }{"proof": {90, 10}, "sync": {10, 5}, "sync first": {9, 50}, "later": {80, 70}} {
		s := subscription(tenant, id)
		s.NextSync, s.NextProbe = at(due.sync), at(due.probe).Time()
		create(t, db, s)
	}
	next, err := db.NextDue(t.Context())
	must(t, err)
	if next != at(5) {
		t.Errorf("next due is %v", next)
	}
	leases, err := db.TakeDue(t.Context(), "w", at(10), at(60), 10, pki.Bounds{PerTenant: 10})
	must(t, err)
	got := make(map[pki.ID]pki.Trigger)
	for _, l := range leases {
		got[l.Subscription] = l.Run.Trigger
	}
	want := map[pki.ID]pki.Trigger{"proof": pki.TriggerProbe, "sync": pki.TriggerSchedule, "sync first": pki.TriggerSchedule}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	for _, l := range leases {
		if l.Subscription == "proof" {
			besideProof(t, db, l)
		}
	}
}

// besideProof asks for a sync while the credentials are proved.
func besideProof(t *testing.T, db *store.DB, l pki.Lease) {
	asked, err := pki.NewRun(pki.TriggerManual, at(11))
	must(t, err)
	told, err := db.RequestRun(t.Context(), tenant, l.Subscription, asked, pki.AuditEvent{ID: "e", At: at(11)})
	must(t, err)
	if told.ID != asked.ID {
		t.Errorf("the run that tells the outcome is %s, want the one that was asked for", told.ID)
	}
	l.Run.Status, l.Run.Ended = pki.RunSucceeded, at(12)
	must(t, db.FinishRun(t.Context(), l, l.Run, func(s *pki.Subscription) pki.Effects {
		s.NextProbe = time.Time{}
		return pki.Effects{}
	}))
	again, err := db.TakeDue(t.Context(), "w", at(13), at(60), 10, pki.Bounds{PerTenant: 10})
	must(t, err)
	if len(again) != 1 || again[0].Run.ID != asked.ID {
		t.Errorf("leases after the proof: %+v", again)
	}
}
