package web

import (
	"errors"
	"net/http"
	"strings"

	"cloudpki/internal/pki"
)

// A fault is an error as its page shows it.
type fault struct {
	status int
	title  string
	wait   int // seconds after which to try again; 0 for no word of it

	Msg    string // what is wrong, and what to do
	SignIn bool   // signing in again helps
	Cause  error
}

// Error returns the public text.
func (f *fault) Error() string { return f.Msg }

// Unwrap returns the cause, for the log.
func (f *fault) Unwrap() error { return f.Cause }

// faultOf returns the page of an error. What is not for the public stays away
// from it.
func faultOf(err error) *fault {
	var f *fault
	var refused *pki.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &refused):
		return &fault{status: statusOf(refused.Code), title: titleOf(refused.Code), Msg: refused.Error(), Cause: err}
	}
	return &fault{
		status: http.StatusInternalServerError, title: "Something went wrong", Cause: err,
		Msg: "The page could not be made. Try again; if it goes on, the service's log has the cause under the request id below.",
	}
}

func statusOf(code pki.Code) int {
	switch code {
	case pki.CodeNotFound:
		return http.StatusNotFound
	case pki.CodeInvalid, pki.CodeNotSyncable:
		return http.StatusBadRequest
	case pki.CodeUnavailable, pki.CodeLeaseLost:
		return http.StatusServiceUnavailable
	case pki.CodeUpstream:
		return http.StatusBadGateway
	default:
		return http.StatusConflict
	}
}

func titleOf(code pki.Code) string {
	switch code {
	case pki.CodeNotFound:
		return "Not found"
	case pki.CodeUnavailable, pki.CodeLeaseLost:
		return "Not available at the moment"
	default:
		return "That was not possible"
	}
}

func errNoPage() error {
	return &fault{status: http.StatusNotFound, title: "Not found", Msg: "The console has no such page."}
}

func errSignedOut() error {
	return &fault{status: http.StatusUnauthorized, title: "You are signed out", SignIn: true, Msg: "Nothing was changed, because your session has ended. Sign in and try again."}
}

func errForbidden(cause error) error {
	return &fault{status: http.StatusForbidden, title: "You may not do this", Cause: cause, Msg: "Your account lacks the permission. " + cause.Error()}
}

func errForeignForm() error {
	return &fault{status: http.StatusForbidden, title: "Nothing was changed", Msg: "The form did not come from a page of this session. Open the page again and repeat the step there."}
}

func errBadForm() error {
	return &fault{status: http.StatusBadRequest, title: "Nothing was changed", Msg: "The form is too long or cannot be read."}
}

func errStaleSignIn() error {
	return &fault{status: http.StatusBadRequest, title: "Signing in took too long", SignIn: true, Msg: "This answer belongs to no sign-in that this browser has under way. Sign in again."}
}

func errNoIssuer(cause error) error {
	return &fault{status: http.StatusServiceUnavailable, title: "Signing in is not possible at the moment", SignIn: true, Cause: cause, Msg: "The issuer cannot be asked. Try again in a minute; if it goes on, the service's log has the cause under the request id below."}
}

func errFailedSignIn(cause error) error {
	return &fault{status: http.StatusBadGateway, title: "Signing in failed", SignIn: true, Cause: cause, Msg: "The issuer's answer could not be used. Sign in again; if it goes on, the service's log has the cause under the request id below."}
}

func errRefusedSignIn(code, description string) error {
	const most = 512
	text := code + ": " + description
	text = strings.ToValidUTF8(text[:min(len(text), most)], "")
	return &fault{status: http.StatusForbidden, title: "Signing in was refused", SignIn: true, Msg: "The issuer says: " + text}
}

func errUsedLink() error {
	return &fault{status: http.StatusGone, title: "The link is not good any more", SignIn: true, Msg: "A one-time link works once, for ten minutes, until the service stops. Sign in, or start the service again for another link."}
}
