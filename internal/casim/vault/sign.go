package vault

import (
	"encoding/pem"
	"net/http"
	"strings"
)

// Roles are the roles of the mount: each signs by the issuing CA of its name.
func Roles() []string { return []string{"user", "device"} }

func (s *Server) writing() {
	const at = "POST /v1/" + Mount + "/"
	s.handle(at+"sign/{role}", "sign", false, s.sign)
	s.handle(at+"issuer/{ref}/sign/{role}", "sign", false, s.sign)
	s.handle(at+"revoke", "revoke", false, s.revoke)
}

func (s *Server) sign(w http.ResponseWriter, r *http.Request) {
	var in struct {
		CSR    string `json:"csr"`
		Format string `json:"format"`
	}
	if !read(w, r, &in) {
		return
	}
	role := r.PathValue("role")
	if role != Roles()[0] && role != Roles()[1] {
		refuse(w, http.StatusBadRequest, "unknown role: "+role)
		return
	}
	block, _ := pem.Decode([]byte(in.CSR))
	if block == nil {
		refuse(w, http.StatusBadRequest, "csr contains no data")
		return
	}
	issued, chain, err := s.ca.Sign(block.Bytes, role)
	if err != nil {
		refuse(w, http.StatusBadRequest, "error parsing CSR: "+err.Error())
		return
	}
	var above []string
	for _, c := range chain {
		above = append(above, encode(c))
	}
	answer(w, map[string]any{
		"certificate": encodeDER(issued.DER), "issuing_ca": above[0], "ca_chain": above,
		"serial_number": spell(issued.Serial), "expiration": issued.NotAfter.Unix(),
	})
}

// revoke tells of what is revoked already when it was.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Serial string `json:"serial_number"`
	}
	if !read(w, r, &in) {
		return
	}
	serial := strings.TrimLeft(strings.NewReplacer(":", "", "-", "").Replace(strings.ToLower(in.Serial)), "0")
	found, err := s.ca.RevokeFor(serial, 0)
	switch {
	case err != nil:
		refuse(w, http.StatusInternalServerError, err.Error())
	case !found:
		refuse(w, http.StatusBadRequest, "certificate with serial "+in.Serial+" not found")
	default:
		i, _ := s.ca.Find(serial)
		answer(w, map[string]any{"revocation_time": i.RevokedAt.Unix(), "state": "revoked"})
	}
}
