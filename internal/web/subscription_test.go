package web_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

const alpha = "/console/subscriptions/alpha"

// looksAgain is how a page without script is loaded again.
const looksAgain = `<noscript><meta http-equiv="refresh" content="3"></noscript>`

// lease plays a worker that takes up the run that is due.
func (w *world) lease() pki.Lease {
	w.t.Helper()
	leases, err := w.store.TakeDue(w.t.Context(), "worker", odata.FromTime(w.Now()), odata.FromTime(w.Now().Add(time.Hour)), 1, pki.Bounds{PerTenant: 1})
	must(w.t, err)
	if len(leases) != 1 {
		w.t.Fatalf("%d leases", len(leases))
	}
	return leases[0]
}

// fail ends a run as failed.
func (w *world) fail(l pki.Lease) {
	w.t.Helper()
	now := odata.FromTime(w.Now())
	l.Run.Status, l.Run.Ended, l.Run.Error, l.Run.Message = pki.RunFailed, now, provider.CodeDNS, "The name does not resolve "+hostile
	must(w.t, w.store.FinishRun(w.t.Context(), l, l.Run, func(s *pki.Subscription) pki.Effects {
		s.SyncStatus, s.LastSync = pki.SyncFailed, now
		return pki.Effects{}
	}))
}

// A failed sync is told in plain words with the page of the manual, a sync can
// be asked for and watched, and the watching ended.
func TestSync(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	w.fail(w.lease())
	b := w.browser()
	home := b.enter("admin", tenantA)
	if !strings.Contains(home.body, "The last sync failed.") || !strings.Contains(home.body, ">Failing<") {
		t.Errorf("overview:\n%s", home.body)
	}
	p := b.get(alpha)
	p.check(t)
	if !strings.Contains(p.body, "The name does not resolve") || !strings.Contains(p.body, `href="/docs/errors/dns"`) {
		t.Errorf("no fault and remedy:\n%s", p.body)
	}
	w.move(time.Minute)
	asked := b.do(http.MethodPost, alpha+"/sync", url.Values{"form_token": {p.field(t, "form_token")}})
	asked.check(t)
	if asked.Request.URL.String() != w.origin+alpha+"?watch=1" || !strings.Contains(asked.body, looksAgain) || !strings.Contains(asked.body, "Stop looking") {
		t.Errorf("watching: %s %v\n%s", asked.Request.URL, asked.Header, asked.body)
	}
	if still := b.get(alpha); strings.Contains(still.body, looksAgain) || strings.Contains(still.body, "hx-get") || !strings.Contains(still.body, "Watch it") || strings.Contains(still.body, "Sync now") {
		t.Errorf("not watching:\n%s", still.body)
	}
	w.fail(w.lease())
	if over := b.get(alpha + "?watch=1"); strings.Contains(over.body, looksAgain) || !strings.Contains(over.body, "Sync now") {
		t.Errorf("after the end:\n%s", over.body)
	}
}

// A root that waits is shown beside the trusted one, and approved or rejected
// by who may write; the audit trail tells who it was.
func TestTrustDecision(t *testing.T) {
	for decision, want := range map[string]pki.TrustState{"approve": pki.TrustTrusted, "reject": pki.TrustRemoved} {
		t.Run(decision, func(t *testing.T) {
			w := newWorld(t)
			w.subscribe("alpha")
			root := w.quarantine("alpha")
			b := w.browser()
			b.enter("admin", tenantA)
			p := b.get(alpha)
			p.check(t)
			if !strings.Contains(p.body, string(root)) || !strings.Contains(p.body, "ECDSA, P-256") {
				t.Fatalf("the page does not show the root:\n%s", p.body)
			}
			form := url.Values{"form_token": {p.field(t, "form_token")}, "thumbprint": {p.field(t, "thumbprint")}, "comment": {"by telephone"}, "decision": {decision}}
			if done := b.do(http.MethodPost, alpha+"/trust", form); done.StatusCode != http.StatusOK || strings.Contains(done.body, "waits for a decision") {
				t.Errorf("%s\n%s", done.Status, done.body)
			}
			got, err := w.service.Authority(t.Context(), tenantA, "alpha", root)
			must(t, err)
			if got.State != want || !strings.Contains(got.StateReason, "by telephone") || !strings.HasPrefix(got.DecidedBy, "admin") {
				t.Errorf("root %+v", got)
			}
		})
	}
}

// Who may read sees no form and can send none; other tenants find nothing.
func TestPermissions(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	root := w.quarantine("alpha")
	reader, other := w.browser(), w.browser()
	token := reader.enter("reader", tenantA).field(t, "form_token")
	if p := reader.get(alpha); p.StatusCode != http.StatusOK || strings.Contains(p.body, "Sync now") || strings.Contains(p.body, `value="approve"`) {
		t.Errorf("the reader's page: %s\n%s", p.Status, p.body)
	}
	foreign := other.enter("other", tenantB).field(t, "form_token")
	for path, form := range map[string]url.Values{
		"/sync":  {},
		"/trust": {"thumbprint": {string(root)}, "decision": {"approve"}},
	} {
		form.Set("form_token", token)
		if p := reader.do(http.MethodPost, alpha+path, form); p.StatusCode != http.StatusForbidden || !strings.Contains(p.body, "ReadWrite") {
			t.Errorf("reader %s: %s", path, p.Status)
		}
		form.Set("form_token", foreign)
		if p := other.do(http.MethodPost, alpha+path, form); p.StatusCode != http.StatusNotFound {
			t.Errorf("another tenant %s: %s", path, p.Status)
		}
	}
	p := other.get(alpha)
	p.check(t)
	if p.StatusCode != http.StatusNotFound {
		t.Errorf("another tenant: %s", p.Status)
	}
}

