package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// judgeOf is a judge that always comes to the same verdict and notes the facts.
func judgeOf(v pki.AlertVerdict, facts *pki.AlertFacts) func(*pki.Subscription, pki.AlertFacts) (pki.AlertVerdict, error) {
	return func(_ *pki.Subscription, f pki.AlertFacts) (pki.AlertVerdict, error) {
		if facts != nil {
			*facts = f
		}
		return v, nil
	}
}

func alert(id pki.ID) pki.Alert {
	return pki.Alert{ID: id, At: at(10).Time(), Kind: pki.AlertRoot, Tenant: tenant, Subscription: "s", Title: "«title»", Ends: at(20).Time(), Count: 3}
}

func mark(object pki.ID, rung int64) pki.AlertMark {
	return pki.AlertMark{Kind: pki.AlertRoot, Object: object, Rung: rung, At: at(10), Ends: at(20)}
}

func watched(t *testing.T, db *store.DB, now odata.DateTimeOffset, limit int) (ids []pki.ID) {
	t.Helper()
	list, err := db.Watched(t.Context(), now.Time(), limit)
	must(t, err)
	for _, w := range list {
		ids = append(ids, w.ID)
	}
	return ids
}

func takeAlert(t *testing.T, db *store.DB, sink string, now odata.DateTimeOffset) (pki.QueuedAlert, bool) {
	t.Helper()
	q, found, err := db.TakeAlert(t.Context(), sink, now, odata.FromTime(now.Time().Add(time.Minute)))
	must(t, err)
	return q, found
}

func alerts(t *testing.T, open Open) {
	t.Run("are looked at in turn, and again after a change", func(t *testing.T) { alertsInTurn(t, open(t)) })
	t.Run("are marked and queued together", func(t *testing.T) { alertsTogether(t, open(t)) })
	t.Run("are leased", func(t *testing.T) { alertsLeased(t, open(t)) })
	t.Run("are given up", func(t *testing.T) { alertsGivenUp(t, open(t)) })
	t.Run("expire where their sink is gone", func(t *testing.T) { alertsExpired(t, open(t)) })
	t.Run("are raised, told anew and resolved", func(t *testing.T) { alertsRaised(t, open(t)) })
	t.Run("end with their subscription", func(t *testing.T) { alertsEnd(t, open(t)) })
	t.Run("are judged by facts", func(t *testing.T) { alertFacts(t, open(t)) })
}

func alertsInTurn(t *testing.T, db *store.DB) {
	for i, id := range []pki.ID{"a", "b", "c"} {
		create(t, db, subscription(tenant, id))
		must(t, db.JudgeAlerts(t.Context(), tenant, id, nil, judgeOf(pki.AlertVerdict{Next: at(30 - 10*i)}, nil)))
	}
	if d := cmp.Diff([]pki.ID{"c", "b"}, watched(t, db, at(20), 9)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]pki.ID{"c"}, watched(t, db, at(20), 1)); d != "" {
		t.Error(d)
	}
	_, err := db.UpdateSubscription(t.Context(), tenant, "a", func(s *pki.Subscription) (pki.Effects, error) { return pki.Effects{}, nil })
	must(t, err)
	if d := cmp.Diff([]pki.ID{"a", "c", "b"}, watched(t, db, at(20), 9)); d != "" {
		t.Error(d)
	}
	code(t, db.JudgeAlerts(t.Context(), another, "a", nil, judgeOf(pki.AlertVerdict{}, nil)), pki.CodeNotFound)
}

