package digicertone

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"cloudpki/internal/casim"
)

// reasons are the vendor's names of the reasons of RFC 5280, 5.3.1, in the
// order of their codes, and how the simulated CA spells them.
func reasons() [][2]string {
	return [][2]string{
		{"unspecified", "Unspecified"},
		{"key_compromise", "KeyCompromise"},
		{"ca_compromise", "CACompromise"},
		{"affiliation_changed", "AffiliationChanged"},
		{"superseded", "Superseded"},
		{"cessation_of_operation", "CessationOfOperation"},
		{"certificate_hold", "CertificateHold"},
		{},
		{"remove_from_crl", "RemoveFromCRL"},
		{"privilege_withdrawn", "PrivilegeWithdrawn"},
		{"aa_compromise", "AACompromise"},
	}
}

// reasonName returns the vendor's name of a code; nil where there is none.
func reasonName(code int) *string {
	all := reasons()
	if code < 0 || code >= len(all) || all[code][0] == "" {
		return nil
	}
	return &all[code][0]
}

func (s *server) find(w http.ResponseWriter, r *http.Request) (casim.Issued, bool) {
	c, ok := s.ca.Find(strings.ToLower(strings.TrimLeft(r.PathValue("serial"), "0")))
	if !ok {
		refuse(w, http.StatusNotFound, "resource_not_found", "Certificate not found.")
	}
	return c, ok
}

func (s *server) certificate(w http.ResponseWriter, r *http.Request) {
	if c, ok := s.find(w, r); ok {
		answer(w, http.StatusOK, s.item(c))
	}
}

func (s *server) revoke(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Reason string `json:"revocation_reason"`
	}
	c, ok := s.find(w, r)
	if !ok {
		return
	}
	if c.Status == "REVOKED" {
		refuse(w, http.StatusBadRequest, "invalid_request", "The certificate is revoked already.")
		return
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request", "The body is not JSON.")
		return
	}
	for _, reason := range reasons() {
		if reason[0] == "" || reason[0] != in.Reason {
			continue
		}
		err := s.ca.Revoke(c.Serial, reason[1])
		if in.Reason == "certificate_hold" {
			err = s.ca.Suspend(c.Serial)
		}
		if err != nil {
			refuse(w, http.StatusInternalServerError, "internal_error", err.Error())
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	refuse(w, http.StatusBadRequest, "invalid_request", "Unknown revocation_reason.")
}

func (s *server) resume(w http.ResponseWriter, r *http.Request) {
	c, ok := s.find(w, r)
	switch {
	case !ok:
	case c.Status != "SUSPENDED":
		refuse(w, http.StatusBadRequest, "invalid_request", "The certificate is not suspended.")
	default:
		if err := s.ca.Resume(c.Serial); err != nil {
			refuse(w, http.StatusInternalServerError, "internal_error", err.Error())
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
