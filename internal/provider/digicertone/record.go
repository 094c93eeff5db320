package digicertone

import (
	"encoding/json"
	"strings"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// An item is one certificate of a search.
type item struct {
	Profile struct {
		ID rest.Text `json:"id"`
	} `json:"profile"`
	Seat struct {
		ID rest.Text `json:"seat_id"`
	} `json:"seat"`
	Account struct {
		ID rest.Text `json:"id"`
	} `json:"account"`
	Certificate  rest.Text `json:"certificate"`
	CommonName   rest.Text `json:"common_name"`
	Status       rest.Text `json:"status"`
	SerialNumber rest.Text `json:"serial_number"`
	Revocation   struct {
		Reason rest.Text `json:"reason"`
		Date   rest.Text `json:"revocation_date"`
	} `json:"revocation"`
}

// add reads one record into the page, as a record or as skipped.
func (s *session) add(page *provider.Page, raw json.RawMessage) {
	skip := func(raw []byte, serial rest.Text, reason string) {
		page.Skipped = append(page.Skipped, provider.Skipped{
			Raw: raw[:min(len(raw), provider.MaxRaw)], Serial: provider.Clean(string(serial), 100), Reason: s.words.Clean(reason, maxWords),
		})
	}
	var i item
	if err := json.Unmarshal(raw, &i); err != nil {
		skip(raw, "", "the record is not of the documented shape")
		return
	}
	cert, sent, err := provider.DecodeCertificate(string(i.Certificate))
	if err != nil {
		if len(sent) == 0 {
			sent = raw
		}
		skip(sent, i.SerialNumber, err.Error())
		return
	}
	page.Records = append(page.Records, s.record(provider.NewRecord(cert), i))
}

// record adds to what the certificate tells what the columns do.
func (s *session) record(r provider.Record, i item) provider.Record {
	now := s.now()
	r.ProfileID = provider.Clean(string(i.Profile.ID), 200)
	r.Holder = provider.Clean(string(i.Seat.ID), 256)
	if r.CommonName == "" {
		r.CommonName = provider.Clean(string(i.CommonName), 256)
	}
	// The service tells no time of issue; its filter goes by the beginning of
	// validity. One that lies ahead would move the window past other records.
	if !r.NotBefore.After(now) {
		r.Issued = r.NotBefore
	}
	switch strings.ToLower(string(i.Status)) {
	case "issued":
		r.Status = provider.StatusAt(r.NotAfter, now)
	case "expired":
		r.Status = provider.StatusExpired
	case "revoked":
		r.Status = provider.StatusRevoked
		r.RevokedAt, r.Reason = moment(string(i.Revocation.Date)), reason(string(i.Revocation.Reason))
	case "suspended":
		r.Status = provider.StatusSuspended
		r.RevokedAt, r.Reason = moment(string(i.Revocation.Date)), 6
	}
	return r
}

// reason returns the code of RFC 5280, 5.3.1; -1 for a name that is not listed.
func reason(name string) int {
	codes := map[string]int{
		"unspecified": 0, "key_compromise": 1, "ca_compromise": 2, "affiliation_changed": 3, "superseded": 4, "cessation_of_operation": 5,
		"certificate_hold": 6, "remove_from_crl": 8, "privilege_withdrawn": 9, "aa_compromise": 10,
	}
	if code, ok := codes[strings.ToLower(name)]; ok {
		return code
	}
	return -1
}

// moment reads a time as the API writes it: RFC 3339, also without a zone, or
// a date alone. What it cannot read is unknown.
func moment(v string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999999", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil && t.Year() > 1970 {
			return t.UTC()
		}
	}
	return time.Time{}
}