func alertsTogether(t *testing.T, db *store.DB) {
	created := create(t, db, subscription(tenant, "s"))
	verdict := pki.AlertVerdict{
		Alerts: []pki.Alert{alert("1"), alert("2")}, Audit: []pki.AuditEvent{event("1"), event("2")},
		Keep: []pki.AlertMark{mark("a", 1), mark("b", 1)}, Next: at(60),
	}
	must(t, db.JudgeAlerts(t.Context(), tenant, "s", []string{"x", "y"}, judgeOf(verdict, nil)))
	after, err := db.Subscription(t.Context(), tenant, "s")
	must(t, err)
	if after.Revision != created.Revision+1 {
		t.Errorf("revision %d after %d", after.Revision, created.Revision)
	}
	// A judge that fails leaves nothing behind.
	failure := errors.New("no")
	err = db.JudgeAlerts(t.Context(), tenant, "s", []string{"x"}, func(*pki.Subscription, pki.AlertFacts) (pki.AlertVerdict, error) { return verdict, failure })
	if !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	var facts pki.AlertFacts
	second := pki.AlertVerdict{Keep: []pki.AlertMark{mark("a", 2)}, Forget: []pki.AlertMark{mark("b", 1)}, Next: at(60)}
	must(t, db.JudgeAlerts(t.Context(), tenant, "s", nil, judgeOf(second, &facts)))
	slices.SortFunc(facts.Marks, func(a, b pki.AlertMark) int { return int(a.Object[0]) - int(b.Object[0]) })
	if d := cmp.Diff([]pki.AlertMark{mark("a", 1), mark("b", 1)}, facts.Marks); d != "" {
		t.Error(d)
	}
	must(t, db.JudgeAlerts(t.Context(), tenant, "s", nil, judgeOf(pki.AlertVerdict{Next: at(60)}, &facts)))
	if d := cmp.Diff([]pki.AlertMark{mark("a", 2)}, facts.Marks); d != "" {
		t.Error(d)
	}
	for _, sink := range []string{"x", "y"} {
		for _, id := range []pki.ID{"1", "2"} {
			q, found := takeAlert(t, db, sink, at(11))
			if d := cmp.Diff(alert(id), q.Alert); !found || d != "" {
				t.Errorf("%s: %s", sink, d)
			}
		}
		if q, found := takeAlert(t, db, sink, at(11)); found {
			t.Errorf("%s has more: %v", sink, q)
		}
	}
	// A new object under the id inherits nothing, and Purge finds its end.
	must(t, db.DeleteSubscription(t.Context(), tenant, "s", nil, event("3")))
	again := subscription(tenant, "s")
	again.Key++
	create(t, db, again)
	must(t, db.JudgeAlerts(t.Context(), tenant, "s", nil, judgeOf(pki.AlertVerdict{Next: at(60)}, &facts)))
	if len(facts.Marks) > 0 {
		t.Errorf("inherited %v", facts.Marks)
	}
	more, err := db.Purge(t.Context(), at(0), 100)
	must(t, err)
	if more {
		t.Error("the purge finds no end")
	}
}

func queueAlert(t *testing.T, db *store.DB, a pki.Alert) {
	t.Helper()
	must(t, db.JudgeAlerts(t.Context(), tenant, "s", []string{"x"}, judgeOf(pki.AlertVerdict{Alerts: []pki.Alert{a}, Next: at(60)}, nil)))
}

func alertsLeased(t *testing.T, db *store.DB) {
	create(t, db, subscription(tenant, "s"))
	queueAlert(t, db, alert("1"))
	stale, _ := takeAlert(t, db, "x", at(10))
	if _, found := takeAlert(t, db, "x", at(69)); found {
		t.Error("taken twice")
	}
	taken, found := takeAlert(t, db, "x", at(70))
	if !found || taken.Failures != 0 {
		t.Fatalf("not taken when the lease has run out: %+v", taken)
	}
	must(t, db.SettleAlert(t.Context(), stale, pki.AlertAttempt{})) // too late
	must(t, db.SettleAlert(t.Context(), taken, pki.AlertAttempt{Error: "down", Again: at(200)}))
	if _, found := takeAlert(t, db, "x", at(199)); found {
		t.Error("taken before it was due")
	}
	taken, found = takeAlert(t, db, "x", at(200))
	if !found || taken.Failures != 1 {
		t.Fatalf("%+v", taken)
	}
	must(t, db.SettleAlert(t.Context(), taken, pki.AlertAttempt{}))
	if _, found := takeAlert(t, db, "x", at(999)); found {
		t.Error("delivered, and still there")
	}
}

