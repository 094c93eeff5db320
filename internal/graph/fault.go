package graph

import (
	"fmt"
	"net/http"
	"strconv"
)

// A fault is an error as the wire tells it. Handlers return faults for what
// only the wire knows; explain translates the errors of other packages.
type fault struct {
	status  int
	code    string // of the envelope
	inner   string // code of innerError, "" for none
	target  string
	message string // what is wrong, where, and what to do
	details []detail

	innerMessage string // of innerError, with the status as text; "" for none

	allow      string // for 405
	location   string // where to begin anew, for 410
	challenge  string // error of the WWW-Authenticate field (RFC 6750, 3.1)
	retryAfter int    // seconds; 0 for none
	cause      error  // for the log alone
}

// A detail is one of several things that are wrong.
type detail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Target  string `json:"target,omitempty"`
}

// Error returns the public text.
func (f *fault) Error() string { return f.message }

// Unwrap returns the cause.
func (f *fault) Unwrap() error { return f.cause }

// The codes of the envelope, as Microsoft Graph spells them.
const (
	codeBadRequest   = "BadRequest"
	codeForbidden    = "Forbidden"
	codeValidation   = "ValidationError"
	codeToken        = "InvalidAuthenticationToken"
	codeDenied       = "Authorization_RequestDenied"
	codeNotFound     = "ResourceNotFound"
	codeMethod       = "Request_BadRequest"
	codeNotAccepted  = "notAcceptable"
	codeExists       = "nameAlreadyExists"
	codeConflict     = "Conflict"
	codeModified     = "resourceModified"
	codeResync       = "syncStateNotFound"
	codeTooLarge     = "requestEntityTooLarge"
	codeMedia        = "unsupportedMediaType"
	codeInvalid      = "invalidRequest"
	codeTooMany      = "TooManyRequests"
	codeTimeout      = "requestTimeout"
	codeDependency   = "FailedDependency"
	codeAnswerSize   = "insufficientStorage"
	codeInternal     = "generalException"
	codeUpstream     = "badGateway"
	codePending      = "pending" // in the log alone: it is accepted
	codeNotAvailable = "serviceNotAvailable"
)

func badRequest(target, format string, args ...any) *fault {
	return &fault{status: http.StatusBadRequest, code: codeBadRequest, target: target, message: fmt.Sprintf(format, args...)}
}

// noSegment is the answer for an address that leads nowhere, in the words of
// Microsoft Graph.
func noSegment(name string) *fault {
	const longest = 128
	if len(name) > longest {
		name = name[:longest]
	}
	return &fault{status: http.StatusNotFound, code: codeNotFound, message: fmt.Sprintf("Resource not found for the segment '%s'.", printable(name))}
}

// methodNotAllowed is the answer for a method that a resource does not have.
func methodNotAllowed(method, allow string) *fault {
	return &fault{
		status: http.StatusMethodNotAllowed, code: codeMethod, allow: allow,
		message: fmt.Sprintf("Specified HTTP method is not allowed for the request target. '%s' is not one of: %s.", printable(method), allow),
	}
}

func malformedTag() *fault {
	return &fault{
		status: http.StatusBadRequest, code: "malformedEntityTag",
		message: `If-Match and If-None-Match take the @odata.etag of an earlier answer with its quotes, such as W/"1.1.a", a list of them, or *.`,
	}
}

func tooLarge(limit int) *fault {
	return &fault{
		status: http.StatusRequestEntityTooLarge, code: codeTooLarge,
		message: fmt.Sprintf("The body is larger than %d bytes, as sent or after inflation. Send less at once.", limit),
	}
}

func headerTooLarge() *fault {
	return &fault{
		status: http.StatusRequestHeaderFieldsTooLarge, code: codeBadRequest,
		message: fmt.Sprintf("The address and the header fields have more than %d bytes. Send fewer or shorter ones.", maxHeaderBytes),
	}
}

func unsupportedMedia(format string, args ...any) *fault {
	return &fault{status: http.StatusUnsupportedMediaType, code: codeMedia, message: fmt.Sprintf(format, args...)}
}

func notAcceptable(format string, args ...any) *fault {
	return &fault{status: http.StatusNotAcceptable, code: codeNotAccepted, inner: "invalidAcceptType", message: fmt.Sprintf(format, args...)}
}

// tooMany has the words of Microsoft Graph; Retry-After says when.
func tooMany(seconds int) *fault {
	return &fault{
		status: http.StatusTooManyRequests, code: codeTooMany, inner: strconv.Itoa(http.StatusTooManyRequests), retryAfter: seconds,
		message: "Please retry again later.", innerMessage: "Please retry after",
	}
}

func overloaded(cause error) *fault {
	const seconds = 1
	return &fault{
		status: http.StatusServiceUnavailable, code: codeNotAvailable, retryAfter: seconds, cause: cause,
		message: fmt.Sprintf("The service is overloaded or stopping. Retry after %d second.", seconds),
	}
}

// printable replaces what is not printable ASCII, and quotes, by a question mark.
func printable(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c < ' ' || c > '~' || c == '\'' {
			out[i] = '?'
		}
	}
	return string(out)
}
