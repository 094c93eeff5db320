package estserver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/pki"
)

// A refusal is an error as a device is told it, in plain text (RFC 7030, 4.2.3).
type refusal struct {
	status     int
	text       string // a sentence, with what to do
	retryAfter int    // seconds; 0 for none
	cause      error  // for the log alone
}

// Error returns the public text.
func (r *refusal) Error() string { return r.text }

// Unwrap returns the cause.
func (r *refusal) Unwrap() error { return r.cause }

const (
	statusClientGone = 499 // is counted, and nowhere on the wire; the number is nginx's
	soon             = 10  // seconds until it is worth trying again
)

func unavailable(text string, cause error) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, text: text + " Try again.", retryAfter: soon, cause: cause}
}

// unauthorized is the answer to whoever does not prove to be a device of an
// endpoint, and for every endpoint that there is not.
func unauthorized(cause error) *refusal {
	return &refusal{
		status: http.StatusUnauthorized, cause: cause,
		text: "Authentication failed: there is no such endpoint, or the name and password, the token or the certificate are not good for it. A certificate is shown in the handshake of TLS, at the address for renewals.",
	}
}

// explain turns any error into what a device is told. This is the one place
// where codes become statuses; what it does not know is a fault of ours.
func explain(err error) *refusal {
	var (
		own   *refusal
		rule  *pki.Error
		token *auth.Error
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &rule):
		return ofRule(rule, err)
	case errors.As(err, &token):
		return ofToken(token, err)
	case errors.Is(err, context.Canceled):
		return &refusal{status: statusClientGone, text: "The device has closed the connection.", cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return unavailable("The service took too long.", err)
	}
	return internal(err)
}

func internal(err error) *refusal {
	return &refusal{status: http.StatusInternalServerError, text: "The service has met a fault of its own. Give its operator the Request-Id.", cause: err}
}

// ofRule translates a code of package pki. What a CA has said stays with the
// operator where it is no fault of the request: devices need not know its host.
func ofRule(e *pki.Error, err error) *refusal {
	switch e.Code {
	case pki.CodeInvalid:
		text := e.Msg
		if e.Target == "profile" {
			text = "The CA refuses the profile of this endpoint. Give the operator the Request-Id."
		}
		return &refusal{status: http.StatusBadRequest, text: text, cause: err}
	case pki.CodeForbidden:
		return &refusal{status: http.StatusForbidden, text: e.Msg, cause: err}
	case pki.CodeNotFound:
		return &refusal{status: http.StatusNotFound, text: "There is no such endpoint.", cause: err}
	case pki.CodeConflict, pki.CodeNotSyncable, pki.CodeReplayMismatch:
		text := e.Msg
		if e.Err != nil || e.Code == pki.CodeNotSyncable {
			text = "The CA cannot issue here as its subscription stands. Give the operator the Request-Id."
		}
		return &refusal{status: http.StatusConflict, text: text, cause: err}
	case pki.CodePending: // RFC 7030, 4.2.3
		return &refusal{status: http.StatusAccepted, text: "The request waits for approval. Send it again.", retryAfter: seconds(e.RetryAfter), cause: err}
	case pki.CodeUpstream:
		return unavailable("The CA could not be asked, or failed.", err)
	case pki.CodeUnavailable:
		return &refusal{status: http.StatusServiceUnavailable, text: e.Msg, retryAfter: soon, cause: err}
	default:
		return internal(err)
	}
}

// seconds rounds up, to what is worth waiting for.
func seconds(d time.Duration) int {
	return max(int((d+time.Second-1)/time.Second), soon)
}

func ofToken(e *auth.Error, err error) *refusal {
	switch e.Code {
	case auth.CodeMissingToken, auth.CodeInvalidToken:
		return unauthorized(err)
	case auth.CodeInsufficientScope:
		return &refusal{status: http.StatusForbidden, text: e.Msg, cause: err}
	case auth.CodeUnavailable:
		return unavailable(e.Msg, err)
	default:
		return internal(err)
	}
}

// fail answers with an error, and logs its cause.
func (s *Server) fail(x *exchange, err error) {
	r := explain(err)
	level := slog.LevelInfo
	if r.status >= http.StatusInternalServerError && r.status != http.StatusNotImplemented {
		level = slog.LevelWarn
	}
	if r.cause != nil {
		s.o.Log.LogAttrs(x.r.Context(), level, "EST request refused", slog.String("request-id", x.requestID), slog.String("route", x.route),
			slog.Int("status", r.status), slog.Any("error", r.cause))
	}
	if x.status != 0 { // the answer has begun
		return
	}
	x.hurryBody()
	h := x.w.Header()
	if r.status == http.StatusUnauthorized {
		h["Www-Authenticate"] = []string{`Basic realm="EST", charset="UTF-8"`, `Bearer realm="EST"`}
	}
	if r.retryAfter > 0 {
		h["Retry-After"] = []string{strconv.Itoa(r.retryAfter)}
	}
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	x.write(r.status, []byte(r.text+"\n"))
}

// hurryBody bounds how long a body that nobody wants keeps its connection:
// HTTP/1.1 reads it before it sends the refusal. What has not arrived by then
// costs the connection.
func (x *exchange) hurryBody() {
	const patience = time.Second
	if x.r.ProtoMajor == 1 && x.r.ContentLength != 0 && !x.bodyRead {
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(patience)) // not every connection has one
	}
}

// write sends an answer whose Content-Type is set.
func (x *exchange) write(status int, body []byte) {
	x.status = status
	if status != http.StatusNoContent {
		x.w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // what fails here is the device's connection: there is nobody to tell
}
