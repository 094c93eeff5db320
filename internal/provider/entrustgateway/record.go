package entrustgateway

import (
	"strings"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// details are a certificate with its state, as the gateway tells of one.
type details struct {
	Status     rest.Text `json:"status"`
	Data       rest.Text `json:"certificateData"`
	Revocation struct {
		Date   rest.Text `json:"revocationDate"`
		Reason rest.Text `json:"reason"`
	} `json:"revocationInfo"`
}

// record adds the state to what the certificate itself tells. Of the words for
// a state, "normal" and "revoked" are documented by example; a CA behind the
// gateway may call a hold a revocation for the reason certificateHold.
func (d details) record(r provider.Record, now time.Time) provider.Record {
	status := strings.ToLower(string(d.Status))
	why := reason(string(d.Revocation.Reason))
	switch {
	case strings.Contains(status, "hold"), strings.Contains(status, "held"), strings.Contains(status, "suspend"),
		strings.Contains(status, "revok") && why == 6:
		r.Status, r.RevokedAt, r.Reason = provider.StatusSuspended, moment(string(d.Revocation.Date)), 6
	case strings.Contains(status, "revok"):
		r.Status, r.RevokedAt, r.Reason = provider.StatusRevoked, moment(string(d.Revocation.Date)), why
	case status == "normal", status == "active", status == "valid", status == "issued":
		r.Status = provider.StatusAt(r.NotAfter, now)
	case status == "expired":
		r.Status = provider.StatusExpired
	}
	return r
}

// reason returns the code of RFC 5280, 5.3.1; -1 for a name that is not listed.
func reason(name string) int {
	codes := map[string]int{
		"unspecified": 0, "keycompromise": 1, "cacompromise": 2, "affiliationchanged": 3, "superseded": 4, "cessationofoperation": 5,
		"certificatehold": 6, "removefromcrl": 8, "privilegewithdrawn": 9, "aacompromise": 10,
	}
	if code, ok := codes[strings.ToLower(name)]; ok {
		return code
	}
	return -1
}

// moment reads a time of RFC 3339, also without a zone, or a date alone. What it
// cannot read is unknown.
func moment(v string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil && t.Year() > 1970 {
			return t.UTC()
		}
	}
	return time.Time{}
}
