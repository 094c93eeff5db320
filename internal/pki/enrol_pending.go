package pki

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// askAgain returns what a CA is asked with about the request that a receipt
// remembers as waiting for approval, or CodePending while it is not to be asked.
func (s *Service) askAgain(ctx context.Context, sub *Subscription, r *Receipt) (*provider.Pending, error) {
	kind, reference, _ := strings.Cut(r.Pending, "/")
	if kind != sub.Provider {
		return nil, &Error{Code: CodeConflict, Msg: fmt.Sprintf("The request waits for approval at the CA that the subscription had as %s. Fetch the certificate there, or send the request with another key.", kind)}
	}
	now := s.now()
	if wait := r.AskAfter.Time().Sub(now); wait > 0 {
		return nil, stillPending(wait, nil)
	}
	claimed, err := s.store.ClaimPending(ctx, *r, odata.FromTime(now), odata.FromTime(now.Add(s.testTimeout)))
	switch {
	case err != nil:
		return nil, err
	case !claimed: // by another that came at the same time
		return nil, stillPending(s.testTimeout, nil)
	}
	return &provider.Pending{Reference: reference}, nil
}

func stillPending(wait time.Duration, cause error) *Error {
	return &Error{
		Code: CodePending, RetryAfter: wait, Err: cause,
		Msg: "The request waits for a person to approve it at the CA. Send it again with the same key, once a day or more often.",
	}
}

// notIssued settles what becomes of the receipt of a request to which the CA has
// given no certificate, and returns what the one who asks is told. again is what
// the CA was asked with about a request that waits. err is what kept the call
// from being made.
func (s *Service) notIssued(ctx context.Context, sub *Subscription, r *Receipt, again *provider.Pending, fault *provider.Error, err error) error {
	ctx = context.WithoutCancel(ctx)
	drop := err != nil || isCertain(fault)
	if again != nil { // the number is kept until the CA itself refuses
		drop = err == nil && fault.Code == provider.CodeUpstreamFault && fault.RetryClass() == provider.RetryNever
	}
	switch {
	case err == nil && fault.Code == provider.CodeApprovalPending:
		return s.keepPending(ctx, sub, r, fault)
	case r != nil && drop:
		err = errors.Join(err, s.store.DropReceipt(ctx, *r))
	}
	if err != nil {
		return err
	}
	return refusedRequest(fault)
}

// keepPending remembers that a request waits for approval, so that the CA can be
// asked again under the same key.
func (s *Service) keepPending(ctx context.Context, sub *Subscription, r *Receipt, fault *provider.Error) error {
	var p *provider.Pending
	switch {
	case !errors.As(fault, &p):
		return &Error{Code: CodeConflict, Err: fault, Msg: "The request waits for a person to approve it at the CA (" + fault.Error() + "). This provider cannot ask for it again: the certificate is in the inventory after a sync that follows the approval. Do not send the request with another key."}
	case r == nil:
		return &Error{Code: CodeConflict, Err: fault, Msg: "The request waits for a person to approve it at the CA (" + fault.Error() + "). As it had no Idempotency-Key, it cannot be asked for again: look for the certificate in the inventory after the approval and a sync, or have the request refused there and send it with a key."}
	}
	kept := *r
	kept.At, kept.Pending = s.stamp(), sub.Provider+"/"+p.Reference
	kept.AskAfter = odata.FromTime(kept.At.Time().Add(fault.RetryAfter))
	if err := s.store.KeepPending(ctx, kept); err != nil {
		return err
	}
	return stillPending(fault.RetryAfter, fault)
}
