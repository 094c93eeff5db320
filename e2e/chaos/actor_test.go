package chaos_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// issued is how many certificates a CA has when its story begins: three pages.
const issued = 70

// An actor is one CA with its subscription.
type actor struct {
	*world
	*story

	ca     *casim.CA
	server *casim.Server
	kind   kind
	id     pki.ID
	root   []byte // the trusted one after the first sync
	most   int64  // certificates that were stored at most
	last   pki.Run
}

// begin makes a CA of a kind, subscribes and syncs once.
func (w *world) begin(s *story, k kind) *actor {
	a := &actor{world: w, story: s, kind: k}
	var err error
	if a.ca, err = casim.New(casim.Options{PageSize: 25, Now: func() time.Time { return w.now }}); err != nil {
		a.blame("make a CA: %v", err)
		return a
	}
	if _, err = a.ca.Issue(issued); err != nil {
		a.blame("issue: %v", err)
		return a
	}
	if a.server, err = a.kind.start(w.ctx, a.ca); err != nil {
		a.blame("start a CA: %v", err)
		return a
	}
	draft, err := a.draft()
	if err != nil {
		a.blame("draft: %v", err)
		return a
	}
	sub, err := w.service.Create(w.ctx, tenant, pki.Actor{Client: "chaos"}, draft, nil)
	if err != nil {
		a.blame("subscribe: %v", err)
		return a
	}
	a.id = sub.ID
	a.sync()
	a.root = a.get().TrustedRoot
	if a.failed != 0 || len(a.root) == 0 {
		a.blame("the first sync, with an honest CA, failed: %v", text(a.get().LastSyncError))
	}
	return a
}

// draft subscribes to the CA, with fresh credentials.
func (a *actor) draft() (pki.Draft, error) {
	d, err := a.kind.draft(a.ca)
	d.ServiceURI, d.ServerCAs = pki.Given(a.server.URL), pki.Given(a.ca.ServerCAs())
	d.TrustPolicy = pki.Given(pki.TrustManual) // so that no fault may change the root
	return d, err
}

func (a *actor) end() {
	if a.id != "" {
		if err := a.service.Delete(a.ctx, tenant, pki.Actor{Client: "chaos"}, a.id, nil); err != nil {
			a.blame("delete: %v", err)
		}
	}
	if a.server != nil {
		_ = a.server.Close() // its faults are of the schedule's making
	}
}

// change lets the CA do what CAs do.
func (a *actor) change(r *rand.Rand) {
	serials := a.ca.Certificates()
	var err error
	what := r.IntN(4)
	if a.kind.final {
		what = r.IntN(2)
	}
	switch what {
	case 0:
		_, err = a.ca.Issue(1 + r.IntN(5))
	case 1:
		err = a.ca.Revoke(serials[r.IntN(len(serials))].Serial, "Superseded")
	case 2:
		err = a.ca.Suspend(serials[r.IntN(len(serials))].Serial)
	case 3:
		err = a.ca.Resume(serials[r.IntN(len(serials))].Serial)
	}
	if err != nil {
		a.blame("change at the CA: %v", err)
	}
}

// sync runs what is due a day later, and looks at what came of it.
func (a *actor) sync() {
	a.now = a.now.Add(25 * time.Hour)
	leases, err := a.store.TakeDue(a.ctx, "chaos", odata.FromTime(a.now), odata.FromTime(a.now.Add(time.Hour)), 10, pki.Bounds{PerTenant: 10, PerHost: 10})
	if err != nil {
		a.blame("take what is due: %v", err)
	}
	for _, l := range leases {
		if err := a.service.Sync(a.ctx, l); err != nil {
			a.blame("sync: %v", err)
			continue
		}
		run, err := a.service.Run(a.ctx, tenant, a.id, l.Run.ID)
		if err != nil {
			a.blame("read run: %v", err)
			continue
		}
		a.runs++
		a.last = run
		a.judge(run)
	}
}

