package digicertone

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/casim"
)

type named struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type seat struct {
	SeatID string `json:"seat_id"`
}

// An item is one certificate of a search.
type item struct {
	Profile      named       `json:"profile"`
	Seat         *seat       `json:"seat"`
	Account      named       `json:"account"`
	BusinessUnit named       `json:"business_unit"`
	Certificate  string      `json:"certificate"` // base64 of DER
	CommonName   string      `json:"common_name"`
	Status       string      `json:"status"` // lower case
	SerialNumber string      `json:"serial_number"`
	ValidFrom    string      `json:"valid_from"`
	ValidTo      string      `json:"valid_to"`
	Thumbprint   string      `json:"thumbprint"` // SHA-256
	Revocation   *revocation `json:"revocation"`
}

type revocation struct {
	Reason         *string `json:"reason"`
	RevocationDate string  `json:"revocation_date"`
	Comments       *string `json:"comments"`
}

// A page is the answer of a search.
type page struct {
	Total  int    `json:"total"`
	Offset int    `json:"offset"`
	Limit  int    `json:"limit"`
	Items  []item `json:"items"`
}

func (s *server) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if fault := s.check(q); fault != "" {
		refuse(w, http.StatusBadRequest, "invalid_request", fault)
		return
	}
	if id := q.Get("account_id"); id != "" && id != AccountID {
		refuse(w, http.StatusForbidden, "no_access", "No access to the account.")
		return
	}
	var all []casim.Issued
	for _, c := range s.ca.Inventory() {
		if s.matches(c, q) {
			all = append(all, c)
		}
	}
	if s.o.NewestFirst {
		slices.Reverse(all)
	}
	offset, _ := strconv.Atoi(q.Get("offset")) // checked; 0 where absent
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		limit = 20
	}
	limit = min(limit, s.ca.PageSize())
	p := page{Total: len(all), Offset: offset, Limit: limit, Items: []item{}}
	for _, c := range all[min(offset, len(all)):min(offset+limit, len(all))] {
		p.Items = append(p.Items, s.item(c))
	}
	answer(w, http.StatusOK, p)
}

// check returns what is wrong with the parameters of a search.
func (s *server) check(q url.Values) string {
	if name, found := unknown(q, "offset", "limit", "account_id", "business_unit_id", "profile_id", "status", "valid_from", "valid_to", "serial_number", "common_name", "seat_id", "thumbprint", "business_unit_name"); found {
		return "Unknown parameter " + name + "."
	}
	for _, name := range []string{"offset", "limit"} {
		if v := q.Get(name); v != "" {
			if n, err := strconv.Atoi(v); err != nil || n < 0 || (name == "limit" && n == 0) {
				return name + " is not a number."
			}
		}
	}
	if v := q.Get("status"); v != "" && !slices.Contains([]string{"ISSUED", "EXPIRED", "REVOKED", "SUSPENDED"}, v) {
		return "Unknown status."
	}
	for _, name := range []string{"valid_from", "valid_to"} {
		if v := q.Get(name); v != "" && moment(v).IsZero() {
			return name + " is not a date."
		}
	}
	return ""
}

// moment reads a date or a time of RFC 3339; zero where it is neither.
func moment(v string) time.Time {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil {
			return t
		}
	}
	return time.Time{}
}

func (s *server) matches(c casim.Issued, q url.Values) bool {
	for name, is := range map[string]string{
		"profile_id": s.profileOf(c), "business_unit_id": BusinessUnitID, "status": strings.ToUpper(status(c)),
		"serial_number": strings.ToUpper(c.Serial), "common_name": c.CommonName, "seat_id": c.Holder,
		"thumbprint": thumbprint(c), "business_unit_name": "Unit",
	} {
		if want := q.Get(name); want != "" && want != is {
			return false
		}
	}
	if from := q.Get("valid_from"); from != "" && !c.NotBefore.After(moment(from)) {
		return false
	}
	to := q.Get("valid_to")
	return to == "" || c.NotAfter.Before(moment(to))
}

// thumbprint is the SHA-256 of the certificate.
func thumbprint(c casim.Issued) string {
	sum := sha256.Sum256(c.DER)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func (s *server) profileOf(c casim.Issued) string {
	if c.Profile == casim.ProfileUser {
		return ProfileUser
	}
	return ProfileDevice
}

func status(c casim.Issued) string {
	if strings.EqualFold(c.Status, "VALID") {
		return "issued"
	}
	return strings.ToLower(c.Status)
}

func (s *server) item(c casim.Issued) item {
	i := item{
		Profile: named{s.profileOf(c), "Profile"}, Account: named{ID: AccountID}, BusinessUnit: named{BusinessUnitID, "Unit"},
		Certificate: base64.StdEncoding.EncodeToString(c.DER), CommonName: c.CommonName, Status: status(c),
		SerialNumber: strings.ToUpper(c.Serial), ValidFrom: c.NotBefore.Format(time.RFC3339), ValidTo: c.NotAfter.Format(time.RFC3339), Thumbprint: thumbprint(c),
	}
	if c.Holder != "" {
		i.Seat = &seat{c.Holder}
	}
	if !c.RevokedAt.IsZero() {
		i.Revocation = &revocation{Reason: reasonName(c.ReasonCode), RevocationDate: c.RevokedAt.Format(time.RFC3339)}
	}
	return i
}