// A form that is not as the page has made it says what is wrong and changes nothing.
func TestDecisionRefused(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	root := string(w.quarantine("alpha"))
	b := w.browser()
	token := b.enter("admin", tenantA).field(t, "form_token")
	for name, c := range map[string]struct {
		form   url.Values
		status int
	}{
		"no root":      {url.Values{"decision": {"approve"}}, http.StatusBadRequest},
		"no decision":  {url.Values{"thumbprint": {root}}, http.StatusBadRequest},
		"no such root": {url.Values{"thumbprint": {strings.Repeat("ab", 32)}, "decision": {"approve"}}, http.StatusNotFound},
		"no root name": {url.Values{"thumbprint": {"ab"}, "decision": {"approve"}}, http.StatusBadRequest},
		"too long":     {url.Values{"comment": {strings.Repeat("x", 70<<10)}}, http.StatusBadRequest},
	} {
		c.form.Set("form_token", token)
		p := b.do(http.MethodPost, alpha+"/trust", c.form)
		if p.StatusCode != c.status {
			t.Errorf("%s: %s", name, p.Status)
		}
		p.check(t)
	}
}

// Issuers stand below what has issued them, each once, whatever a CA makes of
// their names; the page of a subscription with many stays small.
func TestTree(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	l := w.lease()
	now := odata.FromTime(w.Now())
	var list []pki.Authority
	add := func(kind pki.AuthorityKind, subject, issuer string) {
		id := pki.ID(pki.Thumbprint(fmt.Appendf(nil, "%d", len(list))))
		list = append(list, pki.Authority{
			ID: id, Kind: kind, SubjectDN: "CN=" + subject, IssuerDN: "CN=" + issuer, DER: []byte("x"), Serial: "1",
			NotBefore: now, NotAfter: now, FirstSeen: now, LastSeen: now, StateChanged: odata.Never(), Retire: odata.Never(),
		})
	}
	add(pki.AuthorityRoot, "root", "root")
	add(pki.AuthorityIssuing, "issuing", "middle")
	add(pki.AuthorityIntermediate, "middle", "root")
	for i := range 9 {
		for j := range 9 {
			add(pki.AuthorityIntermediate, fmt.Sprint("loop", i), fmt.Sprint("loop", j))
		}
	}
	must(t, w.store.SaveAuthorities(t.Context(), l, list, nil))
	b := w.browser()
	b.enter("admin", tenantA)
	p := b.get(alpha)
	p.check(t)
	root, middle, issuing := strings.Index(p.body, "<strong>CN=root<"), strings.Index(p.body, "<strong>CN=middle<"), strings.Index(p.body, "<strong>CN=issuing<")
	if root < 0 || middle < root || issuing < middle {
		t.Errorf("the order is %d, %d, %d", root, middle, issuing)
	}
	if n := strings.Count(p.body, "<strong>CN=loop"); n != 81 {
		t.Errorf("%d of 81 shown", n)
	}
}

// Where a CA has refused the credentials, its page offers what helps: a sync
// would end before anything is sent.
func TestRefusal(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	l := w.lease()
	l.Run.Status, l.Run.Ended, l.Run.Error, l.Run.Message = pki.RunFailed, odata.FromTime(w.Now()), provider.CodePermission, "not authorized"
	must(t, w.store.FinishRun(t.Context(), l, l.Run, func(s *pki.Subscription) pki.Effects {
		s.SyncStatus, s.Refusal = pki.SyncFailed, &pki.Refusal{At: w.Now(), Code: provider.CodePermission, Msg: "not authorized"}
		return pki.Effects{}
	}))
	b := w.browser()
	if home := b.enter("admin", tenantA); !strings.Contains(home.body, "The CA refused the credentials, so nothing is sent to it. Not authorized.") {
		t.Errorf("overview:\n%s", home.body)
	}
	p := b.get(alpha)
	p.check(t)
	if strings.Contains(p.body, "Sync now") || strings.Count(p.body, `value="test"`) != 2 || !strings.Contains(p.body, `<p role="alert">Not authorized. <a href="/docs/errors/permission">`) {
		t.Errorf("page:\n%s", p.body)
	}
}

// A root whose name is long, or turns the direction of the text, is shown for
// what it is on each page, and the pages stay small.
func TestDeceivingRoot(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	w.offer("alpha", "\u202eAC gnisI\u202c"+strings.Repeat("x", 60<<10))
	b := w.browser()
	b.enter("admin", tenantA)
	for _, path := range []string{"/", alpha} {
		p := b.get(path)
		p.check(t)
		if strings.Contains(p.body, "\u202e") || !strings.Contains(html.UnescapeString(p.body), "[U+202E]AC gnisI[U+202C]xxx") {
			t.Errorf("%s:\n%.2000s", path, p.body)
		}
	}
}
