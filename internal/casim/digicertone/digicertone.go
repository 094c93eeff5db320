// Package digicertone is the simulated CA as DigiCert ONE Trust Lifecycle
// Manager: the REST API below /mpki/api/v1 with profiles, the search of
// certificates, and revocation. It takes an API key (x-api-key) or a client
// certificate, and refuses a call with both. Names, spellings and error bodies
// are those of the vendor's OpenAPI document and developer portal.
package digicertone

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cloudpki/internal/casim"
)

// What every simulated account has.
const (
	AccountID      = "4cd44c05-9b3b-45b1-9d2a-6f1a3c1d0e01"
	BusinessUnitID = "b7a1f0c2-2f56-4d0e-8f5d-0c7d4b7f3a02"
	ProfileUser    = "0f6d6c1e-7a52-4c0b-9a41-1f5a0d5b2e11"
	ProfileDevice  = "5d1c9b7a-3e84-4f6d-8b20-7c9e6a4f1d12"
)

// Options are what the vendor leaves open.
type Options struct {
	NewestFirst bool // the search lists the newest first, and shifts while certificates are issued
}

// Dialect returns the API as a dialect of the simulated CA.
func Dialect() casim.Dialect {
	return casim.Dialect{
		Name:     "digicertOne",
		Doc:      "DigiCert ONE Trust Lifecycle Manager, REST",
		Path:     "/mpki/api/v1/",
		MayLogIn: true,
		Handler:  func(ca *casim.CA) http.Handler { return Handler(ca, Options{}) },
	}
}

// Handler serves the API of ca.
func Handler(ca *casim.CA, o Options) http.Handler {
	s := &server{ca, o}
	mux := http.NewServeMux()
	const base = "/mpki/api/v1/"
	mux.HandleFunc("GET "+base+"hello", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })
	for pattern, h := range map[string]http.HandlerFunc{
		"GET " + base + "profile":                        s.profiles,
		"GET " + base + "profile/{id}":                   s.profile,
		"GET " + base + "certificate-search":             s.search,
		"GET " + base + "certificate/{serial}":           s.certificate,
		"POST " + base + "certificate":                   s.enrol,
		"PUT " + base + "certificate/{serial}/revoke":    s.revoke,
		"DELETE " + base + "certificate/{serial}/revoke": s.resume,
	} {
		mux.Handle(pattern, s.authenticated(h))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "resource_not_found", "Resource not found.")
	})
	return mux
}

type server struct {
	ca *casim.CA
	o  Options
}

// authenticated wants an API key or a verified client certificate, not both.
func (s *server) authenticated(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, sent := r.Header.Get("X-Api-Key"), len(r.Header.Values("X-Api-Key")) > 0
		certified := r.TLS != nil && len(r.TLS.VerifiedChains) > 0
		switch {
		case certified && sent:
			refuse(w, http.StatusBadRequest, "invalid_request", "Omit x-api-key where a client certificate is used.")
		case !certified && key != s.ca.Login().APIKey:
			refuse(w, http.StatusUnauthorized, "invalid_api_key", "The API key is invalid.")
		default:
			s.ca.Count(r.Method + " " + strings.TrimPrefix(r.URL.Path, "/mpki/api/v1/"))
			next(w, r)
		}
	})
}

// refuse answers with the error body of the developer portal's example.
func refuse(w http.ResponseWriter, status int, code, message string) {
	type fault struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	answer(w, status, map[string][]fault{"errors": {{code, message}}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}

// unknown returns the name of a query parameter that is not among known.
func unknown(q url.Values, known ...string) (string, bool) {
	for name := range q {
		if !slices.Contains(known, name) {
			return name, true
		}
	}
	return "", false
}