// judge holds what must be true after each run.
func (a *actor) judge(run pki.Run) {
	sub := a.get()
	if failed := run.Status == pki.RunFailed; failed {
		a.failed++
		if !known(run.Error) || run.Message == "" || run.Retry == "" {
			a.blame("not classified: %s %q, retry %q", run.Error, run.Message, run.Retry)
		}
		if sub.SyncStatus != pki.SyncFailed || sub.LastSyncError == nil {
			a.blame("the run failed with %s, and the subscription says %v", run.Error, sub.SyncStatus)
		}
	} else if run.Status != pki.RunSucceeded || sub.SyncStatus != pki.SyncSucceeded {
		a.blame("the run ended as %v, and the subscription says %v", run.Status, sub.SyncStatus)
	}
	if c := run.Counts; c.Found != c.New+c.Changed+c.Unchanged+c.Skipped {
		a.blame("counts do not add up: %+v", c)
	}
	if a.root != nil && !bytes.Equal(sub.TrustedRoot, a.root) {
		a.blame("the trusted root changed")
	}
	n := a.stored("")
	if n < a.most {
		a.blame("%d certificates are stored, there were %d", n, a.most)
	}
	a.most = max(a.most, n)
	if gone := a.stored("missingSinceDateTime ne null"); gone > 10 {
		a.blame("%d certificates are called missing", gone)
	}
}

// known reports whether a failure has a code that says what is wrong with the
// CA, the way to it or the credentials: not with us.
func known(c provider.Code) bool {
	return slices.Contains([]provider.Code{
		provider.CodeDNS, provider.CodeConnect, provider.CodeTLSServer, provider.CodeTLSClientRejected, provider.CodeCredentialExpired,
		provider.CodeCredentialInvalid, provider.CodeAccountDisabled, provider.CodePermission, provider.CodeProfileUnknown,
		provider.CodeRateLimited, provider.CodeTimeout, provider.CodeUpstream5xx, provider.CodeUpstreamFault, provider.CodeProtocol,
		provider.CodeParse, provider.CodeIncompleteListing, provider.CodeTooManyRemovals, provider.CodeTrustChangePending,
		provider.CodeRootAmbiguous, provider.CodeRootInvalid, provider.CodeRetired, provider.CodeUnsupported,
	}, c)
}

// recover is what an admin does when the CA is well again: new credentials, so
// that one that was refused is tried again, and a look at the next syncs.
func (a *actor) recover() {
	draft, err := a.draft()
	if err != nil {
		a.blame("draft: %v", err)
		return
	}
	if _, err := a.service.Update(a.ctx, tenant, pki.Actor{Client: "chaos"}, a.id, draft, nil); err != nil {
		a.blame("update: %v", err)
	}
	a.now = a.now.Add(8 * 24 * time.Hour) // a full pass is due
	for range 4 {
		a.sync()
		if a.get().SyncStatus == pki.SyncSucceeded {
			return
		}
	}
	a.blame("with an honest CA and new credentials it still fails: %s", text(a.get().LastSyncError))
}

// compare holds the stored inventory against the CA's.
func (a *actor) compare() {
	stored := map[string]pki.Certificate{}
	for _, c := range a.certificates() {
		if other, twice := stored[c.Serial]; !twice || !other.Missing.IsNever() {
			stored[c.Serial] = c // a serial number that a fault put under another issuer is missing again
		}
	}
	for _, want := range a.ca.Certificates() {
		got, ok := stored[want.Serial]
		switch {
		case !ok:
			a.blame("certificate %s is lost", want.Serial)
		case !got.Missing.IsNever():
			a.blame("certificate %s is called missing", want.Serial)
		case got.Status != status(want.Status):
			a.blame("certificate %s is %v, at the CA %s", want.Serial, got.Status, want.Status)
		}
	}
}

func status(s string) pki.CertificateStatus {
	switch s {
	case "VALID":
		return pki.CertificateValid
	case "EXPIRED":
		return pki.CertificateExpired
	case "REVOKED":
		return pki.CertificateRevoked
	default:
		return pki.CertificateSuspended
	}
}

func (a *actor) get() pki.Subscription {
	sub, err := a.service.Get(a.ctx, tenant, a.id)
	if err != nil {
		a.blame("read subscription: %v", err)
	}
	return sub
}

// stored counts the certificates that match a filter; "" is all.
func (a *actor) stored(filter string) int64 {
	raw := "$count=true&$top=1"
	if filter != "" {
		raw += "&$filter=" + filter
	}
	return a.page(raw).Count
}

func (a *actor) certificates() []pki.Certificate { return a.page("$top=999").Items }

func (a *actor) page(raw string) pki.Page[pki.Certificate] {
	q, err := odata.ParseQuery(raw, pki.CertificateType())
	if err == nil {
		var p pki.Page[pki.Certificate]
		if p, err = a.service.Certificates(a.ctx, tenant, a.id, q); err == nil {
			return p
		}
	}
	a.blame("read certificates: %v", err)
	return pki.Page[pki.Certificate]{}
}

func text(s *string) string {
	if s == nil {
		return "nothing"
	}
	return fmt.Sprintf("%q", *s)
}
