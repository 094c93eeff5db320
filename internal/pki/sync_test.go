package pki_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

func (w *world) certificates(sub pki.ID, raw string) pki.Page[pki.Certificate] {
	w.t.Helper()
	page, err := w.service.Certificates(w.t.Context(), tenant, sub, w.query(pki.CertificateType(), raw))
	w.must(err)
	return page
}

func TestFirstSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(120)
	sub := w.create(w.draft())
	w.now = w.now.Add(time.Second)
	run := w.syncOne()
	if run.Status != pki.RunSucceeded || run.Counts.Found != 120 || run.Counts.New != 120 || run.Total != 120 {
		t.Fatalf("run %+v", run)
	}
	got := w.get(sub.ID)
	if got.SyncStatus != pki.SyncSucceeded || got.LastSyncError != nil || got.LastSync != odata.FromTime(w.now) {
		t.Errorf("reported %+v", got)
	}
	if !bytes.Equal(got.TrustedRoot, w.ca.Root().Raw) || got.Version != 2 || got.LastModified != odata.FromTime(w.now) {
		t.Errorf("the root was not taken over as a change: version %d", got.Version)
	}
	if got.Credentials.Accepted != odata.FromTime(w.now) {
		t.Error("the CA's acceptance of the credentials was not noted")
	}
	if wait := got.NextSync.Time().Sub(w.now); wait < 5*time.Hour || wait > 7*time.Hour {
		t.Errorf("the next sync is in %v", wait)
	}
	authorities, err := w.service.Authorities(t.Context(), tenant, sub.ID, w.query(pki.AuthorityType(), "$filter=kind eq 'root'"))
	w.must(err)
	if len(authorities.Items) != 1 || authorities.Items[0].State != pki.TrustTrusted || authorities.Items[0].ID != pki.ID(pki.Thumbprint(w.ca.Root().Raw)) {
		t.Errorf("roots %+v", authorities.Items)
	}
	names := make([]string, 0, len(run.Stages))
	for _, s := range run.Stages {
		names = append(names, s.Name)
		if s.Ended.IsNever() {
			t.Errorf("stage %s has no end", s.Name)
		}
	}
	if got := strings.Join(names, " "); got != "connect authorities inventory" {
		t.Errorf("stages %s", got)
	}
}

// A sync that changes only its own report leaves version and lastModified.
func TestSecondSyncFollowsChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(60)
	sub := w.create(w.draft())
	w.syncOne()
	before := w.get(sub.ID)

	serial := w.ca.Certificates()[7].Serial
	w.must(w.ca.Revoke(serial, "KeyCompromise"))
	_, err := w.ca.Issue(2)
	w.must(err)
	w.now = w.now.Add(8 * time.Hour)
	run := w.syncOne()
	if c := run.Counts; c.New != 2 || c.Changed != 1 || c.Revoked != 1 || c.Unchanged != 59 || c.Found != 62 || c.Missing != 0 {
		t.Errorf("counts %+v", c)
	}
	revoked := w.certificates(sub.ID, "$filter=status eq 'revoked'")
	if len(revoked.Items) != 1 || revoked.Items[0].Reason != 1 || revoked.Items[0].RevokedAt.IsNever() {
		t.Errorf("revoked %+v", revoked.Items)
	}
	for filter, want := range map[string]string{
		"subjectAlternativeNames eq 'DNS:device-7.example.com'":             "DNS:device-7.example.com",
		"contains(tolower(subjectAlternativeNames),'email:user-8@example')": "email:user-8@example.com",
	} {
		if found := w.certificates(sub.ID, "$filter="+filter); len(found.Items) != 1 || found.Items[0].AltNames != want {
			t.Errorf("%s: %+v, want one with %s", filter, found.Items, want)
		}
	}
	after := w.get(sub.ID)
	if after.Version != before.Version || after.LastModified != before.LastModified || after.LastSync == before.LastSync || after.Revision == before.Revision {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestDocumentedExampleFailsHonestly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sub := w.create(pki.Draft{
		Provider: pki.Given("symantec"), TrustedRoot: pki.Given([]byte("trustedRootCertificate")),
		Credentials: pki.Given(pki.DraftCredentials{
			UserName: pki.Given("Admin User Name value"), Password: pki.Given(secret.NewString("Admin Password value")),
			Certificate:         pki.Given(secret.NewString("authenticationCertificate")),
			CertificatePassword: pki.Given(secret.NewString("Authentication Certificate Password value")),
		}),
	})
	run := w.syncOne()
	got := w.get(sub.ID)
	if got.SyncStatus != pki.SyncFailed || run.Error != provider.CodeCredentialInvalid || !strings.Contains(*got.LastSyncError, "authenticationCertificate") {
		t.Errorf("status %v, error %v", got.SyncStatus, *got.LastSyncError)
	}
	if !got.NextSync.IsNever() {
		t.Error("useless credentials are tried again by themselves: accounts lock")
	}
	if string(got.TrustedRoot) != "trustedRootCertificate" || got.Version != 1 {
		t.Errorf("the sync changed what the admin sent: %q, version %d", got.TrustedRoot, got.Version)
	}
	w.update(sub.ID, pki.Draft{Credentials: pki.Given(pki.DraftCredentials{Password: pki.Given(secret.NewString("new"))})})
	if len(w.syncDue()) != 1 {
		t.Error("new credentials are not tried")
	}
}

func TestRootThatIsNoCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	d := w.draft()
	d.TrustedRoot = pki.Given([]byte("not a certificate"))
	w.create(d)
	if run := w.syncOne(); run.Error != provider.CodeRootInvalid || !strings.Contains(run.Message, "trustedRootCertificate") {
		t.Errorf("run %+v", run)
	}
}

// Another root at the CA is never taken over silently; the inventory goes on.
func TestChangedRootIsAnEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(3)
	sub := w.create(w.draft())
	w.syncOne()
	old := w.get(sub.ID)
	w.must(w.ca.ReplaceRoot())
	_, err := w.ca.Issue(1)
	w.must(err)
	w.now = w.now.Add(8 * time.Hour)
	run := w.syncOne()
	got := w.get(sub.ID)
	if run.Error != provider.CodeTrustChangePending || run.Retry != provider.RetryNever || got.SyncStatus != pki.SyncFailed {
		t.Fatalf("run %+v", run)
	}
	if !bytes.Equal(got.TrustedRoot, old.TrustedRoot) || got.Version != old.Version {
		t.Error("the trusted root was swapped")
	}
	if run.Counts.New != 1 {
		t.Errorf("the inventory was not followed: %+v", run.Counts)
	}
	quarantined, err := w.service.Authorities(t.Context(), tenant, sub.ID, w.query(pki.AuthorityType(), "$filter=state eq 'quarantined'"))
	w.must(err)
	if len(quarantined.Items) != 1 || !bytes.Equal(quarantined.Items[0].DER, w.ca.Root().Raw) {
		t.Fatalf("quarantined %+v", quarantined.Items)
	}
	if got.NextSync.IsNever() {
		t.Error("the inventory is no longer followed by itself")
	}

	approved := w.update(sub.ID, pki.Draft{TrustedRoot: pki.Given(w.ca.Root().Raw)})
	if approved.Version != old.Version+1 {
		t.Errorf("version %d", approved.Version)
	}
	if run := w.syncOne(); run.Status != pki.RunSucceeded {
		t.Errorf("after the approval: %+v", run)
	}
}

func TestRetryDelays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	fault, _ := casim.ByName("unavailable")
	w.ca.Misbehave(fault)
	var last time.Duration
	for n := range 4 {
		run := w.syncOne()
		wait := run.NextTry.Time().Sub(w.now)
		if run.Error != provider.CodeUpstream5xx || run.Retry != provider.RetryBackOff || wait <= last {
			t.Fatalf("failure %d: %+v, next in %v after %v", n+1, run, wait, last)
		}
		if got := w.get(sub.ID); got.Failures != n+1 {
			t.Errorf("failures = %d", got.Failures)
		}
		last = wait
		w.now = run.NextTry.Time()
	}
	w.ca.Misbehave(casim.Fault{})
	if run := w.syncOne(); run.Status != pki.RunSucceeded || w.get(sub.ID).Failures != 0 {
		t.Errorf("run %+v", run)
	}
}

func TestPausedIsNotSynced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	d := w.draft()
	d.Paused = pki.Given(true)
	sub := w.create(d)
	if len(w.syncDue()) != 0 {
		t.Fatal("a paused subscription was synced")
	}
	if _, err := w.service.RequestSync(t.Context(), tenant, pki.Actor{}, sub.ID); err != nil {
		t.Fatal(err)
	}
	if run := w.syncOne(); run.Status != pki.RunSucceeded || run.Trigger != pki.TriggerManual {
		t.Errorf("a sync on demand of a paused one: %+v", run)
	}
	if !w.get(sub.ID).NextSync.IsNever() {
		t.Error("a paused one is scheduled")
	}
	w.update(sub.ID, pki.Draft{Paused: pki.Given(false)})
	if len(w.syncDue()) != 1 {
		t.Error("a resumed one is not synced")
	}
}

func TestUnsupportedProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(pki.Draft{Provider: pki.Given("awsPrivateCa")})
	if run := w.syncOne(); run.Error != provider.CodeUnsupported {
		t.Errorf("run %+v", run)
	}
}

func TestUnknownSettingIsNotPassedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	d := w.draft()
	d.Settings = pki.Given([]pki.Setting{{Name: "profileOID", Value: casim.ProfileUser}})
	sub := w.create(d)
	if run := w.syncOne(); run.Error != provider.CodeUnsupported || !strings.Contains(run.Message, "profileOIDs") {
		t.Errorf("run %+v", run)
	}
	w.update(sub.ID, pki.Draft{Settings: pki.Given([]pki.Setting{{Name: "profileOIDs", Value: casim.ProfileUser}})})
	if run := w.syncOne(); run.Status != pki.RunSucceeded {
		t.Errorf("run %+v", run)
	}
}

// What is asked for while a run is under way is not swallowed by it.
func TestChangeDuringRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	now := odata.FromTime(w.now)
	leases, err := w.store.TakeDue(t.Context(), "worker", now, odata.FromTime(w.now.Add(time.Minute)), 1, pki.Bounds{PerTenant: 1})
	w.must(err)
	w.update(sub.ID, pki.Draft{ServiceURI: pki.Given(w.uri + "x/")})
	w.must(w.service.Sync(t.Context(), leases[0]))
	if runs := w.syncDue(); len(runs) != 1 || runs[0].ID == leases[0].Run.ID {
		t.Errorf("the change was not proved by a run of its own: %+v", runs)
	}
}
