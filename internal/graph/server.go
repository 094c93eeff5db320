// Package graph speaks the wire of the service, at both ends: the handler that
// answers as Microsoft Graph does, and the Go client. It knows addresses,
// headers, JSON and status codes; the rules are package pki's.
package graph

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"cloudpki/internal/auth"
	"cloudpki/internal/limit"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/trust"
)

// version is the first segment of every address; the API has never left beta.
const version = "beta"

// A Verifier turns a bearer token into who calls. Its errors are *auth.Error,
// or anything else for a fault of its own.
type Verifier interface {
	Verify(ctx context.Context, bearer string) (auth.Principal, error)
}

// Options are what a Server is made from. Service, Notifications, Bundles,
// ESTEndpoints, Verifier, Origin and TokenKey are required.
type Options struct {
	Service  *pki.Service
	Verifier Verifier

	Notifications *pki.Notifications
	Bundles       *pki.Bundles
	Signer        *trust.Signer // of published bundles; nil for none
	ESTEndpoints  *pki.ESTEndpoints

	Origin    string // what clients call, without a path: "https://pki.example.com:8443"
	Authority string // whose tokens are accepted, told in WWW-Authenticate
	TokenURL  string // where clients get tokens, told in the OpenAPI document; "" where that is not known
	TokenKey  []byte // 32 bytes that seal skip tokens; the same in every process and after a restart
	Limits    Limits
	Browsers  []string         // origins whose pages may read answers (CORS); "*" for all
	Log       *slog.Logger     // nil is silence
	Now       func() time.Time // nil is time.Now

	// Observe is told of each answered request; nil for nobody. route is a
	// pattern of a closed list, "" where none was met.
	Observe func(route, method string, status int, took time.Duration, tenant pki.TenantID)
}

// A Server answers the requests below /beta. It is safe for concurrent use.
type Server struct {
	service *pki.Service

	notifications *pki.Notifications
	bundles       *pki.Bundles
	signer        *trust.Signer
	estEndpoints  *pki.ESTEndpoints

	verifier  Verifier
	origin    string
	authority string
	browsers  []string
	tokens    *odata.TokenSealer
	limits    limits
	log       *slog.Logger
	now       func() time.Time
	observe   func(route, method string, status int, took time.Duration, tenant pki.TenantID)

	nouns   nouns
	model   model
	openAPI publication
	manual  map[string]publication
	shelf   shelf
	tally   tally
	tree    *node
	buffers sync.Pool // of *[]byte, for answers
	zippers sync.Pool // of *gzip.Writer
}

// New returns a Server. Its error tells what of o is missing or wrong.
func New(o Options) (*Server, error) {
	if o.Service == nil || o.Notifications == nil || o.Bundles == nil || o.ESTEndpoints == nil || o.Verifier == nil {
		return nil, errors.New("graph: a Service, Notifications, Bundles, ESTEndpoints and a Verifier are required")
	}
	if !strings.HasPrefix(o.Origin, "https://") || strings.Count(o.Origin, "/") != 2 {
		return nil, fmt.Errorf("graph: the origin %q is not of the form https://host:port", o.Origin)
	}
	tokens, err := newTokenSealer(o.TokenKey)
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(string, string, int, time.Duration, pki.TenantID) {}
	}
	s := &Server{
		service: o.Service, notifications: o.Notifications, bundles: o.Bundles, signer: o.Signer, estEndpoints: o.ESTEndpoints, verifier: o.Verifier, origin: o.Origin, authority: o.Authority, browsers: o.Browsers, tokens: tokens,
		limits: newLimits(o.Limits), log: o.Log, now: o.Now, observe: o.Observe,
	}
	if s.manual, err = newManual(); err != nil {
		return nil, err
	}
	if s.nouns, err = newNouns(s); err != nil {
		return nil, err
	}
	s.tree = &node{name: version}
	table := s.routes()
	for i := range table {
		s.tree.add(&table[i])
	}
	described := s.nouns.model(s.service.ProviderEnum())
	s.model = newModel(described)
	s.openAPI = publish(func() ([]byte, error) { return newOpenAPI(described, table, s.origin, o.TokenURL) })
	return s, nil
}