func alertsGivenUp(t *testing.T, db *store.DB) {
	create(t, db, subscription(tenant, "s"))
	for _, id := range []pki.ID{"failed", "new", "never tried"} {
		a := alert(id)
		if id == "new" {
			a.At = at(50).Time()
		}
		queueAlert(t, db, a)
	}
	for range 2 { // the two that are due
		q, _ := takeAlert(t, db, "x", at(10))
		if q.Alert.ID == "failed" {
			must(t, db.SettleAlert(t.Context(), q, pki.AlertAttempt{Error: "down", Again: at(20)}))
		}
	}
	for want := 1; want >= 0; want-- {
		n, err := db.GiveUpAlerts(t.Context(), "x", at(40), at(50))
		must(t, err)
		if n != want {
			t.Errorf("%d given up, want %d", n, want)
		}
	}
	if n, err := db.GiveUpAlerts(t.Context(), "y", at(99), at(99)); err != nil || n != 0 {
		t.Errorf("%d of another sink, %v", n, err)
	}
	var left []pki.ID
	for {
		q, found := takeAlert(t, db, "x", at(100))
		if !found {
			break
		}
		left = append(left, q.Alert.ID)
	}
	slices.Sort(left)
	if d := cmp.Diff([]pki.ID{"never tried", "new"}, left); d != "" {
		t.Error(d)
	}
}

// alertsExpired: what waits for a sink that nobody has any more ends by its age
// alone.
func alertsExpired(t *testing.T, db *store.DB) {
	create(t, db, subscription(tenant, "s"))
	late := alert("late")
	late.At = at(50).Time()
	must(t, db.JudgeAlerts(t.Context(), tenant, "s", []string{"gone", "here"}, judgeOf(pki.AlertVerdict{Alerts: []pki.Alert{alert("early"), late}, Next: at(60)}, nil)))
	for _, want := range []int{1, 0} {
		got, err := db.ExpireAlerts(t.Context(), []string{"here", "idle"}, at(40), at(60))
		must(t, err)
		if got["gone"] != want || got["here"] != 0 {
			t.Errorf("given up: %v, want %d that are gone", got, want)
		}
	}
	if q, _ := takeAlert(t, db, "gone", at(100)); q.Alert.ID != "late" {
		t.Errorf("%+v is left", q)
	}
	if got, err := db.ExpireAlerts(t.Context(), []string{"here", "gone"}, at(999), at(999)); err != nil || len(got) > 0 {
		t.Errorf("%v of those that are here: %v", got, err)
	}
}

// alertFacts: what ends is counted, of this subscription and if valid alone;
// its authorities are told without their DER; the earliest end of a root is
// known.
func alertFacts(t *testing.T, db *store.DB) {
	l := lease(t, db, "s")
	var list []pki.Certificate
	for i, c := range []struct {
		end    odata.DateTimeOffset
		status pki.CertificateStatus
	}{{at(9), pki.CertificateValid}, {at(10), pki.CertificateValid}, {at(11), pki.CertificateValid}, {at(20), pki.CertificateValid}, {at(15), pki.CertificateRevoked}, {at(21), pki.CertificateValid}} {
		cert := certificate(pki.ID("c" + string(rune('0'+i))))
		cert.NotAfter, cert.Status = c.end, c.status
		list = append(list, cert)
	}
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: list, Run: l.Run, Now: at(1)}))
	root := pki.Authority{ID: "root", State: pki.TrustTrusted, DER: []byte("root"), NotAfter: at(33)}
	must(t, db.SaveAuthorities(t.Context(), l, []pki.Authority{
		root, {ID: "issuer", Kind: pki.AuthorityIssuing, DER: []byte("issuer"), NotAfter: at(3)}, {ID: "found", DER: []byte("found"), NotAfter: at(3)},
	}, nil))
	err := db.JudgeAlerts(t.Context(), tenant, "s", nil, func(s *pki.Subscription, f pki.AlertFacts) (pki.AlertVerdict, error) {
		n, err := f.Ending(at(10), at(20))
		if n != 2 {
			t.Errorf("%d end, want 2", n)
		}
		if len(f.Authorities) != 3 || f.Authorities[2].ID != "root" || len(f.Authorities[2].DER) > 0 || f.Authorities[2].NotAfter != at(33) {
			t.Errorf("authorities %+v", f.Authorities)
		}
		return pki.AlertVerdict{Next: at(60)}, err
	})
	must(t, err)
	b, err := db.Backlog(t.Context())
	must(t, err)
	if b.FirstRootExpiry != at(33) {
		t.Errorf("the first root ends at %v", b.FirstRootExpiry)
	}
	must(t, db.DeleteSubscription(t.Context(), tenant, "s", nil, event("1")))
	if b, err = db.Backlog(t.Context()); err != nil || !b.FirstRootExpiry.IsNever() {
		t.Errorf("the root of a deleted one ends at %v, %v", b.FirstRootExpiry, err)
	}
}
