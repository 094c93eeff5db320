package ejbca

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"slices"
	"strings"
)

// The profiles that requests must name.
const (
	EndEntityProfile   = "DEVICES"
	CertificateProfile = "ENDUSER"
)

// enrol issues for a request (v1/certificate/pkcs10enroll). The issuing CA is
// that of the name.
func (s *service) enrol(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("pkcs10enroll")
	var in struct {
		Request   string `json:"certificate_request"`
		CA        string `json:"certificate_authority_name"`
		Entity    string `json:"end_entity_profile_name"`
		Profile   string `json:"certificate_profile_name"`
		Username  string `json:"username"`
		Password  string `json:"password"`
		WithChain bool   `json:"include_chain"`
	}
	if json.NewDecoder(io.LimitReader(r.Body, maxRequest)).Decode(&in) != nil || in.Username == "" || in.Password == "" {
		fail(w, http.StatusBadRequest, "Invalid JSON or a mandatory field is missing")
		return
	}
	list := hosted(s.ca)
	i := slices.IndexFunc(list, func(c hostedCA) bool { return c.name == in.CA && c.issuer != "" })
	block, _ := pem.Decode([]byte(in.Request))
	switch {
	case i < 0:
		fail(w, http.StatusBadRequest, "Unknown CA: "+in.CA)
		return
	case in.Entity != EndEntityProfile:
		fail(w, http.StatusBadRequest, "Unknown end entity profile: "+in.Entity)
		return
	case in.Profile != CertificateProfile:
		fail(w, http.StatusBadRequest, "Unknown certificate profile: "+in.Profile)
		return
	case block == nil:
		fail(w, http.StatusBadRequest, "Invalid certificate request")
		return
	}
	issued, chain, err := s.ca.Sign(block.Bytes, list[i].issuer)
	if err != nil {
		fail(w, http.StatusBadRequest, "Invalid certificate request: "+err.Error())
		return
	}
	out := map[string]any{"certificate": issued.DER, "serial_number": strings.ToUpper(issued.Serial), "response_format": "DER"}
	if in.WithChain {
		var above [][]byte
		for _, c := range chain {
			above = append(above, c.Raw)
		}
		out["certificate_chain"] = above
	}
	write(w, http.StatusCreated, out)
}

// revoke revokes by issuer and serial number; what is revoked is a conflict.
func (s *service) revoke(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("revoke")
	code := slices.Index([]string{
		"UNSPECIFIED", "KEY_COMPROMISE", "CA_COMPROMISE", "AFFILIATION_CHANGED", "SUPERSEDED", "CESSATION_OF_OPERATION", "CERTIFICATE_HOLD",
		"", "REMOVE_FROM_CRL", "PRIVILEGES_WITHDRAWN", "AA_COMPROMISE",
	}, r.URL.Query().Get("reason"))
	serial := strings.ToLower(r.PathValue("serial"))
	issued, found := s.ca.Find(serial)
	_, issuer := byDN(s.ca, r.PathValue("dn"))
	switch {
	case code < 0:
		fail(w, http.StatusBadRequest, "Invalid revocation reason.")
	case !issuer:
		fail(w, http.StatusNotFound, "CA with DN: "+r.PathValue("dn")+" does not exist.")
	case !found:
		fail(w, http.StatusNotFound, "Certificate with serial number "+serial+" was not found")
	case issued.Status == "REVOKED":
		fail(w, http.StatusConflict, "Certificate with serial number "+serial+" has previously been revoked")
	default:
		if _, err := s.ca.RevokeFor(serial, code); err != nil {
			fail(w, http.StatusInternalServerError, "General failure.")
			return
		}
		write(w, http.StatusOK, map[string]any{"issuer_dn": r.PathValue("dn"), "serial_number": serial, "revocation_reason": r.URL.Query().Get("reason"), "revoked": true})
	}
}
