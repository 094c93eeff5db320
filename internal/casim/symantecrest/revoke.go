package symantecrest

import (
	"encoding/json"
	"io"
	"net/http"

	"cloudpki/internal/casim"
)

// find returns the certificate that the path names, or answers that there is
// none.
func find(ca *casim.CA, w http.ResponseWriter, r *http.Request) (casim.Issued, bool) {
	i, ok := ca.Find(r.PathValue("serial"))
	if !ok {
		refuse(w, http.StatusNotFound, "entity_not_found", "No certificate was found")
	}
	return i, ok
}

// revoke answers PUT certificate/{serial}/revoke, which takes four reasons. What
// it says of a certificate that is revoked already is not documented.
func revoke(ca *casim.CA, w http.ResponseWriter, r *http.Request) {
	var in struct {
		Reason string `json:"revocation_reason"`
	}
	dec := json.NewDecoder(io.LimitReader(r.Body, maxRequest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request", "The request body is not valid")
		return
	}
	code, known := map[string]int{"key_compromise": 1, "affiliation_changed": 3, "superseded": 4, "cessation_of_operation": 5}[in.Reason]
	if !known {
		refuse(w, http.StatusBadRequest, "invalid_parameter", "revocation_reason is not valid")
		return
	}
	i, ok := find(ca, w, r)
	if !ok {
		return
	}
	if i.Status == "REVOKED" {
		refuse(w, http.StatusBadRequest, "invalid_status", "The certificate is revoked")
		return
	}
	if _, err := ca.RevokeFor(i.Serial, code); err != nil {
		refuse(w, http.StatusInternalServerError, "internal_error", "The certificate cannot be revoked")
		return
	}
	answer(w, http.StatusOK, map[string]string{"serial_number": i.Serial, "status": "REVOKED"})
}
