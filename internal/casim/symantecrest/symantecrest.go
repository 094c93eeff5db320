// Package symantecrest is the dialect of the REST service of DigiCert PKI
// Platform 8 ("DigiCert PKI Platform Web Services"): an API key in X-API-Key,
// profiles with their issuers, and a search by criteria whose index begins at 1.
// Paths, members and the refusal of what finds nothing are those of the
// vendor's documentation of 2024; it speaks for one account.
package symantecrest

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"

	"cloudpki/internal/casim"
)

const base = "/mpki/api/v1/"

// Dialect returns the dialect "symantec-rest".
func Dialect() casim.Dialect {
	return casim.Dialect{
		Name: "symantec-rest", Doc: "REST service of DigiCert PKI Platform 8 (API key)",
		Path: base, Open: true, Handler: handler,
	}
}

func handler(ca *casim.CA) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"profile", func(w http.ResponseWriter, _ *http.Request) {
		ca.Count("profile")
		answer(w, http.StatusOK, profiles(ca))
	})
	mux.HandleFunc("POST "+base+"searchcert", func(w http.ResponseWriter, r *http.Request) {
		ca.Count("searchcert")
		search(ca, w, r)
	})
	mux.HandleFunc("GET "+base+"certificate/{serial}", func(w http.ResponseWriter, r *http.Request) {
		ca.Count("certificate")
		if i, ok := find(ca, w, r); ok {
			answer(w, http.StatusOK, told(i))
		}
	})
	mux.HandleFunc("POST "+base+"certificate", func(w http.ResponseWriter, r *http.Request) {
		ca.Count("enrol")
		enrol(ca, w, r)
	})
	mux.HandleFunc("PUT "+base+"certificate/{serial}/revoke", func(w http.ResponseWriter, r *http.Request) {
		ca.Count("revoke")
		revoke(ca, w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-API-Key")), []byte(ca.Login().APIKey)) != 1 {
			refuse(w, http.StatusUnauthorized, "access_denied", "Authentication failed: the API key is not valid")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

type fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string][]fault{"errors": {{code, message}}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}

type profile struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Status      string `json:"status"`
	Certificate struct {
		Issuer issuer `json:"issuer"`
	} `json:"certificate"`
}

type issuer struct {
	SerialNumber string `json:"serial_number"`
	SubjectDN    string `json:"subject_dn"`
	Certificate  string `json:"certificate"`
	Root         bool   `json:"root"`
}

func profiles(ca *casim.CA) []profile {
	list := []profile{}
	for _, i := range ca.Issuers() {
		p := profile{ID: i.Profile, Name: i.ID, Status: "active"}
		p.Certificate.Issuer = issuer{
			SerialNumber: i.Issuing.SerialNumber.Text(16), SubjectDN: i.Issuing.Subject.String(),
			Certificate: base64.StdEncoding.EncodeToString(i.Issuing.Raw),
		}
		list = append(list, p)
	}
	return list
}

type criteria struct {
	SeatID     string `json:"seat_id"`
	CommonName string `json:"common_name"`
	Email      string `json:"email"`
	IssuingCA  string `json:"issuing_ca"`
	ProfileID  string `json:"profile_id"`
	Serial     string `json:"serial_number"`
	Status     string `json:"status"`
	ValidFrom  string `json:"valid_from"`
	ValidTo    string `json:"valid_to"`
	StartIndex int    `json:"start_index"`
}

type record struct {
	Profile     map[string]string `json:"profile"`
	Seat        map[string]string `json:"seat"`
	Account     map[string]string `json:"account"`
	Certificate string            `json:"certificate"`
	CommonName  string            `json:"common_name"`
	Status      string            `json:"status"`
	Serial      string            `json:"serial_number"`
	ValidFrom   string            `json:"valid_from"`
	ValidTo     string            `json:"valid_to"`
	Escrowed    bool              `json:"is_key_escrowed"`
	Notes       *string           `json:"enrollment_notes"`
}

const maxRequest = 64 << 10

func search(ca *casim.CA, w http.ResponseWriter, r *http.Request) {
	dec := json.NewDecoder(io.LimitReader(r.Body, maxRequest))
	dec.DisallowUnknownFields()
	var c criteria
	if err := dec.Decode(&c); err != nil || r.Header.Get("Content-Type") != "application/json" {
		refuse(w, http.StatusBadRequest, "invalid_request", "The request body is not valid")
		return
	}
	if c.StartIndex < 1 {
		refuse(w, http.StatusBadRequest, "invalid_parameter", "start_index must be at least 1")
		return
	}
	if c.ProfileID == "" && c.SeatID == "" && c.CommonName == "" && c.Serial == "" && c.Status == "" {
		refuse(w, http.StatusBadRequest, "missing_parameter", "At least one search criterion is required")
		return
	}
	found := slices.DeleteFunc(slices.Clone(ca.Inventory()), func(i casim.Issued) bool {
		differs := func(want, got string) bool { return want != "" && want != got }
		return differs(c.ProfileID, i.Profile) || differs(c.SeatID, i.Holder) || differs(c.CommonName, i.CommonName) ||
			differs(c.Serial, i.Serial) || differs(c.Status, i.Status)
	})
	if c.StartIndex > len(found) {
		refuse(w, http.StatusNotFound, "entity_not_found", "No certificate was found")
		return
	}
	page := found[c.StartIndex-1:]
	more := len(page) > ca.PageSize()
	page = page[:min(len(page), ca.PageSize())]
	list := make([]record, len(page))
	for i, cert := range page {
		list[i] = told(cert)
	}
	answer(w, http.StatusOK, map[string]any{
		"count": len(found), "more_certs_available": more, "index": c.StartIndex + len(page), "certificates": list,
	})
}

func told(c casim.Issued) record {
	const iso = "2006-01-02T15:04:05.000Z"
	return record{
		Profile: map[string]string{"id": c.Profile, "name": "Profile"}, Seat: map[string]string{"seat_id": c.Holder, "seat_name": c.Holder, "email": c.Holder},
		Account: map[string]string{"id": casim.AccountID}, Certificate: base64.StdEncoding.EncodeToString(c.DER), CommonName: c.CommonName,
		Status: c.Status, Serial: c.Serial, ValidFrom: c.NotBefore.In(time.UTC).Format(iso), ValidTo: c.NotAfter.In(time.UTC).Format(iso),
	}
}
