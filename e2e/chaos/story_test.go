package chaos_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// A story is one schedule and what came of it.
type story struct {
	kind   string
	plan   casim.Schedule
	manual bool // an admin approves every root
	tame   bool // nothing happens that is a race between processes

	runs, failed, kills int
	processes           int
	usurped             bool     // another process has taken the lease of the one at work
	lines               []string // a line for each run
	wrong               []string // what must not be
}

func (s *story) blame(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// reader reads a page of what belongs to a subscription.
type reader[T any] func(context.Context, pki.TenantID, pki.ID, odata.Query) (pki.Page[T], error)

// play runs one schedule: syncs while the CA misbehaves, issues and revokes,
// processes die and admins interfere, and then syncs with an honest CA until all
// is as it should be.
func (w *world) play(seed uint64, k kind, tame bool) *story {
	r := rand.New(rand.NewPCG(seed, 1))
	names := k.faults()
	if tame {
		names = slices.DeleteFunc(names, hangs)
	}
	s := &story{kind: k.name, tame: tame, plan: casim.RandomSchedule(seed, 4+r.IntN(4), names), manual: r.IntN(2) == 0}
	a := w.begin(s, k)
	defer a.end()
	if len(s.wrong) > 0 {
		return s
	}
	a.ca.Follow(s.plan)
	for range 6 {
		a.change(r)
		a.interfere(r)
		a.meanwhile(r)
		a.pass(25 * time.Hour)
		a.sync(w.service)
	}
	a.plan(0, nil)
	a.ca.Misbehave(casim.Fault{})
	a.recover()
	a.compare()
	return s
}

// change lets the CA do what CAs do.
func (a *actor) change(r *rand.Rand) {
	serials := a.ca.Certificates()
	one := serials[r.IntN(len(serials))].Serial
	what := r.IntN(4)
	if a.kind.final {
		what = r.IntN(2)
	}
	switch what {
	case 0:
		_, err := a.ca.Issue(1 + r.IntN(5))
		a.must("issue", err)
	case 1:
		a.must("revoke", a.ca.Revoke(one, "Superseded"))
	case 2:
		a.must("suspend", a.ca.Suspend(one))
	case 3:
		a.must("resume", a.ca.Resume(one))
	}
}

// meanwhile has something happen in the middle of the next run.
func (a *actor) meanwhile(r *rand.Rand) {
	at, what, seed := 1+r.IntN(8), r.IntN(4), r.Uint64()
	switch {
	case what == 0 && !a.tame:
		a.plan(at, a.kill)
	case what == 1 && !a.tame:
		a.plan(at, a.usurp)
	case what == 2 && !a.tame:
		a.plan(at, func() { a.change(rand.New(rand.NewPCG(seed, 2))) })
	default:
		a.plan(0, nil)
	}
}

// interfere is what an admin does, whatever the CA is up to.
func (a *actor) interfere(r *rand.Rand) {
	switch r.IntN(7) {
	case 0:
		_, err := a.service.Update(a.ctx, tenant, admin(), a.id, pki.Draft{Description: pki.Given("changed")}, nil)
		a.must("update", err)
	case 1:
		_, err := a.service.RequestSync(a.ctx, tenant, admin(), a.id)
		a.must("request a sync", err)
	case 2:
		_, err := a.service.RequestPreview(a.ctx, tenant, admin(), a.id)
		a.must("request a preview", err)
		a.sync(a.service)
	case 3:
		a.rotate()
	case 4:
		a.decide(a.service.ApproveTrustChange)
	case 5:
		a.decide(a.service.RejectTrustChange)
	}
}

// rotate stages fresh credentials and promotes them, proven or not.
func (a *actor) rotate() {
	d := a.draft()
	if !d.Credentials.IsGiven() {
		return // the CA wants none
	}
	err := a.under(func(ctx context.Context) error {
		_, err := a.service.StageCredentials(ctx, tenant, admin(), a.id, d.Credentials.Value)
		return err
	})
	if errors.Is(err, context.Canceled) {
		return // the CA hangs; nobody waits for it
	}
	a.must("stage", err)
	a.must("promote", a.service.PromoteCredentials(a.ctx, tenant, admin(), a.id, true, nil))
}

// decide approves or rejects what is quarantined, one after the other. What is
// approved is to be trusted from then on; a root that has expired cannot be.
func (a *actor) decide(by func(context.Context, pki.TenantID, pki.Actor, pki.ID, pki.TrustDecision, pki.Condition) (pki.Subscription, error)) {
	for _, c := range list(a, pki.AuthorityType(), a.service.Authorities) {
		if c.State != pki.TrustQuarantined {
			continue
		}
		sub, err := by(a.ctx, tenant, admin(), a.id, pki.TrustDecision{Thumbprint: string(c.ID)}, nil)
		if pki.CodeOf(err) == pki.CodeConflict {
			continue
		}
		a.must("decide on a root", err)
		a.trusts(sub)
		return
	}
}

// trusts takes the root of a subscription for the one that is wanted.
func (a *actor) trusts(sub pki.Subscription) {
	root, err := x509.ParseCertificate(sub.TrustedRoot)
	a.must("read the trusted root", err)
	a.root = root
}

// recover is what an admin does when the CA is well again: new credentials, or
// where they are as before a test, so that those that were refused are tried
// again; its own root approved where another
// had been, and a look at the next syncs.
func (a *actor) recover() {
	draft := a.draft()
	_, err := a.service.Update(a.ctx, tenant, admin(), a.id, draft, nil)
	a.must("update", err)
	if !draft.Credentials.Value.Certificate.IsGiven() {
		_, err = a.service.TestConnection(a.ctx, tenant, admin(), a.id, pki.ConnectionDraft{})
		a.must("test the connection", err)
	}
	a.pass(8 * day) // a full pass is due
	for range 4 {
		a.pass(25 * time.Hour)
		a.sync(a.service)
		sub := a.get()
		if sub.SyncStatus == pki.SyncSucceeded {
			return
		}
		if a.last.Error == provider.CodeTrustChangePending || a.last.Error == provider.CodeRootInvalid {
			sub, err := a.service.ApproveTrustChange(a.ctx, tenant, admin(), a.id, pki.TrustDecision{Thumbprint: pki.Thumbprint(a.ca.Root().Raw)}, nil)
			a.must("approve the CA's own root", err)
			a.trusts(sub)
		}
	}
	a.blame("with an honest CA and new credentials it still fails: %s", text(a.get().LastSyncError))
}
