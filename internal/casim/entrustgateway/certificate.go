package entrustgateway

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/casim"
)

// A certificate is one certificate with its state.
type certificate struct {
	Status         string          `json:"status,omitempty"`
	SerialNumber   string          `json:"serialNumber,omitempty"`
	Data           string          `json:"certificateData"` // base64 of DER
	RevocationInfo *revocationInfo `json:"revocationInfo,omitempty"`
}

type revocationInfo struct {
	RevocationDate string  `json:"revocationDate"`
	Reason         *string `json:"reason"`
	CompromiseDate *string `json:"compromiseDate"`
}

// reasons are the vendor's names of the reasons of RFC 5280, 5.3.1, by code.
func reasons() []string {
	return []string{
		"unspecified", "keyCompromise", "caCompromise", "affiliationChanged", "superseded",
		"cessationOfOperation", "certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aaCompromise",
	}
}

func reasonName(code int) *string {
	all := reasons()
	if code < 0 || code >= len(all) || all[code] == "" {
		return nil
	}
	return &all[code]
}

// find returns the certificate of a path, which its CA has issued.
func (s *server) find(w http.ResponseWriter, r *http.Request, i casim.Issuer) (casim.Issued, bool) {
	c, ok := s.ca.Find(strings.TrimLeft(strings.ToLower(r.PathValue("serial")), "0"))
	if !ok || c.Profile != i.Profile {
		refuse(w, http.StatusNotFound, "certificate-not-found", "The certificate is not found.", "serialNumber")
		return c, false
	}
	return c, true
}

func (s *server) certificate(w http.ResponseWriter, r *http.Request, i casim.Issuer) {
	if unknown(w, r.URL.Query(), "$fields") {
		return
	}
	c, ok := s.find(w, r, i)
	if !ok {
		return
	}
	out := certificate{Status: status(c), SerialNumber: padded(c.Serial), Data: base64.StdEncoding.EncodeToString(c.DER)}
	if !c.RevokedAt.IsZero() {
		out.RevocationInfo = &revocationInfo{RevocationDate: c.RevokedAt.UTC().Format(time.RFC3339Nano), Reason: reasonName(c.ReasonCode)}
	}
	answer(w, http.StatusOK, map[string]any{"type": "CertificateResponse", "certificate": out, "chain": []any{}})
}

func status(c casim.Issued) string {
	switch word := strings.ToLower(c.Status); word {
	case "valid":
		return "normal"
	case "suspended":
		return "held"
	default:
		return word
	}
}

// act carries out an action on a certificate.
func (s *server) act(w http.ResponseWriter, r *http.Request, i casim.Issuer) {
	c, ok := s.find(w, r, i)
	if !ok {
		return
	}
	var in struct {
		Action struct {
			Type, Reason, Comment string
		} `json:"action"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "invalid-request", "The body is not JSON.", "")
		return
	}
	var err error
	switch in.Action.Type {
	case "RevokeAction":
		if !slices.Contains(reasons(), in.Action.Reason) || in.Action.Reason == "" {
			refuse(w, http.StatusBadRequest, "invalid-parameter", "Unknown reason.", "reason")
			return
		}
		err = s.ca.Revoke(c.Serial, spelled(in.Action.Reason))
	case "HoldAction":
		err = s.ca.Suspend(c.Serial)
	case "UnholdAction", "ReactivateAction":
		err = s.ca.Resume(c.Serial)
	default:
		refuse(w, http.StatusBadRequest, "invalid-parameter", "Unknown action.", "type")
		return
	}
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal", err.Error(), "")
		return
	}
	answer(w, http.StatusOK, map[string]any{"type": "ActionResponse", "action": map[string]any{"type": in.Action.Type, "status": "COMPLETED", "reason": in.Action.Reason}})
}

// spelled writes a reason as the simulated CA does.
func spelled(reason string) string {
	switch reason {
	case "caCompromise":
		return "CACompromise"
	case "aaCompromise":
		return "AACompromise"
	}
	return strings.ToUpper(reason[:1]) + reason[1:]
}
