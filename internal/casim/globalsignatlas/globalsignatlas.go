// Package globalsignatlas makes the simulated CA a GlobalSign Atlas account
// with the HVCA API, version 2: login with API key and secret on top of a
// client certificate, a token of ten minutes, the trust chain, the statistics
// of what was issued and revoked, and certificates by serial number. Names,
// paths and forms are those of the vendor's SDK.
//
// It reads requests strictly: the charset of a body's media type, upper-case
// serial numbers, pages of at most 100.
package globalsignatlas

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"sync"
	"time"

	"cloudpki/internal/casim"
)

// The rules of the service.
const (
	tokenTime  = 10 * time.Minute
	maxPage    = 100
	maxRequest = 64 << 10
)

// Dialect returns the HVCA API. The API key is Login.APIKey, the secret
// Login.Password.
func Dialect() casim.Dialect {
	return casim.Dialect{
		Name: "globalSignAtlas",
		Doc:  "GlobalSign Atlas (HVCA API)",
		Path: "/v2/",
		Handler: func(c *casim.CA) http.Handler {
			return newServer(c).routes()
		},
	}
}

type server struct {
	ca *casim.CA

	mu     sync.Mutex
	tokens map[string]time.Time // with their ends
}

func newServer(c *casim.CA) *server { return &server{ca: c, tokens: map[string]time.Time{}} }

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/login", s.login)
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /v2/trustchain":              s.trustChain,
		"GET /v2/stats/issued":            s.issued,
		"GET /v2/stats/revoked":           s.revoked,
		"GET /v2/certificates/{serial}":   s.certificate,
		"PATCH /v2/certificates/{serial}": s.revoke,
	} {
		mux.Handle(pattern, s.loggedIn(h))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fault(w, http.StatusNotFound, "resource not found") })
	return withCertificate(mux)
}

// withCertificate refuses what came without a client certificate.
func withCertificate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			fault(w, http.StatusUnauthorized, "client certificate required")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("login")
	var in struct {
		Key    string `json:"api_key"`
		Secret string `json:"api_secret"`
	}
	if !read(w, r, &in) {
		return
	}
	want := s.ca.Login()
	if in.Key != want.APIKey || subtle.ConstantTimeCompare([]byte(in.Secret), []byte(want.Password)) != 1 {
		fault(w, http.StatusUnauthorized, "invalid API credentials")
		return
	}
	token := rand.Text()
	s.mu.Lock()
	s.tokens[token] = s.ca.Now().Add(tokenTime)
	s.mu.Unlock()
	answer(w, map[string]string{"access_token": token})
}

func (s *server) loggedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.mu.Lock()
		end, known := s.tokens[token]
		s.mu.Unlock()
		if !isBearer || !known || s.ca.Now().After(end) {
			fault(w, http.StatusUnauthorized, "token is missing or has expired")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// trustChain tells the certificates above those of the account, as PEM.
func (s *server) trustChain(w http.ResponseWriter, _ *http.Request) {
	s.ca.Count("trustchain")
	var chain []string
	seen := map[string]bool{}
	for _, i := range s.ca.Issuers() {
		for _, c := range append(append(i.Chain[:len(i.Chain):len(i.Chain)], i.Issuing), i.Root) {
			if !seen[string(c.Raw)] {
				seen[string(c.Raw)] = true
				chain = append(chain, encode(c.Raw))
			}
		}
	}
	answer(w, chain)
}

func encode(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// read decodes a JSON body, whose media type must tell its charset.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if !strings.EqualFold(strings.ReplaceAll(r.Header.Get("Content-Type"), " ", ""), "application/json;charset=utf-8") {
		fault(w, http.StatusUnsupportedMediaType, "Content-Type must be application/json;charset=utf-8")
		return false
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		fault(w, http.StatusBadRequest, "invalid JSON: "+err.Error())
		return false
	}
	return true
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}

// fault answers with a problem document (RFC 9457); the vendor's has the text
// in description.
func fault(w http.ResponseWriter, status int, description string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"description": description}) // as above
}
