package pki

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// askCA opens a session for one call, with the credentials of sub, and closes
// it. That it was asked for is audited before. fault is what the CA, or the way
// to it, made of the call; err is what kept it from being made.
func (s *Service) askCA(ctx context.Context, sub *Subscription, a Actor, activity, what string, call func(context.Context, provider.Session) error) (fault *provider.Error, err error) {
	if sub.Provider == ProviderUnknown {
		return nil, &Error{Code: CodeNotSyncable, Target: "cloudPkiProvider", Msg: "A subscription whose cloudPkiProvider is 'unKnown' has no CA to ask. Set cloudPkiProvider to the kind of the CA first."}
	}
	select {
	case s.enrolments <- struct{}{}:
		defer func() { <-s.enrolments }()
	default:
		return nil, &Error{Code: CodeUnavailable, Msg: "Too many requests wait for CAs. Try again."}
	}
	event, err := s.event(activity, sub.ID, a, nil)
	if err != nil {
		return nil, err
	}
	event.Reason = printable(what)
	if err := s.store.AddAudit(ctx, sub.Tenant, event); err != nil {
		return nil, err
	}
	limited, stop := context.WithTimeout(ctx, s.testTimeout)
	defer stop()
	shown, failure := s.callCA(limited, sub, call)
	if failure == nil {
		return nil, nil
	}
	fault = asError(failure)
	if limited.Err() != nil && ctx.Err() == nil {
		fault = &provider.Error{Code: provider.CodeTimeout, Err: failure, Msg: fmt.Sprintf("the CA did not answer within %s", s.testTimeout)}
	}
	s.log.Warn("the CA did not do what it was asked for", slog.String("tenant", string(sub.Tenant)), slog.String("subscription", string(sub.ID)),
		slog.String("provider", sub.Provider), slog.String("activity", activity), slog.String("message", fault.Error()), slog.Any("cause", fault.Err))
	if shown {
		err = s.noteRefusal(context.WithoutCancel(ctx), sub, fault)
	}
	return fault, err
}

// callCA makes a session and the call. It reports whether the CA was shown the
// credentials.
func (s *Service) callCA(ctx context.Context, sub *Subscription, call func(context.Context, provider.Session) error) (shown bool, err error) {
	defer func() {
		if upset := recover(); upset != nil { // an answer that upsets a parser
			err = fmt.Errorf("panic: %v", upset)
		}
	}()
	kind, ok := s.catalog.Kind(sub.Provider)
	if !ok {
		return false, unsupportedProvider(sub.Provider)
	}
	if err := sub.refused(); err != nil {
		return false, err
	}
	if err := checkSettingNames(kind, sub.Settings); err != nil {
		return false, err
	}
	credentials, err := s.unseal(ctx, sub)
	if err != nil {
		return false, err
	}
	config := s.configOf(sub, kind, credentials)
	config.Transport = s.transport.For(string(sub.Tenant)).Urgent()
	for _, p := range kind.Validate(config) {
		return false, p.Fault()
	}
	session, err := kind.Open(ctx, config)
	if err != nil {
		return true, err
	}
	defer func() { _ = session.Close() }() // nothing is to be lost by it
	return true, call(ctx, session)
}

// noteRefusal keeps syncs and further requests from showing the CA credentials
// that it has refused: accounts lock. That they lack a right is no refusal of
// them.
func (s *Service) noteRefusal(ctx context.Context, asked *Subscription, fault *provider.Error) error {
	if fault.RetryClass() != provider.RetryCredentials || fault.Code == provider.CodePermission {
		return nil
	}
	now := s.stamp()
	_, err := s.store.UpdateSubscription(ctx, asked.Tenant, asked.ID, func(sub *Subscription) (Effects, error) {
		if !sameAccess(sub, asked) || sub.Refusal != nil {
			return Effects{Unchanged: true}, nil
		}
		sub.learn(false, provider.Probe{}, fault, true, now.Time())
		sub.NextSync, sub.NextProbe = odata.Never(), time.Time{}
		sub.tellRefusal(fault)
		return Effects{}, nil
	})
	if CodeOf(err) == CodeNotFound {
		return nil
	}
	return err
}

// cannot is the fault of a provider that has no such call.
func cannot(name, verb string) *provider.Error {
	return &provider.Error{Code: provider.CodeUnsupported, Msg: fmt.Sprintf("the provider %s cannot %s certificates through this service; do it at the CA", name, verb)}
}

// refusedRequest tells the one who asked what became of a request.
func refusedRequest(fault *provider.Error) *Error {
	e := upstream(fault)
	switch {
	case fault.Code == provider.CodeProfileUnknown:
		e.Code, e.Target = CodeInvalid, "profile"
	case fault.Code == provider.CodeUpstreamFault && fault.RetryClass() == provider.RetryNever:
		e.Code, e.Target = CodeInvalid, "certificateSigningRequest"
	}
	return e
}

// refusedRevocation tells the same of a revocation.
func refusedRevocation(fault *provider.Error) *Error {
	e := upstream(fault)
	if errors.Is(fault, provider.ErrNoCertificate) || fault.Code == provider.CodeUpstreamFault && fault.RetryClass() == provider.RetryNever {
		e.Code = CodeConflict
	}
	return e
}

// upstream translates a fault by whose it is: what an admin has to change at the
// subscription is a conflict, what the CA has to mend is its own.
func upstream(fault *provider.Error) *Error {
	e := &Error{Code: CodeUpstream, Msg: "The CA did not do it (" + fault.Error() + ").", Err: fault}
	if fault.Code == provider.CodeUnsupported || fault.RetryClass() == provider.RetryCredentials {
		e.Code = CodeConflict
	}
	return e
}
