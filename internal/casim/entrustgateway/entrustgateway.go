// Package entrustgateway is the simulated CA as an Entrust CA Gateway: the
// issuing CAs with chains and profiles, the feed of certificate events, single
// certificates, and actions on them, below /cagw/v1. Every call needs a client
// certificate. Names and spellings are those of the vendor's documentation and
// of its own clients.
package entrustgateway

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cloudpki/internal/casim"
)

// The ids of the two CAs, in the form partition~CA.
const (
	CAUser   = "simulated~user"
	CADevice = "simulated~device"
)

// Dialect returns the API as a dialect of the simulated CA.
func Dialect() casim.Dialect {
	return casim.Dialect{Name: "entrustGateway", Doc: "Entrust CA Gateway, REST", Path: "/cagw/", Handler: Handler}
}

// Handler serves the API of ca.
func Handler(ca *casim.CA) http.Handler {
	s := &server{ca: ca, epoch: rand.Text()[:6]}
	mux := http.NewServeMux()
	const base = "/cagw/v1/certificate-authorities"
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request, casim.Issuer){
		"GET " + base + "/{ca}":                                s.authority,
		"GET " + base + "/{ca}/profiles":                       s.profiles,
		"GET " + base + "/{ca}/certificate-events":             s.events,
		"GET " + base + "/{ca}/certificates/{serial}":          s.certificate,
		"POST " + base + "/{ca}/certificates/{serial}/actions": s.act,
	} {
		mux.HandleFunc(pattern, s.of(h))
	}
	mux.HandleFunc("GET "+base, s.list)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "not-found", "No such resource.", "")
	})
	return certified(mux)
}

type server struct {
	ca    *casim.CA
	epoch string // of the page indexes: they do not outlive the server
}

// certified refuses calls without a verified client certificate.
func certified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			refuse(w, http.StatusUnauthorized, "unauthorized", "A client certificate is required.", "")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// of finds the CA of a path.
func (s *server) of(h func(http.ResponseWriter, *http.Request, casim.Issuer)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, call, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/cagw/v1/certificate-authorities/"), "/")
		call, _, _ = strings.Cut(call, "/")
		s.ca.Count(call)
		for _, i := range s.ca.Issuers() {
			if caID(i) == r.PathValue("ca") {
				h(w, r, i)
				return
			}
		}
		refuse(w, http.StatusNotFound, "ca-not-found", "The CA is not found.", "caId")
	}
}

func caID(i casim.Issuer) string {
	if i.ID == "user" {
		return CAUser
	}
	return CADevice
}

func refuse(w http.ResponseWriter, status int, code, message, target string) {
	answer(w, status, map[string]any{
		"type":  "ErrorResponse",
		"error": map[string]any{"code": code, "message": message, "target": target, "details": []any{}},
	})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}

// unknown refuses a query with a parameter that is not among known.
func unknown(w http.ResponseWriter, q url.Values, known ...string) bool {
	for name := range q {
		if !slices.Contains(known, name) {
			refuse(w, http.StatusBadRequest, "invalid-parameter", "Unknown parameter.", name)
			return true
		}
	}
	return false
}

// An authority is one CA. Its certificates are told where $fields asks for them.
type authority struct {
	ID          string            `json:"id,omitempty"`
	Name        string            `json:"name,omitempty"`
	Properties  map[string]string `json:"properties,omitempty"`
	Certificate *certificate      `json:"certificate,omitempty"`
	Chain       []certificate     `json:"chain"`
}

func (s *server) list(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("certificate-authorities")
	if unknown(w, r.URL.Query(), "$fields") {
		return
	}
	list := []authority{}
	for _, i := range s.ca.Issuers() {
		list = append(list, describe(i))
	}
	answer(w, http.StatusOK, map[string]any{"type": "CAListResponse", "caList": list})
}

func describe(i casim.Issuer) authority {
	return authority{
		ID: caID(i), Name: "simulated: " + caID(i), Chain: []certificate{},
		Properties: map[string]string{"connector-name": "com.entrust.PKIHub", "type": "PKIaaS Certificate Authority"},
	}
}

func (s *server) authority(w http.ResponseWriter, r *http.Request, i casim.Issuer) {
	q := r.URL.Query()
	if unknown(w, q, "$fields") {
		return
	}
	a := describe(i)
	if q.Has("$fields") {
		a = authority{Chain: []certificate{}}
	}
	fields := strings.Split(q.Get("$fields"), ",")
	if slices.Contains(fields, "ca.certificate") {
		a.Certificate = caCertificate(i.Issuing)
	}
	if slices.Contains(fields, "ca.chain") {
		for _, c := range append(slices.Clone(i.Chain), i.Root) {
			if c != nil {
				a.Chain = append(a.Chain, *caCertificate(c))
			}
		}
	}
	answer(w, http.StatusOK, map[string]any{"type": "CAResponse", "ca": a})
}

func caCertificate(c *x509.Certificate) *certificate {
	return &certificate{SerialNumber: padded(c.SerialNumber.Text(16)), Data: base64.StdEncoding.EncodeToString(c.Raw)}
}

func (s *server) profiles(w http.ResponseWriter, r *http.Request, i casim.Issuer) {
	if unknown(w, r.URL.Query()) {
		return
	}
	id := "profile-" + i.ID
	answer(w, http.StatusOK, map[string]any{
		"type":     "ProfilesResponse",
		"message":  map[string]any{"message": "Profiles retrieved successfully.", "details": []any{}},
		"profiles": []map[string]string{{"id": id, "name": id}},
	})
}
