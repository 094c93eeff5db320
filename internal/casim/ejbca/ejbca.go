// Package ejbca is the REST API of EJBCA as a dialect of the simulated CA:
// /v1/ca with chains and CRLs, /v2/certificate/search with its pagination, and
// /v1/certificate to enrol and revoke.
// A client shows a certificate, or a token of the authorization server that
// stands beside it at TokenPath (RFC 6749, 4.4).
//
// Paths, names, status codes and the traps of the search are those of EJBCA
// Community's own sources and of its OpenAPI document.
package ejbca

import (
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"cloudpki/internal/casim"
)

// The paths of the dialect.
const (
	Path      = "/ejbca/ejbca-rest-api/"
	TokenPath = "/realms/simulated/protocol/openid-connect/token"
)

// Lifetime is how long a token is good.
const Lifetime = 5 * time.Minute

// Dialect returns the dialect "ejbca".
func Dialect() casim.Dialect {
	return casim.Dialect{
		Name: "ejbca", Doc: "EJBCA REST (v1/ca, v2/certificate/search); client certificate or OAuth token", Path: Path, MayLogIn: true,
		Handler: Handler,
	}
}

// Handler serves the dialect for c.
func Handler(c *casim.CA) http.Handler {
	s := &service{ca: c, tokens: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+TokenPath, s.token)
	mux.Handle("GET "+Path+"v1/ca/status", s.admin(s.status))
	mux.Handle("GET "+Path+"v1/ca", s.admin(s.list))
	mux.Handle("GET "+Path+"v1/ca/{dn}/certificate/download", s.admin(s.chain))
	mux.Handle("GET "+Path+"v1/ca/{dn}/getLatestCrl", s.admin(s.crl))
	mux.Handle("POST "+Path+"v2/certificate/search", s.admin(s.search))
	mux.Handle("POST "+Path+"v1/certificate/pkcs10enroll", s.admin(s.enrol))
	mux.Handle("PUT "+Path+"v1/certificate/{dn}/{serial}/revoke", s.admin(s.revoke))
	mux.Handle("/", s.admin(func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "RESTEASY003210: Could not find resource for full path: https://"+r.Host+r.URL.Path)
	}))
	return mux
}

type service struct {
	ca *casim.CA

	mu     sync.Mutex
	tokens map[string]time.Time // with their ends
}

// token answers a client's credentials with a token (RFC 6749, 4.4 and 5).
func (s *service) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) {
		write(w, status, map[string]string{"error": code, "error_description": "the simulated authorization server refuses"})
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		refuse(http.StatusBadRequest, "invalid_request")
		return
	}
	login := s.ca.Login()
	switch {
	case r.PostForm.Get("grant_type") != "client_credentials":
		refuse(http.StatusBadRequest, "unsupported_grant_type")
	case r.PostForm.Get("client_id") != login.User || r.PostForm.Get("client_secret") != login.Password:
		refuse(http.StatusUnauthorized, "invalid_client")
	default:
		s.ca.Count("token")
		t := rand.Text()
		s.mu.Lock()
		s.tokens[t] = s.ca.Now().Add(Lifetime)
		s.mu.Unlock()
		write(w, http.StatusOK, map[string]any{"access_token": t, "token_type": "Bearer", "expires_in": int(Lifetime.Seconds())})
	}
}

// admin lets in who has a client certificate, which TLS has checked, or a token.
func (s *service) admin(serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.mu.Lock()
		end, known := s.tokens[token]
		s.mu.Unlock()
		switch {
		case bearer && (!known || s.ca.Now().After(end)):
			fail(w, http.StatusForbidden, "Authentication failed using OAuth Bearer Token")
		case !bearer && (r.TLS == nil || len(r.TLS.PeerCertificates) == 0):
			fail(w, http.StatusForbidden, "No client certificate or OAuth token was provided. Authorization Denied")
		default:
			serve(w, r)
		}
	})
}

func (s *service) status(w http.ResponseWriter, _ *http.Request) {
	s.ca.Count("status")
	write(w, http.StatusOK, map[string]string{"status": "OK", "version": "1.0", "revision": "EJBCA 9.1.1 Community (simulated)"})
}

type caInfo struct {
	ID         int32  `json:"id"`
	Name       string `json:"name"`
	Subject    string `json:"subject_dn"`
	Issuer     string `json:"issuer_dn"`
	Expiration string `json:"expiration_date"`
}

func (s *service) list(w http.ResponseWriter, _ *http.Request) {
	s.ca.Count("ca")
	var out []caInfo
	for _, c := range hosted(s.ca) {
		out = append(out, caInfo{c.id, c.name, c.cert.Subject.String(), c.cert.Issuer.String(), c.cert.NotAfter.UTC().Format("2006-01-02T15:04:05Z")})
	}
	write(w, http.StatusOK, map[string]any{"certificate_authorities": out})
}

// chain answers with the PEM of a CA and of those above it, the CA first.
func (s *service) chain(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("download")
	c, ok := byDN(s.ca, r.PathValue("dn"))
	if !ok {
		fail(w, http.StatusNotFound, "CA with DN: "+r.PathValue("dn")+" does not exist.")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+c.name+`.cacert.pem"`)
	for _, cert := range c.chain() {
		_, _ = fmt.Fprintf(w, "Subject: %s\nIssuer: %s\n", cert.Subject, cert.Issuer) // the client is gone: nobody to tell
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
}

// crl answers with the latest CRL; null for a CA that has issued none.
func (s *service) crl(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("crl")
	c, ok := byDN(s.ca, r.PathValue("dn"))
	if !ok {
		fail(w, http.StatusNotFound, "CA with DN: "+r.PathValue("dn")+" does not exist.")
		return
	}
	if q := r.URL.Query(); q.Get("deltaCrl") == "true" || (q.Get("crlPartitionIndex") != "" && q.Get("crlPartitionIndex") != "0") {
		write(w, http.StatusOK, map[string]any{"crl": nil, "response_format": "DER"})
		return
	}
	var der []byte
	if c.issuer != "" {
		var err error
		if der, err = s.ca.CRL(c.issuer); err != nil {
			fail(w, http.StatusInternalServerError, "General failure.")
			return
		}
	}
	write(w, http.StatusOK, map[string]any{"crl": der, "response_format": "DER"})
}

// fail answers as EJBCA's exception mapper does.
func fail(w http.ResponseWriter, status int, message string) {
	write(w, status, map[string]any{"error_code": status, "error_message": message})
}

func write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the simulator cannot write its answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client is gone: nobody to tell
}
