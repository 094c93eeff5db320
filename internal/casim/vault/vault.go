// Package vault is the simulated CA with the HTTP API of a PKI secrets engine
// of HashiCorp Vault 1.13, or of OpenBao 2, mounted at "pki": logins by token,
// userpass, approle and certificate; issuers; the list of serial numbers; one
// certificate at a time; CRLs. Its words and statuses are those of the real
// server, and like it, it tells «none» by HTTP 404 with an empty list of errors.
//
// The token that is valid from the start is the account's API key; role_id is
// its user name and secret_id its password.
package vault

import (
	"crypto/rand"
	"crypto/subtle"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"cloudpki/internal/casim"
)

// Mount is where the engine is mounted.
const Mount = "pki"

// Options tell the server apart from Vault 1.13.
type Options struct {
	Paging    bool // LIST certs takes after and limit, as OpenBao's does
	NoRevoked bool // certs/revoked is unknown, as before Vault 1.13
	NoIssuers bool // one issuer, and no list of them, as before Vault 1.11
	NoLookup  bool // tokens have no right to look themselves up
	Foreign   bool // the mount does not have the root
}

// Dialect returns Vault's API.
func Dialect() casim.Dialect {
	return casim.Dialect{
		Name: "vault", Doc: "HashiCorp Vault, a PKI secrets engine at pki", Path: "/", MayLogIn: true,
		Handler: func(c *casim.CA) http.Handler { return New(c, Options{}) },
	}
}

// A Server is the API over a CA. It is safe for concurrent use.
type Server struct {
	ca   *casim.CA
	opts Options
	mux  *http.ServeMux

	mu     sync.Mutex
	tokens map[string]holder
}

// A holder is whose token it is.
type holder struct {
	name    string
	expires time.Time // zero is never
	login   bool
}

// leaseSeconds is how long the token of a login lives.
const leaseSeconds = 3600

// New returns the API of ca.
func New(ca *casim.CA, o Options) *Server {
	s := &Server{ca: ca, opts: o, mux: http.NewServeMux(), tokens: map[string]holder{ca.Login().APIKey: {name: "token"}}}
	s.logins()
	s.engine()
	s.writing()
	return s
}

// Open returns how many tokens of logins have not ended.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, h := range s.tokens {
		if h.login {
			n++
		}
	}
	return n
}

// ServeHTTP answers a request. What is not below /v1/ is the user interface's.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == "LIST" {
		r = r.Clone(r.Context())
		r.Method, r.URL.RawQuery = http.MethodGet, r.URL.RawQuery+"&list=true"
	}
	if _, pattern := s.mux.Handler(r); pattern == "" {
		if s.holder(r) == nil {
			refuse(w, http.StatusForbidden, "permission denied")
			return
		}
		path := strings.TrimPrefix(r.URL.Path, "/v1/")
		if strings.HasPrefix(path, Mount+"/") {
			refuse(w, http.StatusNotFound, "1 error occurred:\n\t* unsupported path\n\n")
			return
		}
		refuse(w, http.StatusNotFound, fmt.Sprintf("no handler for route %q. route entry not found.", path))
		return
	}
	s.mux.ServeHTTP(w, r)
}

// handle serves an operation. Those that are not open want a token.
func (s *Server) handle(pattern, operation string, open bool, do http.HandlerFunc) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.ca.Count(operation)
		if !open && s.holder(r) == nil {
			refuse(w, http.StatusForbidden, "permission denied")
			return
		}
		do(w, r)
	})
}

func (s *Server) holder(r *http.Request) *holder {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.tokens[r.Header.Get("X-Vault-Token")]
	if !ok || !h.expires.IsZero() && s.ca.Now().After(h.expires) {
		return nil
	}
	return &h
}

