package pki_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/casim"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

func (w *world) misbehave(name string) {
	w.t.Helper()
	f, ok := casim.ByName(name)
	if !ok {
		w.t.Fatalf("no fault %s", name)
	}
	w.ca.Misbehave(f)
}

func (w *world) test(id pki.ID, d pki.ConnectionDraft) pki.ConnectionTest {
	w.t.Helper()
	test, err := w.service.TestConnection(w.t.Context(), tenant, pki.Actor{Client: "test"}, id, d)
	w.must(err)
	return test
}

// outcome is a test in brief: "dns tcp tls!tls_server" are two steps that
// succeeded and one that failed; what does not apply is in parentheses.
func outcome(test pki.ConnectionTest) string {
	var words []string
	for _, s := range test.Steps {
		switch s.Status {
		case pki.StepSucceeded:
			words = append(words, s.Name)
		case pki.StepFailed:
			words = append(words, s.Name+"!"+string(s.Fault.Code))
		case pki.StepNotApplicable:
			words = append(words, "("+s.Name+")")
		case pki.StepSkipped:
		}
	}
	return strings.Join(words, " ")
}

func TestConnectionIsTested(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(3)
	sub := w.create(w.draft())
	test := w.test(sub.ID, pki.ConnectionDraft{})
	if got, want := outcome(test), "configuration dns tcp tls clientCertificate account authorities profile inventory"; got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	details := make(map[string]string)
	for _, s := range test.Steps {
		for _, d := range s.Details {
			details[s.Name+"/"+d.Name] = d.Value
		}
	}
	for name, want := range map[string]string{
		"configuration/provider": "symantec", "dns/addresses": "127.0.0.1", "tls/tlsVersion": "TLS 1.3", "clientCertificate/askedByServer": "true",
		"authorities/roots": "1", "inventory/records": "3",
	} {
		if details[name] != want {
			t.Errorf("%s is %q, want %q", name, details[name], want)
		}
	}
	for _, name := range []string{"tls/serverSubject", "tls/serverNotAfter", "tls/serverThumbprint", "clientCertificate/subject", "profile/profiles"} {
		if details[name] == "" {
			t.Errorf("%s is not told", name)
		}
	}
	after := w.get(sub.ID)
	if after.Credentials.Status != pki.CredentialsAccepted || after.Credentials.Accepted.IsNever() {
		t.Errorf("the acceptance was not noted: %+v", after.Credentials)
	}
}

// Each fault of a CA, its server or the settings ends the test at the step that
// it belongs to, with the code that a sync would have.
func TestConnectionFailsStepByStep(t *testing.T) {
	w := newWorld(t)
	w.startCA(1)
	honest := w.create(w.draft())
	const way = "configuration dns tcp "
	for _, c := range []struct {
		fault string
		draft func(*pki.Draft)
		want  string
	}{
		{fault: "wrong-host", want: way + "tls!tls_server"},
		{fault: "server-expired", want: way + "tls!tls_server"},
		{fault: "server-unknown-ca", want: way + "tls!tls_server"},
		{fault: "tls-1.0", want: way + "tls!tls_server"},
		{fault: "plain-http", want: way + "tls!protocol"},
		{fault: "silent", want: way + "tls!timeout"},
		{fault: "client-rejected", want: way + "tls clientCertificate!tls_client_rejected"},
		{fault: "client-rejected-1.2", want: way + "tls clientCertificate!tls_client_rejected"},
		{fault: "unauthorized", want: way + "tls clientCertificate account!credential_invalid"},
		{fault: "unavailable", want: way + "tls clientCertificate account!upstream_5xx"},
		{draft: func(d *pki.Draft) { d.ServiceURI = pki.Given("https://127.0.0.1:1/") }, want: "configuration dns tcp!connect"},
		{draft: func(d *pki.Draft) { d.ServiceURI = pki.Given("https://10.0.0.1/") }, want: "configuration dns tcp!connect"},
		{draft: func(d *pki.Draft) { d.ServiceURI = pki.Given("https://nowhere.invalid/") }, want: "configuration dns!dns"},
		{draft: func(d *pki.Draft) { d.ServerCAs = pki.Given([]byte("none")) }, want: "configuration!tls_server"},
		{draft: func(d *pki.Draft) { d.Provider = pki.Given("awsPrivateCa") }, want: "configuration!unsupported"},
		{draft: func(d *pki.Draft) { d.Settings = pki.Given([]pki.Setting{{Name: "no such", Value: "x"}}) }, want: "configuration!unsupported"},
		{draft: func(d *pki.Draft) {
			d.Credentials = pki.Given(pki.DraftCredentials{CertificatePassword: pki.Given(secret.NewString("wrong"))})
		}, want: way + "tls clientCertificate!credential_invalid"},
	} {
		t.Run(c.fault+" "+c.want, func(t *testing.T) {
			w.t = t
			w.ca.Misbehave(casim.Fault{})
			if c.fault != "" {
				w.misbehave(c.fault)
			}
			if w.testTimeout = 0; c.fault == "silent" {
				w.testTimeout = time.Second // nothing else is to be hurried
			}
			w.makeService()
			d := pki.ConnectionDraft{Draft: pki.Draft{DisplayName: pki.Given("another")}} // so that nothing is recorded
			if c.draft != nil {
				c.draft(&d.Draft)
			}
			test := w.test(honest.ID, d)
			if got := outcome(test); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			failed := test.Failed()
			if failed == nil || failed.Fault.Text() == "" {
				t.Errorf("the failed step tells too little: %+v", failed)
			}
			text, err := json.Marshal(test)
			if err != nil || strings.Contains(string(text), w.pass) || strings.Contains(string(text), "PRIVATE") {
				t.Errorf("a secret is told, or nothing: %v", err)
			}
		})
	}
	w.t = t
	if sub := w.get(honest.ID); sub.Refusal != nil || sub.Credentials.Status != pki.CredentialsUnknown {
		t.Errorf("tests of drafts have left something: %+v", sub)
	}
}

func TestConnectionOfNoSubscriptionYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	test, err := w.service.TestDraft(t.Context(), tenant, pki.Actor{}, w.draft())
	w.must(err)
	if test.Failed() != nil {
		t.Errorf("got %s", outcome(test))
	}
	_, err = w.service.TestDraft(t.Context(), tenant, pki.Actor{}, pki.Draft{ServiceURI: pki.Given("http://x")})
	if pki.CodeOf(err) != pki.CodeInvalid {
		t.Errorf("error is %v", err)
	}
}

func TestConnectionIsTestedOnceAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	w.must(err)
	ctx, stop := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		d := pki.ConnectionDraft{Draft: pki.Draft{ServiceURI: pki.Given("https://" + silent.Addr().String())}}
		_, err := w.service.TestConnection(ctx, tenant, pki.Actor{}, sub.ID, d)
		first <- err
	}()
	conn, err := silent.Accept() // it is under way
	w.must(err)
	_, err = w.service.TestConnection(t.Context(), tenant, pki.Actor{}, sub.ID, pki.ConnectionDraft{})
	if pki.CodeOf(err) != pki.CodeConflict {
		t.Errorf("the second test: %v", err)
	}
	stop()
	w.must(<-first)
	w.must(errors.Join(conn.Close(), silent.Close()))
}

// requests counts what the CA was asked.
func (w *world) requests() int {
	return w.ca.Calls("getPolicies") + w.ca.Calls("getStatus") + w.ca.Calls("searchCertificate")
}

// After a refusal nothing is sent, whoever asks, until the credentials change
// or a test proves them.
func TestRefusedCredentialsAreNotShownAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	sub := w.create(w.draft())
	w.misbehave("soap-not-authenticated")
	if run := w.syncOne(); run.Error != provider.CodeCredentialInvalid || run.Retry != provider.RetryCredentials {
		t.Fatalf("the run ended with %q, %q", run.Error, run.Retry)
	}
	refused := w.get(sub.ID)
	if refused.Refusal == nil || refused.Credentials.Status != pki.CredentialsRefused || !refused.NextSync.IsNever() || refused.SyncStatus != pki.SyncFailed {
		t.Fatalf("the refusal was not noted: %+v", refused)
	}
	w.now = w.now.Add(12 * time.Hour)
	if runs := w.syncDue(); len(runs) != 0 {
		t.Errorf("%d runs were due by themselves", len(runs))
	}
	before := w.requests()
	_, err := w.service.RequestSync(t.Context(), tenant, pki.Actor{}, sub.ID)
	w.must(err)
	run := w.syncOne()
	if run.Error != provider.CodeCredentialInvalid || !strings.Contains(run.Message, "nothing was sent") || !strings.Contains(run.Message, "testConnection") {
		t.Errorf("the run says %q: %s", run.Error, run.Message)
	}
	if !strings.Contains(run.Message, refused.Refusal.At.Format(time.DateOnly)) {
		t.Errorf("the date of the refusal is not told: %s", run.Message)
	}
	if got := w.requests(); got != before {
		t.Errorf("the CA got %d further requests", got-before)
	}

	t.Run("a test that fails keeps it so", func(t *testing.T) {
		if got := outcome(w.test(sub.ID, pki.ConnectionDraft{})); !strings.HasSuffix(got, "account!credential_invalid") {
			t.Errorf("got %s", got)
		}
		if w.get(sub.ID).Refusal == nil {
			t.Error("the refusal is forgotten")
		}
	})
	t.Run("a name does not change it", func(t *testing.T) {
		w.update(sub.ID, pki.Draft{DisplayName: pki.Given("renamed")})
		if w.get(sub.ID).Refusal == nil {
			t.Error("the refusal is forgotten")
		}
	})
	t.Run("a test that succeeds lifts it and starts a sync", func(t *testing.T) {
		w.ca.Misbehave(casim.Fault{})
		if test := w.test(sub.ID, pki.ConnectionDraft{}); test.Failed() != nil {
			t.Fatalf("got %s", outcome(test))
		}
		if s := w.get(sub.ID); s.Refusal != nil || s.Credentials.Status != pki.CredentialsAccepted {
			t.Errorf("the refusal stands: %+v", s.Refusal)
		}
		if run := w.syncOne(); run.Status != pki.RunSucceeded {
			t.Errorf("the run ended as %v: %s", run.Status, run.Message)
		}
	})
	t.Run("a change of the credentials lifts it", func(t *testing.T) {
		w.misbehave("soap-not-authenticated")
		_, err := w.service.RequestSync(t.Context(), tenant, pki.Actor{}, sub.ID)
		w.must(err)
		w.syncOne()
		w.ca.Misbehave(casim.Fault{})
		pfx, pass, err := w.ca.IssueRA("another", 96*time.Hour)
		w.must(err)
		w.update(sub.ID, pki.Draft{Credentials: pki.Given(pki.DraftCredentials{
			Certificate: pki.Given(secret.New(pfx)), CertificatePassword: pki.Given(secret.NewString(pass)),
		})})
		if run := w.syncOne(); run.Status != pki.RunSucceeded {
			t.Errorf("the run ended as %v: %s", run.Status, run.Message)
		}
	})
}

