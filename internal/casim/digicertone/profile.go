package digicertone

import (
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"

	"cloudpki/internal/casim"
)

// A profile is one certificate profile. The list of profiles leaves the
// issuer out.
type profile struct {
	ID             string       `json:"id"`
	Name           string       `json:"name"`
	Status         string       `json:"status"`
	BusinessUnitID string       `json:"business_unit_id"`
	Enrollment     string       `json:"enrollment_method"`
	Certificate    *certificate `json:"certificate,omitempty"`
}

type certificate struct {
	Issuer caResponse `json:"issuer"`
}

// A caResponse is a CA certificate with those above it.
type caResponse struct {
	SerialNumber string       `json:"serial_number"`
	SubjectDN    string       `json:"subject_dn"`
	Certificate  string       `json:"certificate"` // base64 of DER
	Root         bool         `json:"root"`
	Chain        []caResponse `json:"chain,omitempty"`
}

// profileID returns the id of the profile of an issuing CA.
func profileID(issuer casim.Issuer) string {
	if issuer.ID == "user" {
		return ProfileUser
	}
	return ProfileDevice
}

func (s *server) profiles(w http.ResponseWriter, r *http.Request) {
	if name, found := unknown(r.URL.Query(), "api_token_id"); found {
		refuse(w, http.StatusBadRequest, "invalid_request", "Unknown parameter "+name+".")
		return
	}
	list := []profile{}
	for _, i := range s.ca.Issuers() {
		list = append(list, profileOf(i))
	}
	answer(w, http.StatusOK, list)
}

func (s *server) profile(w http.ResponseWriter, r *http.Request) {
	for _, i := range s.ca.Issuers() {
		if profileID(i) != r.PathValue("id") {
			continue
		}
		p := profileOf(i)
		p.Certificate = &certificate{caOf(i.Issuing, i.Root)}
		for _, c := range i.Chain {
			p.Certificate.Issuer.Chain = append(p.Certificate.Issuer.Chain, caOf(c, i.Root))
		}
		if i.Root != nil {
			p.Certificate.Issuer.Chain = append(p.Certificate.Issuer.Chain, caOf(i.Root, i.Root))
		}
		answer(w, http.StatusOK, p)
		return
	}
	refuse(w, http.StatusNotFound, "resource_not_found", "Profile not found.")
}

func profileOf(i casim.Issuer) profile {
	return profile{ID: profileID(i), Name: "Profile " + i.ID, Status: "active", BusinessUnitID: BusinessUnitID, Enrollment: "rest_api"}
}

func caOf(c, root *x509.Certificate) caResponse {
	return caResponse{
		SerialNumber: strings.ToUpper(c.SerialNumber.Text(16)), SubjectDN: c.Subject.String(),
		Certificate: base64.StdEncoding.EncodeToString(c.Raw), Root: root != nil && c.Equal(root),
	}
}
