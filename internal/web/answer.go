package web

import (
	"cmp"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"cloudpki/internal/pki"
)

// An answer is a request's, as it is counted and logged.
type answer struct {
	http.ResponseWriter

	part   bool // for htmx
	begun  time.Time
	status int    // 0 before it is sent
	visit  *visit // nil for what is not made of pages
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.part {
		status = partStatus(a.Header(), status)
	}
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// conclude counts and logs a request that is answered. Neither is told the
// address: it may hold what opens a session.
func (s *Server) conclude(a *answer, r *http.Request) {
	v := a.visit
	if v == nil {
		v = &visit{}
	}
	id := pki.ID(r.PathValue("id"))
	if !id.Valid() {
		id = "" // nobody bounds what is no id
	}
	p, took, status := v.session.Principal, s.now().Sub(a.begun), cmp.Or(a.status, http.StatusOK)
	route, method := routeOf(r), knownMethod(r.Method)
	s.observe(route, method, status, took, p.Tenant)
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "request",
		slog.String("method", method), slog.String("route", route), slog.Int("status", status), slog.Duration("took", took),
		slog.String("tenant", string(p.Tenant)), slog.String("client", p.Client), slog.String("request-id", v.id), slog.String("id", string(id)))
}

// routeOf returns the pattern that a request has met, Base where that was the
// one for what there is not.
func routeOf(r *http.Request) string {
	_, route, found := strings.Cut(r.Pattern, " ")
	if !found {
		return Base
	}
	return strings.TrimSuffix(route, "{$}")
}

// knownMethod returns method, or "other": a client can make up as many as it
// likes, and each would be a figure to keep.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return method
	default:
		return "other"
	}
}
