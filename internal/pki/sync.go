package pki

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// maxAttempts bounds how often an interrupted run is resumed: what interrupts
// it may be the run itself.
const maxAttempts = 10

// Sync runs the leased run to its end: it logs in to the CA, fetches roots,
// chains, inventory and revocations, and reports the outcome. Whatever the CA
// does ends up in the run and the subscription; the error is only for what
// could not be written down, or CodeLeaseLost. When ctx is cancelled the run is
// left for another worker to resume, and ctx's error is returned.
func (s *Service) Sync(ctx context.Context, l Lease) error {
	begun := s.now()
	sub, err := s.store.Subscription(ctx, l.Tenant, l.Subscription)
	if err != nil {
		return err
	}
	a := &attempt{Service: s, lease: l, run: l.Run, sub: sub, seen: Seen{}}
	if a.run.DryRun {
		a.run.Stages, a.run.Counts, a.run.TrustChange = nil, Counts{}, "" // of an interrupted attempt, which left nothing
	}
	fault, ended := stopped(ctx, a.outcome(ctx))
	if ended {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(context.WithoutCancel(ctx), longestFarewell)
		defer stop()
	}
	if ctx.Err() != nil {
		return ctx.Err() // stopping: the run is resumed by whoever takes the lease next
	}
	if err := a.finish(ctx, fault); err != nil {
		return err
	}
	outcome := SyncOutcome{Provider: sub.Provider, Probe: l.Run.Trigger == TriggerProbe, Duration: s.now().Sub(begun)}
	if fault != nil {
		outcome.Code = fault.Code
	}
	if !a.run.DryRun {
		s.observe(outcome)
	}
	a.logOutcome(fault, outcome.Duration)
	return nil
}

// outcome performs the run within its time and says how it went.
func (a *attempt) outcome(ctx context.Context) *provider.Error {
	if a.run.Attempt > maxAttempts {
		return &provider.Error{Code: provider.CodeInternal, Msg: fmt.Sprintf("the run was interrupted %d times and is given up", a.run.Attempt-1)}
	}
	limited, stop := context.WithTimeoutCause(ctx, a.schedule.RunTimeout, errRunTimeout)
	defer stop()
	failure := a.perform(limited)
	if failure != nil && errors.Is(context.Cause(limited), errRunTimeout) {
		// Whatever call it was that ended by it: the CA is not to blame.
		return &provider.Error{
			Code: provider.CodeTimeout, Err: failure,
			Msg: fmt.Sprintf("the run took longer than %s (sync.run_timeout) and was ended; what it had stored is kept", a.schedule.RunTimeout),
		}
	}
	return asError(failure)
}

// errRunTimeout is the cause of the context of a run that took too long.
var errRunTimeout = errors.New("the run took longer than it may")

// An attempt is one worker's work on a run.
type attempt struct {
	*Service

	lease Lease
	run   Run
	sub   Subscription

	offered  []ID // the roots that the CA offers
	asked    bool // the CA was shown the credentials
	accepted bool // the CA accepted them
	probe    provider.Probe
	hint     time.Duration // the CA's own wish for the next sync; 0 for none

	begun     bool      // following was read
	following Following // how the inventory is followed, as the run has come
	listed    bool      // the listing was gone through to its end, and what it lacks was marked
	seen      Seen      // of a dry run: what its listing has met

	hasCRLs  bool                   // the revocation lists were asked for before the inventory
	crls     []*x509.RevocationList // sorted by serial number where hasCRLs
	crlFault error                  // why there are none
}

