// Package estserver answers devices that enrol by EST (Enrollment over Secure
// Transport, RFC 7030 with RFC 8951), below /.well-known/est/. It knows HTTP and
// the encodings of EST; who may have which certificate is package pki's.
//
// A device is known by the account of an endpoint, by a bearer token, or, to
// renew, by the certificate that it shows in the handshake of TLS. Linking the
// request to that handshake (RFC 7030, 3.5) is not asked for.
package estserver

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"cloudpki/internal/auth"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// Path is below what EST is answered (RFC 7030, 3.2.2): Path, the id of an
// endpoint, and the operation.
const Path = "/.well-known/est/"

const (
	longestAnswer = 60 * time.Second // a CA is waited for
	longestBody   = 30 * time.Second
	maxUnderWay   = 64 // requests that are being answered at once
)

// Endpoints are the rules of endpoints: *pki.ESTEndpoints, which says what
// each does and returns.
type Endpoints interface {
	Find(ctx context.Context, id pki.ID) (pki.ESTEndpoint, error)
	Authenticate(ctx context.Context, id pki.ID, name string, password secret.Text) (pki.ESTEndpoint, error)
	Identify(ctx context.Context, id pki.ID, cert *x509.Certificate) (pki.ESTEndpoint, pki.Certificate, error)
	Authorities(ctx context.Context, e pki.ESTEndpoint) (roots, intermediates []*x509.Certificate, err error)
	Enrol(ctx context.Context, e pki.ESTEndpoint, a pki.Actor, request []byte) (pki.IssuedCertificate, error)
	Reenrol(ctx context.Context, e pki.ESTEndpoint, a pki.Actor, cert *x509.Certificate, held pki.Certificate, request []byte) (pki.IssuedCertificate, error)
}

// A Verifier turns a bearer token into who calls. Its errors are *auth.Error,
// or anything else for a fault of its own.
type Verifier interface {
	Verify(ctx context.Context, bearer string) (auth.Principal, error)
}

// Options are what a Server is made from. Endpoints and Verifier are required.
type Options struct {
	Endpoints Endpoints
	Verifier  Verifier
	Log       *slog.Logger     // nil is silence
	Now       func() time.Time // nil is time.Now

	// Observe is told of each answered request; nil for nobody. route is one of
	// a closed list, Path where there is no such operation.
	Observe func(route, method string, status int, took time.Duration, tenant pki.TenantID)
}

// A Server answers the requests below Path. It is safe for concurrent use.
type Server struct {
	o        Options
	attempts *attempts
	underWay chan struct{}
}

// New returns a Server.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(string, string, int, time.Duration, pki.TenantID) {}
	}
	return &Server{o: o, attempts: newAttempts(), underWay: make(chan struct{}, maxUnderWay)}
}

// An exchange is one request and its answer.
type exchange struct {
	w         http.ResponseWriter
	r         *http.Request
	begun     time.Time
	requestID string
	route     string
	endpoint  pki.ID
	tenant    pki.TenantID // "" while it is not known
	status    int
	bodyRead  bool
}

// ServeHTTP answers one request below Path.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, stop := context.WithTimeout(r.Context(), longestAnswer)
	defer stop()
	x := &exchange{w: w, r: r.WithContext(ctx), begun: s.o.Now(), requestID: uuid.NewString()}
	h := w.Header()
	h["Request-Id"] = []string{x.requestID}
	h["Cache-Control"] = []string{"no-store"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Strict-Transport-Security"] = []string{"max-age=31536000"}
	defer func() {
		if p := recover(); p != nil {
			s.o.Log.LogAttrs(ctx, slog.LevelError, "handler panicked", slog.String("request-id", x.requestID), slog.String("route", x.route),
				slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			s.fail(x, errors.New("panic"))
		}
		s.conclude(x)
	}()
	if err := s.handle(x); err != nil {
		s.fail(x, err)
	}
}

// conclude counts and logs an exchange that is answered.
func (s *Server) conclude(x *exchange) {
	took := s.o.Now().Sub(x.begun)
	method := x.r.Method
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		method = "other" // a client can make up as many as it likes
	}
	s.o.Observe(x.route, method, x.status, took, x.tenant)
	s.o.Log.LogAttrs(x.r.Context(), slog.LevelInfo, "request",
		slog.String("method", method), slog.String("route", x.route), slog.Int("status", x.status), slog.Duration("took", took),
		slog.String("tenant", string(x.tenant)), slog.String("request-id", x.requestID), slog.String("id", string(x.endpoint)))
}

// An operation is what EST can be asked for.
type operation struct {
	method string // "" for any
	handle func(*Server, *exchange) error
}

// operationOf returns the operation of that name.
func operationOf(name string) (operation, bool) {
	switch name {
	case "cacerts":
		return operation{http.MethodGet, (*Server).caCerts}, true
	case "csrattrs":
		return operation{http.MethodGet, (*Server).csrAttrs}, true
	case "simpleenroll":
		return operation{http.MethodPost, (*Server).simpleEnroll}, true
	case "simplereenroll":
		return operation{http.MethodPost, (*Server).simpleReenroll}, true
	case "serverkeygen", "fullcmc":
		return operation{handle: func(*Server, *exchange) error {
			return &refusal{status: http.StatusNotImplemented, text: "This operation is not offered. Make a key on the device and send simpleenroll."}
		}}, true
	}
	return operation{}, false
}

// parsePath reads ENDPOINT/OPERATION.
func parsePath(path string) (endpoint pki.ID, operation string, ok bool) {
	label, operation, ok := strings.Cut(strings.TrimPrefix(path, Path), "/")
	if _, known := operationOf(operation); !ok || !known || !pki.ID(label).Valid() {
		return "", "", false
	}
	return pki.ID(label), operation, true
}

func (s *Server) handle(x *exchange) error {
	x.route = Path
	endpoint, name, ok := parsePath(x.r.URL.Path)
	if !ok {
		return &refusal{status: http.StatusNotFound, text: "There is nothing here. The address is " + Path + "ENDPOINT/OPERATION, with cacerts, csrattrs, simpleenroll or simplereenroll."}
	}
	op, _ := operationOf(name)
	x.endpoint, x.route = endpoint, Path+"{id}/"+name
	method := x.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if op.method != "" && op.method != method {
		x.w.Header()["Allow"] = []string{op.method}
		return &refusal{status: http.StatusMethodNotAllowed, text: "This operation is for " + op.method + "."}
	}
	return op.handle(s, x)
}

// enter takes one of the places of those that are answered, for as long as f
// runs. The answer is sent behind it: a device may take it as slowly as it likes.
func (s *Server) enter(f func() error) error {
	select {
	case s.underWay <- struct{}{}:
		defer func() { <-s.underWay }()
		return f()
	default:
		return unavailable("The service is busy.", fmt.Errorf("%d requests are under way", maxUnderWay))
	}
}
