package chaos_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// issued is how many certificates a CA has when its story begins: three pages.
const issued = 70

const day = 24 * time.Hour

// An actor is one CA with its subscription.
type actor struct {
	*world
	*story

	ca      *casim.CA
	server  *casim.Server
	kind    kind
	id      pki.ID
	root    *x509.Certificate // the trusted one after the first sync, or what an admin approved
	most    int64             // certificates that were stored at most
	last    pki.Run
	secrets []string // must be told nowhere
	patient bool     // a call that hangs is waited for

	mu    sync.Mutex
	calls int                       // that the CA has met since plan
	at    int                       // the call at which do is done
	do    func()                    // what happens while the CA is called; nil nothing
	cuts  []context.CancelCauseFunc // of what is under way
	doing sync.WaitGroup            // for do, which the run at work need not wait for
}

// begin makes a CA of a kind, subscribes and syncs once.
func (w *world) begin(s *story, k kind) *actor {
	a := &actor{world: w, story: s, kind: k}
	var err error
	if a.ca, err = casim.New(casim.Options{PageSize: 25, Now: w.now, Met: a.met}); err != nil {
		a.blame("make a CA: %v", err)
		return a
	}
	if _, err = a.ca.Issue(issued); err != nil {
		a.blame("issue: %v", err)
		return a
	}
	if k.lists { // else there is nothing to be told of
		for _, c := range a.ca.Certificates() {
			a.must("revoke", a.ca.Revoke(c.Serial, "Superseded"))
		}
	}
	if a.server, err = a.kind.start(w.ctx, a.ca); err != nil {
		a.blame("start a CA: %v", err)
		return a
	}
	draft := a.draft()
	draft.Provider, draft.ServiceURI, draft.ServerCAs = pki.Given(k.provider), pki.Given(a.server.URL), pki.Given(a.ca.ServerCAs())
	if s.manual {
		draft.TrustPolicy = pki.Given(pki.TrustManual)
	}
	sub, err := w.service.Create(w.ctx, tenant, admin(), draft, nil)
	if err != nil {
		a.blame("subscribe: %v", err)
		return a
	}
	a.id = sub.ID
	a.sync(w.service)
	if a.root, err = x509.ParseCertificate(a.get().TrustedRoot); err != nil || a.failed != 0 {
		a.blame("the first sync, with an honest CA, failed: %s, %v", text(a.get().LastSyncError), err)
	}
	return a
}

func admin() pki.Actor { return pki.Actor{Client: "chaos"} }

// draft has fresh credentials.
func (a *actor) draft() pki.Draft {
	var d pki.Draft
	a.must("draft", a.kind.login(a.ca, a.server, &d))
	c := d.Credentials.Value
	if c != (pki.DraftCredentials{}) {
		d.Credentials.State = odata.Present
	}
	for _, s := range []secret.Text{c.Password.Value, c.CertificatePassword.Value, c.Certificate.Value} {
		if plain := s.Reveal(); len(plain) > 0 {
			a.secrets = append(a.secrets, string(plain), base64.StdEncoding.EncodeToString(plain))
		}
	}
	return d
}

// end lets go of the CA; what is left of it is read for secrets.
func (a *actor) end() {
	if a.id != "" {
		a.keepsSecrets()
		a.must("delete", a.service.Delete(a.ctx, tenant, admin(), a.id, nil))
	}
	if a.server != nil {
		_ = a.server.Close() // its faults are of the schedule's making
	}
}

// met hears of each call that the CA gets.
func (a *actor) met(fault string) {
	a.mu.Lock()
	a.calls++
	var do func()
	if a.calls == a.at {
		do, a.do = a.do, nil
	}
	if do != nil {
		a.doing.Add(1)
		defer a.doing.Done()
	}
	hung := hangs(fault) && !a.patient
	cuts := a.cuts
	a.mu.Unlock()
	if do != nil {
		do()
	}
	if hung {
		for _, cut := range cuts {
			cut(pki.ErrStalled) // as the syncer does, which counts the minutes
		}
	}
}

// plan has something happen at the n-th call from now on.
func (a *actor) plan(n int, do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls, a.at, a.do = 0, n, do
}

// under does something that is cut where the CA hangs.
func (a *actor) under(do func(context.Context) error) error {
	ctx, cut := context.WithCancelCause(a.ctx)
	a.mu.Lock()
	a.cuts = append(a.cuts, cut)
	a.mu.Unlock()
	err := do(ctx)
	a.mu.Lock()
	a.cuts = a.cuts[:len(a.cuts)-1]
	a.mu.Unlock()
	cut(nil)
	return err
}

// errKilled is the end of a process that had no time to say anything.
var errKilled = errors.New("killed")

// kill ends what is under way.
func (a *actor) kill() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, cut := range a.cuts {
		cut(errKilled)
	}
}

// sync runs what is due, whoever it was that began it.
func (a *actor) sync(service *pki.Service) {
	killed := false
	for range 3 { // a run that is killed is taken up by another process
		leases, err := a.take()
		for killed && err == nil && len(leases) == 0 { // PostgreSQL has not yet noticed the death of who holds the row
			time.Sleep(time.Millisecond)
			leases, err = a.take()
		}
		a.must("take what is due", err)
		killed = false
		for _, l := range leases {
			err := a.under(func(ctx context.Context) error { return service.Sync(ctx, l) })
			a.plan(0, nil)
			a.doing.Wait()
			switch {
			case err == nil:
				a.read(l.Run.ID)
			case errors.Is(err, context.Canceled):
				a.kills++
				killed = true
			case pki.CodeOf(err) == pki.CodeLeaseLost && a.usurped:
			default:
				a.blame("sync: %v", err)
			}
		}
		if !killed {
			break
		}
		a.pass(2 * time.Hour) // the lease has run out
	}
	a.usurped = false
	for _, r := range list(a, pki.RunType(), a.service.Runs) {
		if r.Status == pki.RunRunning {
			a.blame("attempt %d of a run is left running: %+v", r.Attempt, r.Stages)
		}
	}
}

// take takes the lease of what is due, as a process of its own.
func (a *actor) take() ([]pki.Lease, error) {
	a.processes++
	now := a.now()
	return a.store.TakeDue(a.ctx, fmt.Sprintf("process %d", a.processes), odata.FromTime(now), odata.FromTime(now.Add(time.Hour)), 10, pki.Bounds{PerTenant: 10, PerHost: 10})
}

// usurp is what another process does that takes a slow one for dead: it takes
// the lease and syncs, while the slow one still waits for its CA.
func (a *actor) usurp() {
	a.pass(2 * time.Hour)
	leases, err := a.take()
	a.must("take what is due", err)
	for _, l := range leases {
		a.usurped = true
		a.must("sync in another's place", a.under(func(ctx context.Context) error { return a.service.Sync(ctx, l) }))
		a.read(l.Run.ID)
	}
}

// read looks at what came of a run.
func (a *actor) read(id pki.ID) {
	run, err := a.service.Run(a.ctx, tenant, a.id, id)
	a.must("read run", err)
	a.runs++
	a.last = run
	a.tell(run)
	a.judge(run)
}

func (a *actor) must(what string, err error) {
	if err != nil {
		a.blame("%s: %v", what, err)
	}
}

func (a *actor) get() pki.Subscription {
	sub, err := a.service.Get(a.ctx, tenant, a.id)
	a.must("read subscription", err)
	return sub
}

func text(s *string) string {
	if s == nil {
		return "nothing"
	}
	return fmt.Sprintf("%q", *s)
}