// perform goes through the stages. An error that is not a *provider.Error is a
// fault of ours.
func (a *attempt) perform(ctx context.Context) (failure error) {
	defer func() {
		// A record that upsets a parser must cost its own run, not the process.
		if fault := recover(); fault != nil {
			failure = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	a.dropUnfinishedStage()
	session, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }() // nothing is to be lost by it
	if a.run.Trigger == TriggerProbe {
		return nil
	}
	trust, err := a.authorities(ctx, session)
	if err != nil {
		return err
	}
	if err := a.inventory(ctx, session); err != nil {
		return err
	}
	if err := a.revocations(ctx, session); err != nil {
		return err
	}
	if err := a.removeRetired(ctx); err != nil {
		return err
	}
	// A pending trust change does not keep the inventory from being followed,
	// but it is what an admin must hear of.
	return trust
}

func (a *attempt) connect(ctx context.Context) (provider.Session, error) {
	if err := a.enter(ctx, StageConnect); err != nil {
		return nil, err
	}
	kind, ok := a.catalog.Kind(a.sub.Provider)
	if !ok {
		return nil, unsupportedProvider(a.sub.Provider)
	}
	config, err := a.config(ctx, kind)
	if err != nil {
		return nil, err
	}
	if err := checkSettingNames(kind, a.sub.Settings); err != nil {
		return nil, err
	}
	if problems := kind.Validate(config); len(problems) > 0 {
		return nil, problems[0].Fault() // the others are told when this one is mended
	}
	if err := checkTrustedRoot(a.sub.TrustedRoot); err != nil {
		return nil, err
	}
	if err := a.sub.refused(); err != nil {
		return nil, err
	}
	a.asked = true
	session, err := kind.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	if a.probe, err = session.Probe(ctx); err != nil {
		return nil, errors.Join(err, session.Close())
	}
	a.accepted, a.hint = true, a.probe.NextSync
	return session, nil
}

func unsupportedProvider(name string) *provider.Error {
	return &provider.Error{
		Code: provider.CodeUnsupported,
		Msg:  "this version cannot sync the provider '" + name + "'; choose another cloudPkiProvider or update the service",
	}
}

// checkSettingNames refuses a setting that the kind does not know: a slip of
// the pen in the name of one that narrows a subscription would widen it.
func checkSettingNames(kind provider.Kind, settings []Setting) error {
	names := make([]string, len(kind.Settings))
	for i, s := range kind.Settings {
		names[i] = s.Name
	}
	for _, s := range settings {
		if !slices.Contains(names, s.Name) {
			return &provider.Error{
				Code: provider.CodeUnsupported,
				Msg:  fmt.Sprintf("providerSettings: the provider %s has no setting '%s'; it has: %s", kind.Name, s.Name, strings.Join(names, ", ")),
			}
		}
	}
	return nil
}

func (a *attempt) config(ctx context.Context, kind provider.Kind) (provider.Config, error) {
	credentials, err := a.unseal(ctx, &a.sub)
	if err != nil {
		return provider.Config{}, err
	}
	config := a.configOf(&a.sub, kind, credentials)
	config.Transport = a.transportOf(&a.sub)
	return config, nil
}

// configOf is what a session of sub is made from.
func (s *Service) configOf(sub *Subscription, kind provider.Kind, c provider.Credentials) provider.Config {
	settings := make(map[string]string, len(sub.Settings))
	for _, set := range sub.Settings {
		settings[set.Name] = set.Value
	}
	uri := kind.DefaultURI
	if sub.ServiceURI != nil {
		uri = *sub.ServiceURI
	}
	return provider.Config{
		ServiceURI: uri, Settings: settings, ServerCAs: sub.ServerCAs, Credentials: c, Transport: s.transport, Now: s.now,
	}
}

// authorities stores what the CA says it issues with and decides on the root.
// Its first result is a trust decision that is pending; the run goes on.
func (a *attempt) authorities(ctx context.Context, session provider.Session) (pending, err error) {
	if err := a.enter(ctx, StageAuthorities); err != nil {
		return nil, err
	}
	source, ok := session.(provider.RootSource)
	if !ok {
		return nil, nil
	}
	found, err := source.Authorities(ctx)
	if err != nil {
		return nil, err
	}
	a.run.RequestID = found.TxID
	if found.NextSync > 0 {
		a.hint = found.NextSync
	}
	now := a.stamp()
	for _, c := range distinctRoots(found.List) {
		a.offered = append(a.offered, ID(Thumbprint(c.Raw)))
	}
	met := seenAuthorities(found.List, now)
	if full, err := a.admits(ctx, met); full != nil || err != nil {
		return full, stored(err)
	}
	judge := func(sub *Subscription, roots []Authority) (e Effects, err error) {
		e, pending, err = a.judgeRoots(sub, roots, found.List, now)
		return e, err
	}
	if a.run.DryRun {
		err = a.previewTrust(ctx, met, judge)
	} else {
		err = a.store.SaveAuthorities(ctx, a.lease, met, judge)
	}
	return pending, stored(err)
}

// enter begins the next stage of the run.
func (a *attempt) enter(ctx context.Context, stage string) error {
	provider.Progress(ctx)
	now := a.stamp()
	a.leaveStage(now)
	a.run.Stages = append(a.run.Stages, Stage{Name: stage, Started: now, Ended: odata.Never()})
	return stored(a.store.SaveRun(ctx, a.lease, a.run))
}

// errStore marks a fault of the store.
var errStore = errors.New("the store failed")

// stored marks err as the store's, so that it is not taken for another fault
// of ours.
func stored(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errStore, err)
}

// dropUnfinishedStage forgets the stage in which an earlier attempt was
// interrupted: it did not end, and this attempt goes through it again.
func (a *attempt) dropUnfinishedStage() {
	if n := len(a.run.Stages); n > 0 && a.run.Stages[n-1].Ended.IsNever() {
		a.run.Stages = a.run.Stages[:n-1]
	}
}

func (a *attempt) leaveStage(now odata.DateTimeOffset) {
	if n := len(a.run.Stages); n > 0 && a.run.Stages[n-1].Ended.IsNever() {
		a.run.Stages[n-1].Ended = now
	}
}

func (a *attempt) logOutcome(fault *provider.Error, took time.Duration) {
	attrs := []any{
		slog.String("tenant", string(a.lease.Tenant)), slog.String("subscription", string(a.lease.Subscription)),
		slog.String("run", string(a.run.ID)), slog.String("provider", a.sub.Provider), slog.Duration("took", took),
		slog.Int("found", a.run.Counts.Found), slog.Int("new", a.run.Counts.New), slog.Int("changed", a.run.Counts.Changed),
	}
	if fault == nil {
		a.log.Info("sync succeeded", attrs...)
		return
	}
	attrs = append(attrs, slog.String("code", string(fault.Code)), slog.String("message", fault.Text()))
	if fault.Err != nil {
		attrs = append(attrs, slog.String("cause", fault.Err.Error()))
	}
	a.log.Warn("sync failed", attrs...)
}

// asError gives every failure the shape that is reported. What is not a
// provider's error is a fault of ours and tells nothing of the inside.
func asError(err error) *provider.Error {
	var fault *provider.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &fault):
		return fault
	case errors.Is(err, errStore):
		return &provider.Error{Code: provider.CodeStorage, Msg: "what the CA answered could not be stored", Err: err}
	default:
		return &provider.Error{Code: provider.CodeInternal, Msg: "the service met a fault of its own; its log tells more", Err: err}
	}
}
