package storetest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func trust(t *testing.T, open Open) {
	t.Run("what was decided stays, whatever is seen", func(t *testing.T) { decidedStays(t, open) })
	t.Run("a decision of a sync is stored with what it has seen", func(t *testing.T) { decideSeen(t, open) })
	t.Run("a decision of an admin moves roots and subscription", func(t *testing.T) { changeTrust(t, open) })
	t.Run("a certificate beside the known issuers is found", func(t *testing.T) { issuedBeside(t, open) })
	t.Run("a migration leaves alone what only the former provider has", func(t *testing.T) { migration(t, open) })
}

func root(id pki.ID) pki.Authority {
	return pki.Authority{
		ID: id, Kind: pki.AuthorityRoot, DER: []byte(id), SubjectDN: "CN=" + string(id), IssuerDN: "CN=" + string(id), ProfileIDs: []string{},
		NotBefore: at(-9), NotAfter: at(9), FirstSeen: at(1), LastSeen: at(1), StateChanged: odata.Never(), Retire: odata.Never(),
	}
}

// retiring is a root of which everything was decided.
func retiring(id pki.ID) pki.Authority {
	a := root(id)
	a.State, a.StateChanged, a.StateReason, a.DecidedBy, a.Replaces, a.Retire = pki.TrustRetiring, at(2), "Größe", "admin", "other", at(30)
	return a
}

func decidedStays(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	must(t, db.SaveAuthorities(t.Context(), l, []pki.Authority{root("a")}, func(*pki.Subscription, []pki.Authority) (pki.Effects, error) {
		return pki.Effects{Unchanged: true, Roots: []pki.Authority{retiring("a")}}, nil
	}))
	for _, kind := range []pki.AuthorityKind{pki.AuthorityRoot, pki.AuthorityIssuing, pki.AuthorityIntermediate} {
		seen := root("a")
		seen.Kind, seen.LastSeen = kind, at(5)
		must(t, db.SaveAuthorities(t.Context(), l, []pki.Authority{seen}, nil))
		must(t, db.SaveAuthorities(t.Context(), l, nil, nil))
		want := retiring("a")
		want.LastSeen = at(5)
		got, err := db.Authority(t.Context(), tenant, "a", "a")
		must(t, err)
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}

func decideSeen(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	issuing := root("issuing")
	issuing.Kind = pki.AuthorityIssuing
	before, err := db.Subscription(t.Context(), tenant, "a")
	must(t, err)
	decide := func(unchanged bool, fault error) error {
		return db.SaveAuthorities(t.Context(), l, []pki.Authority{root("a"), issuing}, func(s *pki.Subscription, roots []pki.Authority) (pki.Effects, error) {
			if s.ID != "a" || len(roots) != 1 || roots[0].ID != "a" || string(roots[0].DER) != "a" {
				t.Errorf("asked of %s with %+v", s.ID, roots)
			}
			s.TrustedRoot = []byte("a")
			return pki.Effects{Unchanged: unchanged, Roots: []pki.Authority{retiring("a"), retiring("b")}, Decisions: []pki.AuditEvent{event("decided")}}, fault
		})
	}
	refused := errors.New("refused")
	if err := decide(false, refused); !errors.Is(err, refused) {
		t.Errorf("the error is %v", err)
	}
	_, err = db.Authority(t.Context(), tenant, "a", "a")
	code(t, err, pki.CodeNotFound)
	expect := func(revision int64, root string) {
		t.Helper()
		got, err := db.Subscription(t.Context(), tenant, "a")
		must(t, err)
		if got.Revision != revision || string(got.TrustedRoot) != root {
			t.Errorf("revision %d, root %q; want %d, %q", got.Revision, got.TrustedRoot, revision, root)
		}
	}
	must(t, decide(true, nil))
	expect(before.Revision, "")
	must(t, db.SaveAuthorities(t.Context(), l, nil, func(s *pki.Subscription, _ []pki.Authority) (pki.Effects, error) {
		s.TrustedRoot = []byte("a")
		return pki.Effects{}, nil
	}))
	expect(before.Revision+1, "a")
	for _, id := range []pki.ID{"a", "b"} {
		got, err := db.Authority(t.Context(), tenant, "a", id)
		must(t, err)
		if d := cmp.Diff(retiring(id), got); d != "" {
			t.Error(d)
		}
	}
	if n := audited(t, db); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

func changeTrust(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	issuing := root("issuing")
	issuing.Kind = pki.AuthorityIssuing
	must(t, db.SaveAuthorities(t.Context(), l, []pki.Authority{root("a"), issuing}, nil))
	sub, err := db.ChangeTrust(t.Context(), tenant, "a", func(s *pki.Subscription, roots []pki.Authority) (pki.Effects, error) {
		if len(roots) != 1 || string(roots[0].DER) != "a" {
			t.Errorf("roots are %+v", roots)
		}
		s.TrustedRoot, s.TrustPolicy = []byte("b"), new(pki.TrustManual)
		s.Migration = &pki.Migration{From: "symantec", To: "vault", Started: at(3), Ended: odata.Never()}
		e := event("approve")
		e.Reason, e.OldRoot, e.NewRoot = "«because»", "a", "b"
		return pki.Effects{Roots: []pki.Authority{retiring("a")}, Decisions: []pki.AuditEvent{e}}, nil
	})
	must(t, err)
	stored, list, err := db.Trust(t.Context(), tenant, "a")
	must(t, err)
	if d := cmp.Diff(sub, stored); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]pki.Authority{retiring("a"), issuing}, list); d != "" {
		t.Error(d)
	}
	page, err := db.AuditEvents(t.Context(), tenant, odata.Query{Top: 10})
	must(t, err)
	if e := page.Items[0]; e.Reason != "«because»" || e.OldRoot != "a" || e.NewRoot != "b" {
		t.Errorf("the trail has %+v", e)
	}
	_, err = db.ChangeTrust(t.Context(), another, "a", nil)
	code(t, err, pki.CodeNotFound)
	_, _, err = db.Trust(t.Context(), another, "a")
	code(t, err, pki.CodeNotFound)
}

