package ejbca

import (
	"crypto/sha1" //nolint:gosec // EJBCA's fingerprints
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/casim"
)

// maxRequest bounds a request's body in bytes.
const maxRequest = 64 << 10

type searchRequest struct {
	Pagination *struct {
		Size int `json:"page_size"`
		Page int `json:"current_page"`
	} `json:"pagination"`
	Sort *struct {
		Property  string `json:"property"`
		Operation string `json:"operation"`
	} `json:"sort"`
	Criteria []criterion `json:"criteria"`
}

type criterion struct {
	Property  string `json:"property"`
	Value     string `json:"value"`
	Operation string `json:"operation"`
}

type summary struct {
	Size  *int `json:"page_size,omitempty"`
	Page  *int `json:"current_page,omitempty"`
	Total *int `json:"total_certs,omitempty"`
}

// search answers POST /v2/certificate/search. Without pagination it counts.
// A page tells total_certs only where it is not full, and computes it from the
// page size that was asked for, also where the server's maximum is smaller.
func (s *service) search(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("search")
	var req searchRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(&req); err != nil || r.Header.Get("Content-Type") != "application/json" {
		fail(w, http.StatusBadRequest, "Error parsing JSON request.")
		return
	}
	found, err := s.matching(req)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	if req.Pagination == nil {
		n := len(found)
		write(w, http.StatusOK, map[string]any{"certificates": []any{}, "pagination_summary": summary{Total: &n}})
		return
	}
	size, page := req.Pagination.Size, req.Pagination.Page
	if size < 1 || page < 1 {
		fail(w, http.StatusBadRequest, "Invalid pagination value.")
		return
	}
	most := min(size, s.ca.PageSize()) // the server's maximum query count
	from := min((page-1)*most, len(found))
	list := []record{}
	for _, i := range found[from:min(from+most, len(found))] {
		list = append(list, recordOf(s.ca, i))
	}
	sum := summary{Size: &size, Page: &page}
	if len(list) < size {
		total := size*(page-1) + len(list)
		sum.Total = &total
	}
	write(w, http.StatusOK, map[string]any{"certificates": list, "pagination_summary": sum})
}

// matching returns what fits all criteria, in the order asked for.
func (s *service) matching(req searchRequest) ([]casim.Issued, error) {
	if len(req.Criteria) == 0 {
		return nil, errors.New("Invalid criteria value, cannot be empty.") //nolint:revive // EJBCA's words
	}
	match, err := s.matchers(req.Criteria)
	if err != nil {
		return nil, err
	}
	var found []casim.Issued
	for _, i := range s.ca.Inventory() {
		if !slices.ContainsFunc(match, func(fits func(casim.Issued) bool) bool { return !fits(i) }) {
			found = append(found, i)
		}
	}
	return found, order(req, found)
}

func order(req searchRequest, found []casim.Issued) error {
	if req.Sort == nil {
		return nil
	}
	key, ok := times()[req.Sort.Property]
	if !ok || (req.Sort.Operation != "ASC" && req.Sort.Operation != "DESC") {
		return errors.New("Invalid sort value.") //nolint:revive // EJBCA's words
	}
	slices.SortStableFunc(found, func(a, b casim.Issued) int {
		if req.Sort.Operation == "DESC" {
			a, b = b, a
		}
		return int(min(max(key(a)-key(b), -1), 1))
	})
	return nil
}

// times returns the columns of times in Unix milliseconds, by property. The
// date of issue is the beginning of validity.
func times() map[string]func(casim.Issued) int64 {
	return map[string]func(casim.Issued) int64{
		"UPDATE_TIME":     func(i casim.Issued) int64 { return i.UpdatedAt.UnixMilli() },
		"ISSUED_DATE":     func(i casim.Issued) int64 { return i.NotBefore.UnixMilli() },
		"EXPIRE_DATE":     func(i casim.Issued) int64 { return i.NotAfter.UnixMilli() },
		"REVOCATION_DATE": revocation,
	}
}

