package pki

import (
	"context"
	"errors"
	"time"

	"cloudpki/internal/provider"
)

// ErrStalled is the cause of the context of a run that gave no sign of life for
// too long: Sync then ends it as timed out, with what it has stored kept.
var ErrStalled = errors.New("the sync made no progress")

// WithProgress returns a context under which a run tells heard of each sign of
// life: an answer of the CA, a stage, a page stored. heard is called from any
// goroutine and returns at once.
func WithProgress(ctx context.Context, heard func()) context.Context {
	return provider.WithProgress(ctx, heard)
}

// stalled is the outcome of a run that was ended for its silence.
func stalled(cause error) *provider.Error {
	return &provider.Error{
		Code: provider.CodeTimeout, Err: cause,
		Msg: "the run made no progress for longer than it may (sync.stall_timeout) and was ended; what it had stored is kept, and the next run goes on from there",
	}
}

// longestFarewell bounds the writing of the outcome of a run that was stopped.
const longestFarewell = 10 * time.Second

// stopped reports whether the run of ctx was stopped for good rather than to be
// resumed by another worker, and what its outcome then is. A run that had come
// to its end already keeps its own.
func stopped(ctx context.Context, fault *provider.Error) (*provider.Error, bool) {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, ErrCancelled):
		if fault != nil {
			fault = cancelled(fault)
		}
		return fault, true
	case errors.Is(cause, ErrStalled):
		if fault != nil {
			fault = stalled(fault)
		}
		return fault, true
	}
	return fault, false
}
