package digicertone

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"slices"
	"strings"

	"cloudpki/internal/casim"
)

// enrol issues for a request under a profile; the seat is made where there is
// none.
func (s *server) enrol(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Profile struct {
			ID string `json:"id"`
		} `json:"profile"`
		Seat struct {
			ID string `json:"seat_id"`
		} `json:"seat"`
		CSR    string `json:"csr"`
		Format string `json:"delivery_format"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&in); err != nil || in.Seat.ID == "" || in.Format != "x509" {
		refuse(w, http.StatusBadRequest, "invalid_request", "The body is not JSON, or lacks a member.")
		return
	}
	list := s.ca.Issuers()
	i := slices.IndexFunc(list, func(i casim.Issuer) bool { return i.Profile == in.Profile.ID })
	if i < 0 {
		refuse(w, http.StatusNotFound, "resource_not_found", "Profile not found.")
		return
	}
	block, _ := pem.Decode([]byte(in.CSR))
	if block == nil {
		refuse(w, http.StatusBadRequest, "invalid_request", "The csr is not PEM.")
		return
	}
	issued, _, err := s.ca.Sign(block.Bytes, list[i].ID)
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request", "The csr cannot be read.")
		return
	}
	answer(w, http.StatusCreated, map[string]any{
		"serial_number": strings.ToUpper(issued.Serial), "delivery_format": in.Format,
		"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued.DER})),
	})
}
