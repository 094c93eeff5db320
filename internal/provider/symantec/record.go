package symantec

import (
	"crypto/x509"
	"strconv"
	"time"

	"cloudpki/internal/provider"
)

// add reads one record into the page, as a record or as skipped.
func (s *session) add(page *provider.Page, info *node) {
	cert, raw, err := provider.DecodeCertificate(info.value("certificate"))
	if err != nil {
		page.Skipped = append(page.Skipped, provider.Skipped{
			Raw:    raw[:min(len(raw), provider.MaxRaw)],
			Serial: provider.Clean(info.value("serialNumber"), 100),
			Reason: s.words.Clean(err.Error(), maxWords),
		})
		return
	}
	page.Records = append(page.Records, s.record(cert, info))
}

// record takes from the certificate what it tells, and the rest from the
// columns: status, revocation, profile and seat.
func (s *session) record(cert *x509.Certificate, info *node) provider.Record {
	r := provider.NewRecord(cert)
	r.ProfileID = provider.Clean(info.value("profileOID"), 200)
	r.Holder = provider.Clean(info.value("seatId"), 256)
	if r.CommonName == "" {
		r.CommonName = provider.Clean(info.value("commonName"), 256)
	}
	switch info.value("status") {
	case "VALID":
		r.Status = provider.StatusValid
		if s.now().After(r.NotAfter) {
			r.Status = provider.StatusExpired
		}
	case "EXPIRED":
		r.Status = provider.StatusExpired
	case "REVOKED":
		r.Status = provider.StatusRevoked
		r.RevokedAt, r.Reason = moment(info.value("revokeAt")), reason(info.value("revokeReason"))
	case "SUSPENDED":
		r.Status = provider.StatusSuspended
		r.RevokedAt, r.Reason = moment(info.value("revokeAt")), 6
	default:
		r.Status = provider.StatusUnknown
	}
	return r
}

// reason returns the code of RFC 5280, 5.3.1, of a revokeReason. The live
// schema has ten names; what is not among them is unknown, not an error, so
// that no record is lost for it.
func reason(name string) int {
	switch name {
	case "Unspecified":
		return 0
	case "KeyCompromise":
		return 1
	case "CACompromise":
		return 2
	case "AffiliationChanged":
		return 3
	case "Superseded":
		return 4
	case "CessationOfOperation":
		return 5
	case "CertificateHold":
		return 6
	case "RemoveFromCRL":
		return 8
	case "PrivilegeWithdrawn":
		return 9
	case "AACompromise":
		return 10
	}
	return -1
}

// moment reads a Unix time. The schema does not tell its unit; clients in use
// read seconds, and a value beyond the year 5138 can only be milliseconds.
func moment(v string) time.Time {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	t := time.Unix(n, 0)
	if n > 1e11 {
		t = time.UnixMilli(n)
	}
	if t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC()
}
