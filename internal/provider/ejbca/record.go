package ejbca

import (
	"encoding/json"
	"strconv"
	"time"

	"cloudpki/internal/provider"
)

// The states of a certificate in EJBCA (CertificateConstants).
const (
	statusActive   = 20
	statusNotified = 21 // active; its end was announced
	statusRevoked  = 40
	statusArchived = 60 // expired, and no longer on the CRL
)

// A certificate is one record of the search. Times are Unix milliseconds. What
// EJBCA may leave null is a pointer or has a zero that means none.
type certificate struct {
	Fingerprint string `json:"fingerprint"` // SHA-1
	Serial      string `json:"serialNumber"`
	Issuer      string `json:"issuerDN"`
	Base64      string `json:"base64Cert"`
	Status      *int   `json:"status"`
	NotBefore   *int64 `json:"notBefore"`
	RevokedAt   *int64 `json:"revocationDate"`
	Reason      *int   `json:"revocationReason"`
	Misspelt    *int64 `json:"udpateTime"` // as EJBCA has it
	Updated     *int64 `json:"updateTime"` // should that be mended one day
	Username    string `json:"username"`
	ProfileID   *int64 `json:"certificateProfileId"`
	ProfileName string `json:"certificateProfile"`
}

// UnmarshalJSON reads a record of which any member may be of another type than
// it should: that member is then as if it were null, and the record is not lost.
func (c *certificate) UnmarshalJSON(b []byte) error {
	type plain certificate
	var members map[string]json.RawMessage
	if json.Unmarshal(b, (*plain)(c)) == nil {
		return nil
	}
	*c = certificate{}
	_ = json.Unmarshal(b, &members) // a record that is no object has no members, and is told as skipped
	for name, value := range members {
		one, err := json.Marshal(map[string]json.RawMessage{name: value})
		if err != nil {
			continue
		}
		next := *c
		if json.Unmarshal(one, (*plain)(&next)) == nil {
			*c = next
		}
	}
	return nil
}

// mark identifies a certificate by what cannot change.
func (c certificate) mark() string {
	mark := c.Fingerprint
	if mark == "" {
		mark = c.Serial + "|" + c.Issuer
	}
	return mark[:min(len(mark), maxMark)]
}

// updated is the time of the last change, nil where EJBCA does not tell.
func (c certificate) updated() *int64 {
	if c.Misspelt != nil {
		return c.Misspelt
	}
	return c.Updated
}

// key returns the time by which a scan is sorted, 0 where it is null.
func (c certificate) key(property string) int64 {
	ms := c.updated()
	switch property {
	case byIssue:
		ms = c.NotBefore
	case byRevocation:
		ms = c.RevokedAt
	}
	if ms == nil || *ms < 0 || *ms > maxMoment {
		return 0
	}
	return *ms
}

// maxMoment is the last millisecond of the year 9999.
const maxMoment = 253402300799999

// moment reads a time; what cannot be one, such as -1 for «not revoked», is
// none.
func moment(ms *int64) time.Time {
	if ms == nil || *ms <= 0 || *ms > maxMoment {
		return time.Time{}
	}
	return time.UnixMilli(*ms).UTC()
}

// add reads one record into the page, as a record or as skipped.
func (s *session) add(page *provider.Page, c certificate) {
	cert, raw, err := provider.DecodeCertificate(c.Base64)
	if err != nil {
		page.Skipped = append(page.Skipped, provider.Skipped{
			Raw:    raw[:min(len(raw), provider.MaxRaw)],
			Serial: provider.Clean(c.Serial, 100),
			Reason: s.words.Clean(err.Error(), maxWords),
		})
		return
	}
	r := provider.NewRecord(cert)
	r.Holder = provider.Clean(c.Username, 256)
	r.Issued, r.Updated = moment(c.NotBefore), moment(c.updated())
	if r.ProfileID = provider.Clean(c.ProfileName, 200); r.ProfileID == "" && c.ProfileID != nil {
		r.ProfileID = strconv.FormatInt(*c.ProfileID, 10)
	}
	s.state(&r, c)
	page.Records = append(page.Records, r)
}

// state reads the columns of the status. A certificate on hold is revoked with
// the reason certificateHold; one that was taken off hold is active with the
// reason removeFromCRL or none.
func (s *session) state(r *provider.Record, c certificate) {
	status, reason := 0, -1
	if c.Status != nil {
		status = *c.Status
	}
	if c.Reason != nil && *c.Reason >= 0 && *c.Reason <= 10 && *c.Reason != 7 {
		reason = *c.Reason
	}
	revoked := !moment(c.RevokedAt).IsZero() && reason != 8
	switch {
	case status == statusRevoked, status == statusArchived && revoked:
		r.Status, r.RevokedAt, r.Reason = provider.StatusRevoked, moment(c.RevokedAt), reason
		if reason == 6 {
			r.Status = provider.StatusSuspended
		}
	case status == statusActive, status == statusNotified, status == statusArchived:
		r.Status = provider.StatusAt(r.NotAfter, s.now())
	}
}
