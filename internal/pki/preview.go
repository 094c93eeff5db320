package pki

import (
	"context"
	"fmt"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// RequestPreview asks for a dry run: one that goes through all stages, changes
// nothing, and tells what a sync would do. It returns the run that will tell the
// outcome: a new one, or the one that is queued already. CodeNotFound, or
// CodeNotSyncable for a provider that is never synced.
func (s *Service) RequestPreview(ctx context.Context, t TenantID, a Actor, id ID) (Run, error) {
	return s.requestRun(ctx, t, a, id, ActivityPreview, true)
}

// finishPreview writes the outcome of a dry run. Of the subscription it puts
// back when the next sync is due.
func (a *attempt) finishPreview(ctx context.Context, fault *provider.Error) error {
	now := a.stamp()
	a.endRun(fault, now)
	return a.store.FinishRun(ctx, a.lease, a.run, func(sub *Subscription) Effects {
		sub.NextSync = a.run.NextTry
		if sub.Provider == ProviderUnknown || sub.IsPaused() {
			sub.NextSync = odata.Never()
		}
		return Effects{}
	})
}

// previewTrust tells what decide, which is given to SaveAuthorities in a sync,
// would do to the roots that are known or were met.
func (a *attempt) previewTrust(ctx context.Context, met []Authority, decide func(*Subscription, []Authority) (Effects, error)) error {
	sub, known, err := a.store.Trust(ctx, a.lease.Tenant, a.lease.Subscription)
	if err != nil {
		return err
	}
	before := make(map[ID]TrustState, len(known))
	var roots []Authority
	for _, authority := range known {
		if authority.Kind == AuthorityRoot {
			before[authority.ID] = authority.State
			roots = append(roots, authority)
		}
	}
	for _, authority := range met {
		if _, ok := before[authority.ID]; !ok && authority.Kind == AuthorityRoot {
			before[authority.ID] = TrustDiscovered
			roots = append(roots, authority)
		}
	}
	effects, err := decide(&sub, roots)
	if err != nil {
		return err
	}
	states := TrustStateEnum()
	var told []string
	for _, root := range effects.Roots {
		if state, ok := before[root.ID]; !ok || state != root.State {
			told = append(told, fmt.Sprintf("%s (%s): %s", root.SubjectDN, root.ID, states.NameOf(int64(root.State))))
		}
	}
	a.run.TrustChange = printable(strings.Join(told, "; "))
	return nil
}
