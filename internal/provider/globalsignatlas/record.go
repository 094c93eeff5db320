package globalsignatlas

import (
	"encoding/json"
	"errors"

	"cloudpki/internal/provider"
)

// A certificate is the answer to certificates/{serial}.
type certificate struct {
	PEM       string      `json:"certificate"`
	Status    string      `json:"status"`     // "ISSUED" or "REVOKED"
	UpdatedAt json.Number `json:"updated_at"` // Unix seconds
}

// record reads an answer. raw is what was sent for the certificate. The
// certificate must have the serial number that was asked for: one that has
// another would take its place.
//
// The service tells no time of a revocation; as issued certificates have no
// other change, it is that of the last change.
func (s *session) record(c certificate, serial string) (r provider.Record, raw []byte, err error) {
	cert, raw, err := provider.DecodeCertificate(c.PEM)
	if err != nil {
		return r, raw, err
	}
	r = provider.NewRecord(cert)
	if r.Serial != serial {
		return r, raw, errors.New("the service answers with the certificate of another serial number")
	}
	r.Updated = moment(c.UpdatedAt)
	switch c.Status {
	case "ISSUED":
		r.Status = provider.StatusAt(r.NotAfter, s.now())
	case "REVOKED":
		r.Status, r.RevokedAt = provider.StatusRevoked, r.Updated
	default:
		r.Status = provider.StatusUnknown
	}
	return r, raw, nil
}