// Between long syncs the credentials are proved once a day by a run that does
// nothing else.
func TestCredentialsAreProvedDaily(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(2)
	d := w.draft()
	d.SyncSchedule = pki.Given(10 * 24 * time.Hour)
	d.Credentials = pki.Given(w.renewed(60 * 24 * time.Hour))
	sub := w.create(d)
	w.syncOne()
	synced := w.get(sub.ID)
	if synced.NextProbe.IsZero() || synced.NextProbe.After(w.now.Add(27*time.Hour)) {
		t.Fatalf("the next proof is at %v", synced.NextProbe)
	}
	if runs := w.syncDue(); len(runs) != 0 {
		t.Fatalf("%d runs were due at once", len(runs))
	}
	listed := w.ca.Calls("searchCertificate")
	w.now = synced.NextProbe
	run := w.syncOne()
	if run.Trigger != pki.TriggerProbe || run.Status != pki.RunSucceeded || len(run.Stages) != 1 {
		t.Fatalf("the run: %+v", run)
	}
	if got := w.ca.Calls("searchCertificate"); got != listed {
		t.Error("the proof has asked for the inventory")
	}
	proved := w.get(sub.ID)
	want := []any{synced.LastSync, synced.NextSync, pki.SyncSucceeded}
	if d := cmp.Diff(want, []any{proved.LastSync, proved.NextSync, proved.SyncStatus}); d != "" {
		t.Error(d)
	}
	if !proved.NextProbe.After(w.now) || proved.Credentials.Accepted.Time().Before(w.now) {
		t.Errorf("accepted at %v, next proof at %v", proved.Credentials.Accepted, proved.NextProbe)
	}
	w.now = proved.NextProbe
	w.misbehave("soap-disabled")
	if run := w.syncOne(); run.Trigger != pki.TriggerProbe || run.Status != pki.RunFailed {
		t.Fatalf("the run: %+v", run)
	}
	failed := w.get(sub.ID)
	if failed.SyncStatus != pki.SyncFailed || failed.LastSyncError == nil || failed.Credentials.Status == pki.CredentialsAccepted || !failed.NextProbe.IsZero() {
		t.Errorf("the refusal is not told at once: %+v %+v", failed, failed.Credentials)
	}
}

// A sync that is asked for while the credentials are proved is not lost.
func TestSyncBesideAProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startCA(1)
	d := w.draft()
	d.SyncSchedule = pki.Given(10 * 24 * time.Hour)
	d.Credentials = pki.Given(w.renewed(60 * 24 * time.Hour))
	sub := w.create(d)
	w.syncOne()
	w.now = w.get(sub.ID).NextProbe
	leases := w.takeDue()
	if len(leases) != 1 || leases[0].Run.Trigger != pki.TriggerProbe {
		t.Fatalf("leases: %+v", leases)
	}
	run, err := w.service.RequestSync(t.Context(), tenant, pki.Actor{}, sub.ID)
	w.must(err)
	if run.ID == leases[0].Run.ID {
		t.Error("the proof is to tell the outcome of a sync")
	}
	w.must(w.service.Sync(t.Context(), leases[0]))
	if got := w.syncOne(); got.ID != run.ID || got.Trigger != pki.TriggerManual || !slices.ContainsFunc(got.Stages, func(s pki.Stage) bool { return s.Name == pki.StageInventory }) {
		t.Errorf("the run: %+v", got)
	}
}
