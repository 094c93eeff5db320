// Package sectigo is the REST API of Sectigo Certificate Manager as a dialect
// of the simulated CA: SSL certificates below /api/ssl/v1, for a login with a
// password, and the same below /private/api for a login with a client
// certificate.
//
// Paths, names, header fields and error codes are those of Sectigo's API
// documentation (SCM 25) and of clients in use. The order of the list, which
// Sectigo does not tell, is that of the ids.
package sectigo

import (
	"cmp"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/smallstep/pkcs7"

	"cloudpki/internal/casim"
)

// CustomerURI is the customer the simulator plays.
const CustomerURI = "simulated"

// OrgID is the organization that all certificates belong to.
const OrgID = 1234

// FirstID is the sslId of the oldest certificate.
const FirstID = 10001

// Dialect returns the dialect "sectigo".
func Dialect() casim.Dialect {
	return casim.Dialect{
		Name: "sectigo", Doc: "Sectigo Certificate Manager, SSL certificates; login with a password or a client certificate, customer URI " + CustomerURI, Path: "/", MayLogIn: true,
		Handler: Handler,
	}
}

// Handler serves the dialect for c.
func Handler(c *casim.CA) http.Handler {
	s := &service{c}
	mux := http.NewServeMux()
	for _, prefix := range []string{"/api/", "/private/api/"} {
		mux.Handle("GET "+prefix+"ssl/v1", s.admin(s.list))
		mux.Handle("GET "+prefix+"ssl/v1/{id}", s.admin(s.details))
		mux.Handle("GET "+prefix+"ssl/v1/collect/{id}", s.admin(s.collect))
		mux.Handle("GET "+prefix+"ssl/v1/collect/{id}/{format}", s.admin(s.collect))
		mux.Handle("GET "+prefix+"ssl/v1/types", s.admin(s.types))
	}
	mux.Handle("/", s.admin(func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, -1, "Unknown error.") }))
	return mux
}

type service struct{ ca *casim.CA }

// admin checks the login. Below /private the client certificate stands for the
// password, which is not looked at.
func (s *service) admin(serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		login := s.ca.Login()
		private := strings.HasPrefix(r.URL.Path, "/private/")
		switch {
		case r.Header.Get("customerUri") != CustomerURI:
			fail(w, http.StatusUnauthorized, -16, "Unknown user")
		case r.Header.Get("login") != login.User:
			fail(w, http.StatusUnauthorized, -16, "Unknown user")
		case private && (r.TLS == nil || len(r.TLS.PeerCertificates) == 0):
			fail(w, http.StatusForbidden, -7, "Client certificate is required but missing.")
		case !private && r.Header.Get("password") != login.Password:
			fail(w, http.StatusUnauthorized, -16, "Unknown user")
		default:
			serve(w, r)
		}
	})
}

// types answers with the certificate profiles of an organization.
func (s *service) types(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("types")
	if !s.organization(w, r.URL.Query(), "organizationId") {
		return
	}
	var out []certType
	for _, p := range casim.Profiles() {
		out = append(out, typeOf(p))
	}
	write(w, out)
}

// organization refuses one that the login may not see.
func (s *service) organization(w http.ResponseWriter, q url.Values, name string) bool {
	if v := q.Get(name); v != "" && v != strconv.Itoa(OrgID) {
		fail(w, http.StatusBadRequest, -9, "Invalid organization")
		return false
	}
	return true
}

type item struct {
	ID     int      `json:"sslId"`
	Name   string   `json:"commonName"`
	SAN    []string `json:"subjectAlternativeNames"`
	Serial string   `json:"serialNumber"`
}

// list answers GET /ssl/v1: a stretch of the certificates that fit, and in
// X-Total-Count how many fit.
func (s *service) list(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("list")
	q := r.URL.Query()
	for name := range q {
		if !slices.Contains([]string{"size", "position", "status", "orgId", "sslTypeId", "serialNumber", "commonName"}, name) {
			fail(w, http.StatusBadRequest, -1, "Unknown parameter "+name)
			return
		}
	}
	size, err := number(q, "size", 200)
	position, err2 := number(q, "position", 0)
	if err != nil || err2 != nil || size < 1 || size > 200 || (q.Get("status") != "" && !slices.Contains(states(), q.Get("status"))) {
		fail(w, http.StatusBadRequest, -1, "Invalid parameters")
		return
	}
	if !s.organization(w, q, "orgId") {
		return
	}
	found := []item{}
	for i, c := range s.ca.Inventory() {
		if fits(q, c) {
			found = append(found, item{FirstID + i, c.CommonName, []string{}, colons(c.Serial)})
		}
	}
	w.Header().Set("X-Total-Count", strconv.Itoa(len(found)))
	from := min(position, len(found))
	write(w, found[from:min(from+min(size, s.ca.PageSize()), len(found))])
}

