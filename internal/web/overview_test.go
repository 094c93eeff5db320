package web

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// Each cause is told once, with why, by the words of the console.
func TestNeeds(t *testing.T) {
	root := func(state pki.TrustState, days int) pki.Authority {
		return pki.Authority{Kind: pki.AuthorityRoot, State: state, SubjectDN: "CN=R", NotAfter: odata.FromTime(noon.AddDate(0, 0, days))}
	}
	failed := &pki.Subscription{ID: "a", SyncStatus: pki.SyncFailed}
	pending := newRunFault("the CA offers 'CN=R'; compare it, then approveTrustChange or rejectTrustChange", provider.CodeTrustChangePending)
	for name, c := range map[string]struct {
		sub   *pki.Subscription
		roots []pki.Authority
		fault runFault
		want  []string
	}{
		"well":                {&pki.Subscription{ID: "a"}, []pki.Authority{root(pki.TrustTrusted, 31)}, runFault{}, nil},
		"a failed sync":       {failed, nil, newRunFault("the name does not resolve", provider.CodeDNS), []string{"bad: The last sync failed. The name does not resolve."}},
		"a root that waits":   {failed, []pki.Authority{root(pki.TrustQuarantined, 900)}, pending, []string{"bad: A root waits for a decision: CN=R"}},
		"waits, failed else":  {failed, []pki.Authority{root(pki.TrustQuarantined, 900)}, newRunFault("no", provider.CodeDNS), []string{"bad: A root waits for a decision: CN=R", "bad: The last sync failed. No."}},
		"back to an old root": {failed, []pki.Authority{root(pki.TrustRetiring, 900)}, pending, []string{"bad: The last sync failed. The CA offers 'CN=R'; compare it, then approve or reject it."}},
		"a root that ends":    {&pki.Subscription{ID: "a"}, []pki.Authority{root(pki.TrustTrusted, 29)}, runFault{}, []string{"warn: The trusted root expires on 2026-12-22."}},
		"a root that ended":   {&pki.Subscription{ID: "a"}, []pki.Authority{root(pki.TrustTrusted, -1)}, runFault{}, []string{"bad: The trusted root expired on 2026-11-22."}},
		"refused": {
			&pki.Subscription{ID: "a", SyncStatus: pki.SyncFailed, Refusal: &pki.Refusal{}}, nil, newRunFault("not authorized", provider.CodePermission),
			[]string{"bad: The CA refused the credentials, so nothing is sent to it. Not authorized."},
		},
	} {
		var got []string
		for _, n := range needsOf(c.sub, c.roots, c.fault, noon) {
			got = append(got, n.Class+": "+n.What)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A name that would look like another one is written out.
func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"CN=Gerät, Ωμέγα": "CN=Gerät, Ωμέγα", "a\nb": "a\nb", "می\u200cخواهم": "می\u200cخواهم",
		"CN=\u202egro.live\u202c": "CN=[U+202E]gro.live[U+202C]", "ad\u200bmin": "ad[U+200B]min", "x\u2066y": "x[U+2066]y", "a\x1bb": "a[U+001B]b",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := clip("\u202e"+strings.Repeat("x", 90), 20); got != "[U+202E]xxxxxxxxxxxx…" {
		t.Errorf("clipped: %q", got)
	}
}

// An event leads to the page of what it is about, where that has one.
func TestPathOfObject(t *testing.T) {
	if got := pathOfObject(&pki.AuditEvent{Activity: "TestConnection CloudPkiSubscription"}); got != "" {
		t.Errorf("of nothing: %q", got)
	}
	for activity, want := range map[string]string{
		"Create CloudPkiSubscription": "/console/subscriptions/x", "Publish TrustBundle": "/console/bundles/x", "Create EstEndpoint": "",
	} {
		if got := pathOfObject(&pki.AuditEvent{Activity: activity, Object: "x"}); got != want {
			t.Errorf("%s: %q, want %q", activity, got, want)
		}
	}
}