func (s *Server) logins() {
	account := s.ca.Login()
	s.handle("POST /v1/auth/userpass/login/{user}", "login", true, func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Password string }
		if !read(w, r, &in) {
			return
		}
		if r.PathValue("user") != account.User || !same(in.Password, account.Password) {
			refuse(w, http.StatusBadRequest, "invalid username or password")
			return
		}
		s.admit(w, "userpass-"+account.User)
	})
	s.handle("POST /v1/auth/approle/login", "login", true, func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			RoleID   string `json:"role_id"`
			SecretID string `json:"secret_id"`
		}
		switch {
		case !read(w, r, &in):
		case in.RoleID != account.User:
			refuse(w, http.StatusBadRequest, "invalid role ID")
		case !same(in.SecretID, account.Password):
			refuse(w, http.StatusBadRequest, "invalid secret id")
		default:
			s.admit(w, "approle")
		}
	})
	s.handle("POST /v1/auth/cert/login", "login", true, func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Name string }
		switch {
		case !read(w, r, &in):
		case r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || in.Name != "" && in.Name != "ra":
			refuse(w, http.StatusBadRequest, "invalid certificate or no client certificate supplied")
		default:
			s.admit(w, "cert-"+r.TLS.VerifiedChains[0][0].Subject.CommonName)
		}
	})
	s.handle("GET /v1/auth/token/lookup-self", "lookup-self", false, s.lookupSelf)
	s.handle("POST /v1/auth/token/revoke-self", "revoke-self", false, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		delete(s.tokens, r.Header.Get("X-Vault-Token"))
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (s *Server) admit(w http.ResponseWriter, name string) {
	token := "hvs." + rand.Text()
	s.mu.Lock()
	s.tokens[token] = holder{name: name, expires: s.ca.Now().Add(leaseSeconds * time.Second), login: true}
	s.mu.Unlock()
	write(w, http.StatusOK, map[string]any{"request_id": requestID(), "data": nil, "auth": map[string]any{
		"client_token": token, "accessor": rand.Text(), "policies": []string{"default", "cloudpki"},
		"lease_duration": leaseSeconds, "renewable": true, "token_type": "service", "mfa_requirement": nil,
	}})
}

func (s *Server) lookupSelf(w http.ResponseWriter, r *http.Request) {
	if s.opts.NoLookup {
		refuse(w, http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
		return
	}
	h := s.holder(r)
	data := map[string]any{"display_name": h.name, "path": "auth/token/create", "expire_time": nil, "ttl": 0, "creation_ttl": 0, "renewable": false, "meta": nil}
	if !h.expires.IsZero() {
		data["expire_time"] = h.expires.UTC().Format(time.RFC3339Nano)
		data["ttl"], data["creation_ttl"], data["renewable"] = int(h.expires.Sub(s.ca.Now())/time.Second), leaseSeconds, true
	}
	answer(w, data)
}

// maxRequest bounds a request in bytes.
const maxRequest = 64 << 10

// read takes the JSON object of a request, and nothing that it does not know.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(io.LimitReader(r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) { // no body is no member
		refuse(w, http.StatusBadRequest, "failed to parse JSON input: "+err.Error())
		return false
	}
	return true
}

func requestID() string { return rand.Text() }

// answer writes data in the envelope of all answers.
func answer(w http.ResponseWriter, data any) {
	write(w, http.StatusOK, map[string]any{
		"request_id": requestID(), "lease_id": "", "renewable": false, "lease_duration": 0,
		"data": data, "wrap_info": nil, "warnings": nil, "auth": nil,
	})
}

// keys answers a list; an empty one is nothing.
func keys(w http.ResponseWriter, list []string, info map[string]any) {
	if len(list) == 0 {
		refuse(w, http.StatusNotFound)
		return
	}
	data := map[string]any{"keys": list}
	if info != nil {
		data["key_info"] = info
	}
	answer(w, data)
}

func refuse(w http.ResponseWriter, status int, words ...string) {
	write(w, status, map[string]any{"errors": append([]string{}, words...)})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}

func encode(c *x509.Certificate) string { return encodeDER(c.Raw) }

func encodeDER(der []byte) string {
	return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}
