package pki_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"cloudpki/internal/casim"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// watch looks at the alerts until nothing is due and returns what was told, by
// the outbox. A restart in between tells nothing twice.
func (w *world) watch() []pki.Alert {
	w.t.Helper()
	for more := true; more; {
		var err error
		more, err = w.service.Watch(w.t.Context(), 1)
		w.must(err)
		w.makeService()
	}
	var told []pki.Alert
	for {
		a, found, err := w.store.TakeAlert(w.t.Context(), "mail", odata.FromTime(w.now), odata.FromTime(w.now.Add(time.Minute)))
		w.must(err)
		if !found {
			return told
		}
		told = append(told, a.Alert)
		w.must(w.store.SettleAlert(w.t.Context(), a, pki.AlertAttempt{}))
	}
}

func kinds(list []pki.Alert) []string {
	var names []string
	for _, a := range list {
		names = append(names, strings.TrimSuffix(string(a.Kind)+" "+a.Stage, " "))
	}
	slices.Sort(names)
	return names
}

func (w *world) watched(policy pki.AlertPolicy) pki.Subscription {
	w.t.Helper()
	w.startCA(3)
	policy.Sinks = []string{"mail"}
	w.alerts = policy
	w.makeService()
	d := w.draft()
	d.Credentials = pki.Given(w.renewed(20 * 365 * 24 * time.Hour))
	sub := w.create(d)
	w.syncOne()
	return w.get(sub.ID)
}

// Each rung of the ladder is told once for each authority in use, however
// often it is looked, by the outbox, the audit trail and a change of the
// subscription.
func TestAuthorityLadder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.watched(pki.AlertPolicy{SyncFailingAfter: 24 * time.Hour})
	w.update(sub.ID, pki.Draft{Paused: pki.Given(true), DisplayName: pki.Given("Device\r\nCA")})
	stages := []string{"days90", "days60", "days30", "days14", "days7", "days3", "days1", "expired"}
	list, err := w.service.Authorities(t.Context(), tenant, sub.ID, odata.Query{Top: 10})
	w.must(err)
	if told := w.watch(); len(told) > 0 {
		t.Errorf("told early: %v", kinds(told))
	}
	got, want := make(map[pki.ID][]string), make(map[pki.ID][]string)
	root, ends, rungs := pki.ID(""), make(map[pki.ID]time.Time), []time.Time(nil)
	for _, a := range list.Items {
		kind := "issuerExpiring "
		if a.Kind == pki.AuthorityRoot {
			kind, root = "rootExpiring ", a.ID
		}
		ends[a.ID] = a.NotAfter.Time()
		for i, days := range pki.ExpiryDays() {
			want[a.ID] = append(want[a.ID], kind+stages[i])
			rungs = append(rungs, a.NotAfter.Time().Add(-time.Duration(days)*24*time.Hour))
		}
	}
	slices.SortFunc(rungs, time.Time.Compare)
	for _, w.now = range rungs {
		before := w.get(sub.ID).Revision
		told := slices.DeleteFunc(w.watch(), func(a pki.Alert) bool { return a.Kind == pki.AlertCredential })
		for _, a := range told {
			got[a.Object] = append(got[a.Object], kinds([]pki.Alert{a})...)
			if !a.Ends.Equal(ends[a.Object]) || a.Name != "Device  CA" || !strings.HasSuffix(a.Path, "/"+string(sub.ID)+"/certificateAuthorities/"+string(a.Object)) {
				t.Errorf("told: %+v", a)
			}
		}
		if after := w.get(sub.ID).Revision; (after == before) != (len(told) == 0) {
			t.Errorf("%d told, the revision is %d after %d", len(told), after, before)
		}
	}
	if d := cmp.Diff(want, got); d != "" || root == "" {
		t.Errorf("told: %s", d)
	}
	q := odata.Query{Top: 100}
	events, err := w.service.AuditEvents(t.Context(), tenant, q)
	w.must(err)
	roots := 0
	for _, e := range events.Items {
		if e.Activity == "RootExpiring CloudPkiSubscription" && e.NewRoot == root && strings.HasPrefix(e.Reason, "Root ") {
			roots++
		}
	}
	if roots != len(stages) {
		t.Errorf("%d audit events of the root, want %d", roots, len(stages))
	}
}

