package graph

import (
	"context"
	"errors"
	"net/http"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// statusClientGone is what is counted for a request whose client left before
// the answer; it is nowhere on the wire. The number is nginx's.
const statusClientGone = 499

// explain turns any error into what the wire tells of it. This is the one
// place where codes become statuses; what it does not know is a fault of ours,
// of which the caller learns nothing.
func explain(err error) *fault {
	var (
		own   *fault
		rule  *pki.Error
		query *odata.Error
		token *auth.Error
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &rule):
		return ofRule(rule, err)
	case errors.As(err, &query):
		return ofQuery(query)
	case errors.As(err, &token):
		return ofToken(token, err)
	case errors.Is(err, context.Canceled):
		return &fault{status: statusClientGone, code: codeInternal, message: "The client has closed the request.", cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return overloaded(err)
	}
	return internal(err)
}

func internal(cause error) *fault {
	return &fault{
		status: http.StatusInternalServerError, code: codeInternal, cause: cause,
		message: "The service has met a fault of its own. Give its support the request-id.",
	}
}

// ofRule translates a code of package pki. The zero status marks a code that
// is not in the table; a test walks all codes.
func ofRule(e *pki.Error, err error) *fault {
	f := &fault{target: e.Target, message: e.Msg, cause: err}
	switch e.Code {
	case pki.CodeInvalid:
		f.status, f.code = http.StatusBadRequest, codeBadRequest
	case pki.CodeNotFound:
		f.status, f.code = http.StatusNotFound, codeNotFound
	case pki.CodeExists:
		f.status, f.code = http.StatusConflict, codeExists
	case pki.CodePreconditionFailed:
		f.status, f.code, f.inner = http.StatusPreconditionFailed, codeModified, "entityTagDoesNotMatch"
	case pki.CodeReplayMismatch:
		f.status, f.code, f.inner = http.StatusUnprocessableEntity, codeInvalid, "idempotencyKeyReused"
	case pki.CodeNotSyncable, pki.CodeConflict:
		f.status, f.code = http.StatusConflict, codeConflict
	case pki.CodeResync:
		f.status, f.code, f.inner = http.StatusGone, codeResync, "resyncRequired"
	case pki.CodeQuota:
		f.status, f.code, f.inner = http.StatusForbidden, codeForbidden, "quotaExceeded"
	case pki.CodeForbidden:
		f.status, f.code = http.StatusForbidden, codeForbidden
	case pki.CodeUpstream:
		f.status, f.code = http.StatusBadGateway, codeUpstream
	case pki.CodePending: // no refusal: see fail
		f.status, f.code, f.retryAfter = http.StatusAccepted, codePending, max(int((e.RetryAfter+time.Second-1)/time.Second), 1)
	case pki.CodeValidation:
		f.status, f.code = http.StatusBadRequest, codeValidation
	case pki.CodeLeaseLost, pki.CodeUnavailable:
		return overloaded(err)
	default:
		return internal(err)
	}
	for _, p := range e.Details {
		f.details = append(f.details, detail{Code: f.code, Message: p.Msg, Target: p.Target})
	}
	return f
}

// ofQuery translates what package odata finds wrong with a body or a query.
func ofQuery(e *odata.Error) *fault {
	f := &fault{status: http.StatusBadRequest, code: queryCode(e), target: queryTarget(e), message: e.Msg}
	for i := range e.Details {
		d := &e.Details[i]
		f.details = append(f.details, detail{Code: queryCode(d), Message: d.Msg, Target: queryTarget(d)})
	}
	return f
}

func queryCode(e *odata.Error) string {
	if e.Code == "" {
		return codeBadRequest
	}
	return e.Code
}

func queryTarget(e *odata.Error) string {
	if e.Target == "" {
		return e.Option
	}
	return e.Target
}

// ofToken translates a refusal by package auth.
func ofToken(e *auth.Error, err error) *fault {
	f := &fault{message: e.Msg, cause: err}
	switch e.Code {
	case auth.CodeMissingToken:
		f.status, f.code = http.StatusUnauthorized, codeToken
	case auth.CodeInvalidToken:
		f.status, f.code, f.challenge = http.StatusUnauthorized, codeToken, string(e.Code)
	case auth.CodeInsufficientScope:
		f.status, f.code, f.challenge = http.StatusForbidden, codeDenied, string(e.Code)
	case auth.CodeUnavailable:
		return overloaded(err)
	default:
		return internal(err)
	}
	return f
}