func issuedBeside(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	valid, revoked, expired, bare := certificate("valid"), certificate("revoked"), certificate("expired"), certificate("bare")
	valid.IssuerDN, bare.IssuerDN = "CN=known", ""
	revoked.Status = pki.CertificateRevoked
	expired.NotAfter = at(2)
	ask := func(want bool, issuers ...string) {
		t.Helper()
		got, err := db.IssuedBeside(t.Context(), tenant, "a", issuers, at(3))
		must(t, err)
		if got != want {
			t.Errorf("beside %v: %v, want %v", issuers, got, want)
		}
	}
	ask(false)
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: []pki.Certificate{valid, revoked, expired}, Run: l.Run, Now: at(1)}))
	ask(true)
	ask(true, "CN=other")
	ask(false, "CN=other", "CN=known")
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: []pki.Certificate{bare}, Run: l.Run, Now: at(1)}))
	ask(true, "CN=known")
}

// migration lists two certificates at one provider, and one of them and
// another at the next.
func migration(t *testing.T, open Open) {
	db := open(t)
	const symantec, vault = 1, 4
	l := lease(t, db, "a")
	page := func(provider int64, listing pki.ID, now int, ids ...pki.ID) (pki.Counts, int) {
		t.Helper()
		p := pki.RunPage{Run: l.Run, Provider: provider, Listing: pki.Listing{ID: listing, Mode: "full"}, Now: at(now)}
		for _, id := range ids {
			p.Certificates = append(p.Certificates, certificate(id))
		}
		counts, err := db.SavePage(t.Context(), l, p)
		must(t, err)
		missing, err := db.MarkMissing(t.Context(), l, listing, at(now), func(missing, _ int) error {
			if missing > 1 {
				return errors.New("too many")
			}
			return nil
		})
		must(t, err)
		return counts, missing
	}
	set := func(provider string, m *pki.Migration) {
		t.Helper()
		must2(t)(db.UpdateSubscription(t.Context(), tenant, "a", func(s *pki.Subscription) (pki.Effects, error) {
			s.Provider, s.Migration = provider, m
			return pki.Effects{}, nil
		}))
	}
	page(symantec, "1", 1, "old", "older", "both")
	m := &pki.Migration{From: "symantec", To: "vault", Started: at(2), Ended: odata.Never()}
	set("vault", m)
	for n, want := range []pki.Counts{{Found: 2, New: 1, Changed: 1}, {Found: 2, Unchanged: 2}} {
		if counts, missing := page(vault, pki.ID(rune('2'+n)), 3+n, "both", "new"); counts != want || missing != 0 {
			t.Errorf("listing %d: %+v, %d missing; want %+v and none", n, counts, missing, want)
		}
	}
	counts, err := db.CountMigration(t.Context(), tenant, "a", vault)
	must(t, err)
	if want := (pki.MigrationCounts{Both: 1, Before: 2, After: 1}); counts != want {
		t.Errorf("counted %+v, want %+v", counts, want)
	}
	for id, want := range map[pki.ID][2]int64{"old": {symantec, symantec}, "both": {symantec, vault}, "new": {vault, vault}} {
		c, err := db.Certificate(t.Context(), tenant, "a", id)
		must(t, err)
		if got := [2]int64{c.FirstProvider, c.LastProvider}; got != want {
			t.Errorf("%s was met under %v, want %v", id, got, want)
		}
	}
	// Completed, the list of the new provider counts, for however many.
	m.Ended = at(9)
	set("vault", m)
	if _, missing := page(vault, "9", 10, "both", "new"); missing != 2 {
		t.Errorf("%d are missing after the migration, want 2", missing)
	}
}