// The ladder of credentials begins anew with others.
func TestCredentialAlerts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.watched(pki.AlertPolicy{SyncFailingAfter: 24 * time.Hour})
	for _, c := range []struct {
		valid time.Duration
		want  []string
	}{
		{100 * 24 * time.Hour, nil},
		{20 * 24 * time.Hour, []string{"credentialExpiring days30"}},
		{25 * 24 * time.Hour, []string{"credentialExpiring days30"}},
		{5 * 24 * time.Hour, []string{"credentialExpiring days7"}},
	} {
		w.update(sub.ID, pki.Draft{Credentials: pki.Given(w.renewed(c.valid))})
		if d := cmp.Diff(c.want, kinds(w.watch())); d != "" {
			t.Errorf("valid for %v: %s", c.valid, d)
		}
	}
}

// Syncs that fail are told once they have failed for long, and once more when
// they succeed.
func TestSyncFailing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.watched(pki.AlertPolicy{SyncFailingAfter: 24 * time.Hour})
	w.watch()
	fail := func(after time.Duration, fault string) []string {
		t.Helper()
		w.now = w.now.Add(after)
		w.ca.Misbehave(casim.Fault{})
		if fault != "" {
			w.misbehave(fault)
		}
		_, err := w.service.RequestSync(t.Context(), tenant, pki.Actor{}, sub.ID)
		w.must(err)
		w.syncOne()
		return kinds(w.watch())
	}
	const broken = "unavailable"
	for _, c := range []struct {
		name  string
		after time.Duration
		fault string
		want  []string
	}{
		{"the first failure", time.Hour, broken, nil},
		{"hours later", 23 * time.Hour, broken, nil},
		{"a day later", time.Hour, broken, []string{"syncFailing"}},
		{"days later", 72 * time.Hour, broken, nil},
		{"success", time.Hour, "", []string{"syncRecovered"}},
		{"success again", time.Hour, "", nil},
		{"a short failure", time.Hour, broken, nil},
		{"and its end", time.Hour, "", nil},
	} {
		if d := cmp.Diff(c.want, fail(c.after, c.fault)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

// Certificates that end soon are counted once a day.
func TestCertificatesExpiring(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.watched(pki.AlertPolicy{SyncFailingAfter: 24 * time.Hour, CertificatesWithin: 366 * 24 * time.Hour})
	first := w.now
	for _, c := range []struct {
		after time.Duration
		want  []int64
	}{{0, []int64{3}}, {23 * time.Hour, nil}, {24 * time.Hour, []int64{3}}, {25 * time.Hour, nil}} {
		w.now = first.Add(c.after)
		var counts []int64
		for _, a := range w.watch() {
			if a.Kind == pki.AlertCertificates {
				counts = append(counts, a.Count)
			}
		}
		if d := cmp.Diff(c.want, counts); d != "" {
			t.Errorf("after %v: %s", c.after, d)
		}
	}
}

// A root in quarantine is told at once and every week while it waits.
func TestTrustChangePending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.watched(pki.AlertPolicy{SyncFailingAfter: 24 * time.Hour})
	w.watch()
	w.misbehave("replaced-hierarchy")
	_, err := w.service.RequestSync(t.Context(), tenant, pki.Actor{}, sub.ID)
	w.must(err)
	w.syncOne()
	w.update(sub.ID, pki.Draft{Paused: pki.Given(true)})
	first := w.now
	var root pki.ID
	for _, c := range []struct {
		after time.Duration
		want  []string
	}{
		{0, []string{"trustChangePending"}},
		{24 * time.Hour, nil},
		{7 * 24 * time.Hour, []string{"trustChangePending"}},
		{13 * 24 * time.Hour, nil},
		{14 * 24 * time.Hour, []string{"trustChangePending"}},
	} {
		w.now = first.Add(c.after)
		told := w.watch()
		if d := cmp.Diff(c.want, kinds(told)); d != "" {
			t.Errorf("after %v: %s", c.after, d)
		}
		if len(told) == 1 {
			root = told[0].Object
		}
	}
	_, err = w.service.RejectTrustChange(t.Context(), tenant, pki.Actor{Name: "ada"}, sub.ID, pki.TrustDecision{Thumbprint: string(root), Comment: "not ours"}, nil)
	w.must(err)
	w.now = first.Add(30 * 24 * time.Hour)
	if told := w.watch(); len(told) > 0 {
		t.Errorf("a rejected root is told: %v", kinds(told))
	}
}

// A replaced root is told of on its ladder for as long as it is distributed, and
// anew where it is replaced once more.
func TestOldRootStillTrusted(t *testing.T) {
	t.Parallel()
	w, _, old, next := rolledOver(t)
	w.must(w.approve(next.cert))
	begin := w.now
	w.update(w.sub, pki.Draft{Paused: pki.Given(true)})
	reminders := func(days float64) (told []string) {
		t.Helper()
		w.now = begin.Add(time.Duration(days * 24 * float64(time.Hour)))
		for more := true; more; {
			var err error
			more, err = w.service.Watch(t.Context(), 1)
			w.must(err)
		}
		events, err := w.service.AuditEvents(t.Context(), tenant, w.query(pki.AuditEventType(), "$filter=activityType eq 'OldRootStillTrusted CloudPkiSubscription' and activityDateTime eq "+w.now.Format(time.RFC3339Nano)))
		w.must(err)
		for _, e := range events.Items {
			told = append(told, e.Reason)
			if string(e.OldRoot) != pki.Thumbprint(old.cert.Raw) {
				t.Errorf("the event is about %s", e.OldRoot)
			}
		}
		return told
	}
	for _, c := range []struct {
		days float64
		told string
	}{{6.9, ""}, {7, "7"}, {13, ""}, {14.5, "14"}, {65, "65"}, {89, ""}, {90, "90"}, {179, ""}, {180, "180"}, {269, ""}, {365, "365"}} {
		var want []string
		if c.told != "" {
			want = []string{"Old root CN=old is still trusted, " + c.told + " days after another has replaced it"}
		}
		if d := cmp.Diff(want, reminders(c.days)); d != "" {
			t.Errorf("day %v: %s", c.days, d)
		}
	}
	w.must(w.approve(old.cert))
	if told := reminders(366); len(told) > 0 {
		t.Errorf("in force again: %v", told)
	}
	w.must(w.approve(next.cert))
	if told := reminders(372); len(told) > 0 {
		t.Errorf("early after the second replacement: %v", told)
	}
	if told := reminders(373); len(told) != 1 {
		t.Errorf("7 days after the second replacement: %v", told)
	}
	w.must(w.reject(old.cert))
	if told := reminders(380); len(told) > 0 {
		t.Errorf("of a root that was removed: %v", told)
	}
}

// Many processes that look at the same time tell each alert once.
func TestAlertsOfManyProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.watched(pki.AlertPolicy{SyncFailingAfter: 24 * time.Hour})
	w.update(sub.ID, pki.Draft{Credentials: pki.Given(w.renewed(20 * 24 * time.Hour))})
	var together errgroup.Group
	for range 4 {
		together.Go(func() error {
			_, err := w.service.Watch(t.Context(), 10)
			return err
		})
	}
	w.must(together.Wait())
	if d := cmp.Diff([]string{"credentialExpiring days30"}, kinds(w.watch())); d != "" {
		t.Error(d)
	}
}
