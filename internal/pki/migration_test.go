package pki_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// missing names what a listing lacks.
func (w *trustWorld) missing() string {
	w.t.Helper()
	var names []string
	for _, c := range w.certificates(w.sub, "$filter=missingSinceDateTime ne null").Items {
		names = append(names, c.CommonName)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (w *trustWorld) names(filter string) string {
	w.t.Helper()
	var names []string
	for _, c := range w.certificates(w.sub, "$filter="+filter).Items {
		names = append(names, c.CommonName)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func (w *trustWorld) report() pki.MigrationReport {
	w.t.Helper()
	r, err := w.service.MigrationReport(w.t.Context(), tenant, w.sub)
	w.must(err)
	return r
}

// move moves a subscription with 20 certificates at symantec to digicertOne,
// which knows two of them and a new one, and has a root of its own.
func move(t *testing.T) (w *trustWorld, next keyPair) {
	t.Helper()
	w = newTrustWorld(t, pki.Draft{})
	f := &forge{t: t, now: w.now}
	old, next := f.root("old"), f.root("new")
	w.offer(old.cert)
	for n := range 20 {
		w.before.records = append(w.before.records, f.leaf(fmt.Sprintf("c%02d", n), old))
	}
	w.syncOne()
	w.after.authorities = []provider.Authority{{Root: next.cert}}
	w.after.records = append(slices.Clone(w.before.records[:2]), f.leaf("n00", next))
	w.now = w.now.Add(time.Hour)
	w.update(w.sub, pki.Draft{Provider: pki.Given("digicertOne")})
	return w, next
}

// A subscription moves to another provider and keeps its id, its inventory and
// both roots; nothing is missing before an admin says that the move is over.
func TestProviderMigration(t *testing.T) {
	t.Parallel()
	w, next := move(t)
	started := odata.FromTime(w.now)
	ids := w.certificates(w.sub, "").Items
	run := w.syncOne()
	if run.Error != provider.CodeTrustChangePending || run.Counts.New != 1 || run.Counts.Changed != 2 || run.Counts.Missing != 0 {
		t.Fatalf("run %+v", run)
	}
	w.expect("new#2 quarantined, old#1 trusted", "old#1", "Changed policy, ProviderMigrationStarted test, Quarantined ")
	quarantined, err := w.service.Authority(t.Context(), tenant, w.sub, pki.ID(pki.Thumbprint(next.cert.Raw)))
	w.must(err)
	if !strings.Contains(quarantined.StateReason, "digicertOne, to which the provider was changed from symantec") {
		t.Errorf("the reason is %q", quarantined.StateReason)
	}
	w.must(w.approve(nil))
	if run := w.syncOne(); run.Status != pki.RunSucceeded || run.Counts.Unchanged != 3 {
		t.Errorf("run %+v", run)
	}
	if got := w.trusted(); got != "new#2, old#1" || w.missing() != "" {
		t.Errorf("trusted are %s, missing are %s", got, w.missing())
	}
	r := w.report()
	if r.From != "symantec" || r.To != "digicertOne" || r.Started != started || !r.Ended.IsNever() || r.MigrationCounts != (pki.MigrationCounts{Both: 2, Before: 18, After: 1}) || len(r.Roots) != 2 {
		t.Errorf("report %+v", r)
	}
	for filter, want := range map[string]string{
		"firstProvider eq 'symantec' and lastProvider eq 'digicertOne'": "c00 c01",
		"firstProvider eq 'digicertOne'":                                "n00",
		"lastProvider eq 'symantec' and commonName ge 'c18'":            "c18 c19",
	} {
		if got := w.names(filter); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
	for _, c := range ids {
		if _, err := w.service.Certificate(t.Context(), tenant, w.sub, c.ID); err != nil {
			t.Errorf("%s is another now: %v", c.CommonName, err)
		}
	}
	w.now = w.now.Add(time.Hour)
	_, err = w.service.CompleteMigration(t.Context(), tenant, pki.Actor{Client: "admin"}, w.sub, nil)
	w.must(err)
	if run := w.syncOne(); run.Status != pki.RunSucceeded || run.Counts.Missing != 18 {
		t.Errorf("after the migration: %+v", run)
	}
	if r := w.report(); r.Ended != odata.FromTime(w.now) || r.Cancelled {
		t.Errorf("report %+v", r)
	}
	if _, err := w.service.CompleteMigration(t.Context(), tenant, pki.Actor{}, w.sub, nil); pki.CodeOf(err) != pki.CodeConflict {
		t.Errorf("a second completion: %v", err)
	}
}

// A move that brings credentials forgets those of the old provider: they would
// mix with the new ones, and reach another CA. A test before the move leaves
// them out, too.
func TestMoveForgetsCredentials(t *testing.T) {
	t.Parallel()
	w, _ := move(t)
	text := func(s string) pki.Maybe[secret.Text] { return pki.Given(secret.NewString(s)) }
	credentials := func(d pki.DraftCredentials) pki.Maybe[pki.DraftCredentials] { return pki.Given(d) }
	w.update(w.sub, pki.Draft{Credentials: credentials(pki.DraftCredentials{Password: text("old"), CertificatePassword: text("old too")})})
	w.update(w.sub, pki.Draft{Provider: pki.Given("symantec"), Credentials: credentials(pki.DraftCredentials{Password: text(pki.Mask)})})
	if c := w.get(w.sub).Credentials; c.Password == nil || c.CertificatePassword == nil {
		t.Errorf("a move without secrets has lost some: %+v", c)
	}
	w.update(w.sub, pki.Draft{Provider: pki.Given("digicertOne"), Credentials: credentials(pki.DraftCredentials{Password: text("new")})})
	if c := w.get(w.sub).Credentials; c.Password == nil || c.CertificatePassword != nil {
		t.Errorf("the secrets of the old provider are kept: %+v", c)
	}
	w.update(w.sub, pki.Draft{Credentials: credentials(pki.DraftCredentials{CertificatePassword: text("more")})})
	if c := w.get(w.sub).Credentials; c.Password == nil || c.CertificatePassword == nil {
		t.Errorf("a change without a move has lost secrets: %+v", c)
	}
}

// Going back ends the migration, and nothing was lost by it.
func TestMigrationIsCancelled(t *testing.T) {
	t.Parallel()
	w, _ := move(t)
	w.syncOne()
	w.now = w.now.Add(time.Hour)
	w.update(w.sub, pki.Draft{Provider: pki.Given("symantec")})
	if r := w.report(); !r.Cancelled || r.Ended != odata.FromTime(w.now) {
		t.Errorf("report %+v", r)
	}
	if run := w.syncOne(); run.Status != pki.RunSucceeded || run.Counts.Found != 20 {
		t.Errorf("run %+v", run)
	}
	if got := w.names("lastProvider eq 'symantec' and missingSinceDateTime eq null and commonName le 'c01'"); got != "c00 c01" {
		t.Errorf("listed again are %s", got)
	}
	w.expect("new#2 quarantined, old#1 trusted", "old#1", "Changed policy, ProviderMigrationStarted test, Quarantined , ProviderMigrationCancelled test")
}

// Nothing is moved where there was nothing.
func TestNoMigration(t *testing.T) {
	t.Parallel()
	w := newTrustWorld(t, pki.Draft{})
	w.update(w.sub, pki.Draft{Provider: pki.Given("digicertOne")})
	if r := w.report(); r.From != "" || r.To != "" || !r.Started.IsNever() || r.MigrationCounts != (pki.MigrationCounts{}) {
		t.Errorf("a report before the first sync: %+v", r)
	}
	if _, err := w.service.CompleteMigration(t.Context(), tenant, pki.Actor{}, w.sub, nil); pki.CodeOf(err) != pki.CodeConflict {
		t.Errorf("a completion of none: %v", err)
	}
}