func number(q url.Values, name string, absent int) (int, error) {
	if !q.Has(name) {
		return absent, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err == nil && n < 0 {
		err = strconv.ErrRange
	}
	return n, err
}

func fits(q url.Values, c casim.Issued) bool {
	for name, value := range map[string]string{
		"status": state(c), "sslTypeId": strconv.Itoa(typeOf(c.Profile).ID), "serialNumber": colons(c.Serial), "commonName": c.CommonName,
	} {
		if v := q.Get(name); v != "" && v != value {
			return false
		}
	}
	return true
}

func states() []string {
	return []string{"Invalid", "Requested", "Approved", "Declined", "Applied", "Issued", "Revoked", "Expired", "Replaced", "Rejected", "SAApproved", "Init"}
}

func state(c casim.Issued) string {
	switch c.Status {
	case "EXPIRED":
		return "Expired"
	case "VALID":
		return "Issued"
	default:
		return "Revoked"
	}
}

type certType struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

func typeOf(profile string) certType {
	if profile == casim.ProfileDevice {
		return certType{502, "Device SSL"}
	}
	return certType{501, "User SSL"}
}

// collect answers with the certificate: x509 is PEM with the chain, leaf first;
// x509CO the leaf alone; base64 and bin are PKCS#7.
func (s *service) collect(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("collect")
	c, _, ok := s.find(w, r)
	if !ok {
		return
	}
	if state(c) == "Revoked" {
		fail(w, http.StatusBadRequest, -110, "Certificate has been revoked and cannot be downloaded.")
		return
	}
	ders := [][]byte{c.DER}
	for _, i := range s.ca.Issuers() {
		if i.Profile == c.Profile {
			ders = append(ders, i.Issuing.Raw)
			for _, up := range i.Chain {
				ders = append(ders, up.Raw)
			}
			ders = append(ders, i.Root.Raw)
		}
	}
	switch format := cmp.Or(r.PathValue("format"), r.URL.Query().Get("format"), "base64"); format {
	case "x509CO", "x509":
		if format == "x509CO" {
			ders = ders[:1]
		}
		for _, der := range ders {
			_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // the client is gone: nobody to tell
		}
	case "base64", "bin":
		p7, err := pkcs7.DegenerateCertificate(slices.Concat(ders...))
		if err != nil {
			fail(w, http.StatusInternalServerError, -1, "Internal error")
			return
		}
		if format == "bin" {
			_, _ = w.Write(p7)
			return
		}
		_ = pem.Encode(w, &pem.Block{Type: "PKCS7", Bytes: p7})
	default:
		fail(w, http.StatusBadRequest, -126, "Unknown SSL certificate file format requested: "+format)
	}
}

// find returns the certificate with the id of the path.
func (s *service) find(w http.ResponseWriter, r *http.Request) (casim.Issued, int, bool) {
	id, err := strconv.Atoi(r.PathValue("id"))
	all := s.ca.Inventory()
	if err != nil || id < FirstID || id >= FirstID+len(all) {
		fail(w, http.StatusNotFound, -124, "Wrong SSL certificate id "+r.PathValue("id")+".")
		return casim.Issued{}, 0, false
	}
	return all[id-FirstID], id, true
}

// colons writes a serial number as the API does: AA:BB.
func colons(serial string) string {
	if len(serial)%2 == 1 {
		serial = "0" + serial
	}
	var pairs []string
	for pair := range slices.Chunk([]byte(strings.ToUpper(serial)), 2) {
		pairs = append(pairs, string(pair))
	}
	return strings.Join(pairs, ":")
}

// fail answers as the API does: a negative code and a description.
func fail(w http.ResponseWriter, status, code int, description string) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // the client is gone: nobody to tell
		Code        int    `json:"code"`
		Description string `json:"description"`
	}{code, description})
}

func write(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the simulator cannot write its answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = w.Write(b) // the client is gone: nobody to tell
}
