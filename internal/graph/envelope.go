package graph

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An envelope is the body of every error. The date has no zone and no
// fraction: clients read exactly these 19 characters.
type envelope struct {
	Error envelopeError `json:"error"`
}

type envelopeError struct {
	Code    string     `json:"code"`
	Message string     `json:"message"`
	Target  string     `json:"target,omitempty"`
	Details []detail   `json:"details,omitempty"`
	Inner   innerError `json:"innerError"`
}

type innerError struct {
	Code            string `json:"code,omitempty"`
	Date            string `json:"date"`
	Message         string `json:"message,omitempty"`
	Status          string `json:"status,omitempty"`
	RequestID       string `json:"request-id"`
	ClientRequestID string `json:"client-request-id"`
}

const envelopeDate = "2006-01-02T15:04:05"

// fail answers with an error. Nothing else writes one.
func (s *Server) fail(x *exchange, err error) {
	f := explain(err)
	s.logFault(x, f)
	if x.w.begun {
		return // an answer is under way: there can be no other
	}
	if f.status == statusClientGone {
		x.w.status = statusClientGone
		return
	}
	h := x.w.Header()
	for _, name := range []string{"ETag", "Location", "OData-EntityId", "Preference-Applied", "Content-Encoding"} {
		delete(h, name) // as spelled: they are not set through Set
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Language", "en")
	h.Set("Cache-Control", "no-store")
	if f.allow != "" {
		h.Set("Allow", f.allow)
	}
	if f.location != "" {
		h.Set("Location", f.location)
	}
	if f.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	if f.status == http.StatusUnauthorized || f.challenge != "" {
		h["WWW-Authenticate"] = []string{s.challenge(f)}
	}
	if f.status < http.StatusBadRequest { // what was asked for is under way
		delete(h, "Content-Type")
		x.write(f.status, nil)
		return
	}
	x.write(f.status, s.envelope(x, f))
}

func (s *Server) envelope(x *exchange, f *fault) []byte {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	inner := innerError{
		Code: f.inner, Date: s.now().UTC().Format(envelopeDate), Message: f.innerMessage,
		RequestID: x.requestID, ClientRequestID: x.clientRequestID,
	}
	if f.innerMessage != "" {
		inner.Status = strconv.Itoa(f.status)
	}
	// Strings alone: encoding cannot fail.
	_ = enc.Encode(envelope{envelopeError{Code: f.code, Message: f.message, Target: f.target, Details: f.details, Inner: inner}})
	return bytes.TrimSuffix(body.Bytes(), []byte("\n"))
}

// challenge is the WWW-Authenticate field (RFC 6750, 3), in the form that
// Microsoft Graph gives it.
func (s *Server) challenge(f *fault) string {
	var b strings.Builder
	b.WriteString(`Bearer realm="", authorization_uri="`)
	b.WriteString(s.authority)
	b.WriteString(`"`)
	if f.challenge != "" {
		b.WriteString(`, error="` + f.challenge + `"`)
	}
	return b.String()
}

// logFault tells the log what the caller is not told.
func (s *Server) logFault(x *exchange, f *fault) {
	level := slog.LevelDebug
	if f.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !s.log.Enabled(x.r.Context(), level) {
		return
	}
	cause := f.message
	if f.cause != nil {
		cause = f.cause.Error()
	}
	s.log.LogAttrs(x.r.Context(), level, "refuse request",
		slog.Int("status", f.status), slog.String("code", f.code), slog.String("error", cause),
		slog.String("method", x.r.Method), slog.String("route", x.routeName()),
		slog.String("request-id", x.requestID), slog.String("client-request-id", x.clientRequestID))
}

// logRequest writes the line that every request leaves. It names the object,
// but nothing of query or body.
func (s *Server) logRequest(x *exchange, took time.Duration) {
	ctx := x.r.Context()
	if !s.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := [...]slog.Attr{
		slog.String("method", x.r.Method), slog.String("route", x.routeName()), slog.Int("status", x.w.status), slog.Duration("took", took),
		slog.String("tenant", string(x.principal.Tenant)), slog.String("client", x.principal.Client),
		slog.String("request-id", x.requestID), slog.String("client-request-id", x.clientRequestID), slog.String("id", x.object()),
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "request", attrs[:]...)
}

// object is the first key of the address, "" for none.
func (x *exchange) object() string {
	if len(x.keys) == 0 {
		return ""
	}
	return x.keys[0]
}
