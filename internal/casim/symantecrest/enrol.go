package symantecrest

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"slices"

	"cloudpki/internal/casim"
)

// enrol answers POST certificate: the certificate alone, in the form that the
// profile has.
func enrol(ca *casim.CA, w http.ResponseWriter, r *http.Request) {
	var in struct {
		Profile struct {
			ID string `json:"id"`
		} `json:"profile"`
		Seat struct {
			ID string `json:"seat_id"`
		} `json:"seat"`
		CSR        string            `json:"csr"`
		Attributes map[string]string `json:"attributes"`
	}
	dec := json.NewDecoder(io.LimitReader(r.Body, maxRequest))
	dec.DisallowUnknownFields()
	block, issuers := (*pem.Block)(nil), ca.Issuers()
	err := dec.Decode(&in)
	if err == nil {
		block, _ = pem.Decode([]byte(in.CSR))
	}
	i := slices.IndexFunc(issuers, func(i casim.Issuer) bool { return i.Profile == in.Profile.ID })
	switch {
	case err != nil || block == nil:
		refuse(w, http.StatusBadRequest, "invalid_request", "The request body is not valid")
		return
	case i < 0:
		refuse(w, http.StatusBadRequest, "profile_not_found", "The profile was not found")
		return
	case in.Seat.ID == "" || in.Attributes["common_name"] == "":
		refuse(w, http.StatusBadRequest, "missing_parameter", "seat_id and common_name are required")
		return
	}
	issued, _, err := ca.Sign(block.Bytes, issuers[i].ID)
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid_csr", "The CSR is not valid")
		return
	}
	answer(w, http.StatusCreated, map[string]string{
		"serial_number": issued.Serial, "delivery_format": "x509", "status": "VALID",
		"certificate": base64.StdEncoding.EncodeToString(issued.DER),
	})
}
