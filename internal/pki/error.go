package pki

import (
	"errors"
	"fmt"
	"time"
)

// A Code says what sort of fault an Error is. The list is closed: one place in
// package graph maps each to an HTTP status and a Graph code.
type Code string

// The codes.
const (
	CodeInvalid            Code = "invalid"            // a member or parameter is wrong
	CodeNotFound           Code = "notFound"           // no such object in this tenant
	CodeExists             Code = "exists"             // the id is taken in this tenant
	CodePreconditionFailed Code = "preconditionFailed" // If-Match names another state
	CodeReplayMismatch     Code = "replayMismatch"     // an idempotency key came back with another body
	CodeNotSyncable        Code = "notSyncable"        // the provider is unKnown
	CodeConflict           Code = "conflict"           // what is asked for does not fit the state of the object
	CodeLeaseLost          Code = "leaseLost"          // another worker took over the run
	CodeResync             Code = "resync"             // the changes since a position are not known any longer
	CodeUnavailable        Code = "unavailable"        // the store is overloaded or stopping
	CodeQuota              Code = "quota"              // the tenant has as many as it may have
	CodeUpstream           Code = "upstream"           // the CA could not be asked, or failed
	CodePending            Code = "pending"            // the CA waits for a person; RetryAfter says when to ask again
	CodeForbidden          Code = "forbidden"          // a rule of the object does not allow it
	CodeValidation         Code = "validation"         // the receiver of notifications did not agree to be one
)

// An Error is a fault that a caller may be told. Msg and Target are public;
// Err is the cause, for the log alone.
type Error struct {
	Code    Code
	Target  string // the member at fault as clients spell it, or ""
	Msg     string // what is wrong, where, and what to do; no secret
	Details []Problem
	Err     error

	RetryAfter time.Duration // of CodePending
}

// A Problem is one of several faults found in one request.
type Problem struct {
	Target string
	Msg    string
}

// Error returns the public text.
func (e *Error) Error() string {
	if e.Target != "" {
		return e.Target + ": " + e.Msg
	}
	return e.Msg
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the *Error in err's chain, or "".
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// NotFound is the error for an object that is not there, or is another
// tenant's: the two are not told apart.
func NotFound(noun string, id ID) *Error {
	return &Error{Code: CodeNotFound, Msg: fmt.Sprintf("Resource '%s' of type '%s' does not exist.", id, noun)}
}

// invalidAll joins all problems of one request in one error, so that an admin
// can mend them at once. It returns nil for none.
func invalidAll(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	e := &Error{Code: CodeInvalid, Target: problems[0].Target, Msg: problems[0].Msg}
	if len(problems) > 1 {
		e.Details = problems
	}
	return e
}