func newTokenSealer(key []byte) (*odata.TokenSealer, error) {
	const size = 32
	if len(key) != size {
		return nil, fmt.Errorf("graph: the token key has %d bytes, not %d", len(key), size)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("graph: make token cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("graph: make token cipher: %w", err)
	}
	return odata.NewTokenSealer(aead), nil
}

// ServeHTTP answers one request below /beta.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, s.handle)
}

// NotFound returns a handler that answers every request with the error
// envelope for an address that leads nowhere.
func (s *Server) NotFound() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, func(*exchange) error {
			first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
			return noSegment(first)
		})
	})
}

const (
	// longestAnswer bounds a request: a store that hangs must not hold every slot.
	longestAnswer = 30 * time.Second

	maxHeaderBytes = 16 << 10
)

// boundHeader refuses too much header here and not in net/http, so that the
// answer has the envelope.
func (s *Server) boundHeader(x *exchange) error {
	size := len(x.r.RequestURI)
	for name, values := range x.r.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if size > maxHeaderBytes {
		return headerTooLarge()
	}
	return nil
}

// serve is what every request goes through: it is named, answered, counted,
// and survives a panic.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, handle handler) {
	ctx, stop := context.WithTimeout(r.Context(), longestAnswer)
	defer stop()
	x := s.newExchange(w, r.WithContext(ctx))
	defer func() {
		if p := recover(); p != nil {
			s.log.LogAttrs(ctx, slog.LevelError, "handler panicked",
				slog.String("request-id", x.requestID), slog.String("route", x.routeName()),
				slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			s.fail(x, internal(errors.New("panic")))
		}
		s.conclude(x)
	}()
	if err := handle(x); err != nil {
		x.hurryBody()
		s.fail(x, err)
	}
}

func (s *Server) newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{w: recorder{ResponseWriter: w}, r: r, server: s, begun: s.now()}
	x.name()
	x.commonHeader()
	return x
}

// conclude counts and logs an exchange that is answered.
func (s *Server) conclude(x *exchange) {
	took := s.now().Sub(x.begun)
	s.observe(x.routeName(), knownMethod(x.r.Method), x.w.status, took, x.principal.Tenant)
	s.logRequest(x, took)
}

// handle takes a request through its steps; each may refuse it.
func (s *Server) handle(x *exchange) error {
	return x.enter(s.limits.doors, limit.Client{}, func() error {
		if err := s.admit(x); err != nil {
			return err
		}
		if err := s.receiveBody(x); err != nil {
			return err
		}
		return x.enter(s.limits.runs, x.client(), func() error { return x.route.handle(x) })
	})
}

// admit finds out what is asked, by whom, and whether they may.
func (s *Server) admit(x *exchange) error {
	for _, step := range [...]handler{s.boundHeader, s.findRoute, s.refuseMultipart, s.negotiate, s.authorize} {
		if err := step(x); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) findRoute(x *exchange) error {
	place, keys, err := s.tree.find(x.r.URL.EscapedPath())
	if err != nil {
		return err
	}
	x.keys = keys
	if x.r.Method == http.MethodOptions {
		x.route = &route{path: place.routes[0].path, public: true, handle: func(x *exchange) error {
			x.w.Header().Set("Allow", place.allow())
			x.preflight(place.allow())
			x.write(http.StatusNoContent, nil)
			return nil
		}}
		return nil
	}
	x.route, err = place.route(x.r.Method)
	return err
}

// knownMethod returns method, or "other": a client can make up as many as it
// likes, and each would be a figure to keep.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// newRequestID returns a random GUID, as Microsoft Graph names its requests.
func newRequestID() string { return uuid.NewString() }