// matchers returns the filters: names of one property are alternatives.
func (s *service) matchers(criteria []criterion) ([]func(casim.Issued) bool, error) {
	var out []func(casim.Issued) bool
	names := map[string][]string{}
	for _, c := range criteria {
		key, isTime := times()[c.Property]
		switch {
		case isTime:
			m, err := byTime(c, key)
			if err != nil {
				return nil, err
			}
			out = append(out, m)
		case c.Property == "STATUS" && c.Operation == "EQUAL" && (c.Value == "CERT_ACTIVE" || c.Value == "CERT_REVOKED"):
			out = append(out, func(i casim.Issued) bool { return i.RevokedAt.IsZero() == (c.Value == "CERT_ACTIVE") })
		case c.Property != "CA" && c.Property != "CERTIFICATE_PROFILE":
			return nil, errors.New("Invalid search criteria's property, unrecognized.") //nolint:revive // EJBCA's words
		case c.Operation != "EQUAL":
			return nil, errors.New("Invalid search criteria's operation, should be EQUAL.") //nolint:revive // EJBCA's words
		default:
			names[c.Property] = append(names[c.Property], c.Value)
		}
	}
	for property, wanted := range names {
		m, err := s.byName(property, wanted)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// byTime reads dates as the server does: seconds with a zone. A date up to 1970
// does not restrict, and AFTER is later than.
func byTime(c criterion, key func(casim.Issued) int64) (func(casim.Issued) bool, error) {
	at, err := time.Parse("2006-01-02T15:04:05Z07:00", c.Value)
	switch {
	case c.Operation != "AFTER" && c.Operation != "BEFORE":
		return nil, errors.New("Invalid search criteria's operation, should be AFTER or BEFORE.") //nolint:revive // EJBCA's words
	case err != nil || at.Nanosecond() != 0:
		return nil, errors.New("Invalid search criteria content, value does not contain proper date.") //nolint:revive // EJBCA's words
	}
	ms := at.UnixMilli()
	return func(i casim.Issued) bool {
		return ms <= 0 || (c.Operation == "AFTER" && key(i) > ms) || (c.Operation == "BEFORE" && key(i) < ms)
	}, nil
}

func (s *service) byName(property string, wanted []string) (func(casim.Issued) bool, error) {
	what, profiles := "certificate profile", map[string]string{} // names of profiles by OID
	for _, i := range s.ca.Issuers() {
		profiles[i.Profile] = profileName(i.Profile)
		if property == "CA" {
			what, profiles[i.Profile] = "CA", i.Issuing.Subject.CommonName
		}
	}
	for _, name := range wanted {
		known := property == "CA" && slices.ContainsFunc(hosted(s.ca), func(h hostedCA) bool { return h.name == name })
		for _, p := range profiles {
			known = known || p == name
		}
		if !known {
			return nil, fmt.Errorf("Invalid search criteria content, unknown %s.", what) //nolint:revive // EJBCA's words
		}
	}
	return func(i casim.Issued) bool { return slices.Contains(wanted, profiles[i.Profile]) }, nil
}

func profileName(oid string) string {
	if oid == casim.ProfileDevice {
		return "DEVICE"
	}
	return "ENDUSER"
}

// A record is one certificate as the search tells of it. Times are Unix
// milliseconds; base64Cert is base64 of base64; udpateTime is spelled so.
type record struct {
	Fingerprint        string  `json:"fingerprint"`
	CAFingerprint      *string `json:"cAFingerprint"`
	Profile            int32   `json:"certificateProfileId"`
	EndEntityProfile   int32   `json:"endEntityProfileId"`
	ProfileName        string  `json:"certificateProfile"`
	EndEntityName      string  `json:"endEntityProfile"`
	Expire             int64   `json:"expireDate"`
	Issuer             string  `json:"issuerDN"`
	NotBefore          int64   `json:"notBefore"`
	RevocationDate     int64   `json:"revocationDate"`
	RevocationReason   int     `json:"revocationReason"`
	Serial             string  `json:"serialNumber"`
	Status             int     `json:"status"`
	SubjectAltName     *string `json:"subjectAltName"`
	Subject            string  `json:"subjectDN"`
	Tag                *string `json:"tag"`
	Type               int     `json:"type"`
	UpdateTime         int64   `json:"udpateTime"`
	Username           string  `json:"username"`
	Certificate        string  `json:"base64Cert"`
	CertificateRequest *string `json:"certificateRequest"`
	CRLPartition       *int    `json:"crlPartitionIndex"`
	InvalidityDate     *int64  `json:"invalidityDate"`
}

// The states of a certificate (CertificateConstants).
const (
	statusActive  = 20
	statusRevoked = 40
)

func recordOf(ca *casim.CA, i casim.Issued) record {
	sum := sha1.Sum(i.DER) //nolint:gosec // EJBCA's fingerprints
	r := record{
		Fingerprint: hex.EncodeToString(sum[:]), Profile: idOf(i.Profile), EndEntityProfile: 1, ProfileName: profileName(i.Profile), EndEntityName: "EMPTY",
		Expire: i.NotAfter.UnixMilli(), NotBefore: i.NotBefore.UnixMilli(), RevocationDate: revocation(i), RevocationReason: -1,
		Serial: strings.ToUpper(i.Serial), Status: statusActive, Subject: "CN=" + i.CommonName + ",O=Simulated PKI", Type: 1,
		UpdateTime: i.UpdatedAt.UnixMilli(), Username: i.Holder,
		Certificate: base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(i.DER))),
	}
	for _, by := range ca.Issuers() {
		if by.Profile == i.Profile {
			r.Issuer = by.Issuing.Subject.String()
		}
	}
	if !i.RevokedAt.IsZero() {
		r.Status, r.RevocationReason = statusRevoked, max(i.ReasonCode, 0)
	}
	return r
}

// revocation is -1 for a certificate that is not revoked.
func revocation(i casim.Issued) int64 {
	if i.RevokedAt.IsZero() {
		return -1
	}
	return i.RevokedAt.UnixMilli()
}
