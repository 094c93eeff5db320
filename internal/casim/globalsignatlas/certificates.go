package globalsignatlas

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/casim"
)

// A meta is one line of the statistics.
type meta struct {
	Serial    string `json:"serial_number"` // upper-case hex
	NotBefore int64  `json:"not_before"`    // Unix seconds
	NotAfter  int64  `json:"not_after"`
}

// issued lists what was issued in a window of time, oldest first.
func (s *server) issued(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("issued")
	s.list(w, r, func(c casim.Issued) (time.Time, bool) { return c.IssuedAt, true })
}

// revoked lists what was revoked in a window of time.
func (s *server) revoked(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("revoked")
	s.list(w, r, func(c casim.Issued) (time.Time, bool) { return c.RevokedAt, isRevoked(c) })
}

// list answers with a page of what falls into the window by its time, which is
// kept in seconds; both ends belong to the window.
func (s *server) list(w http.ResponseWriter, r *http.Request, when func(casim.Issued) (time.Time, bool)) {
	q, ok := numbers(w, r.URL.Query())
	if !ok {
		return
	}
	found := []meta{}
	for _, c := range s.ca.Inventory() {
		if t, fits := when(c); fits && t.Unix() >= q["from"] && t.Unix() <= q["to"] {
			found = append(found, meta{strings.ToUpper(c.Serial), c.NotBefore.Unix(), c.NotAfter.Unix()})
		}
	}
	w.Header().Set("Total-Count", strconv.Itoa(len(found)))
	start := min(int((q["page"]-1)*q["per_page"]), len(found))
	answer(w, found[start:min(start+int(q["per_page"]), len(found))])
}

// numbers reads the query, of which nothing else may be part.
func numbers(w http.ResponseWriter, query url.Values) (map[string]int64, bool) {
	bounds := map[string][2]int64{"page": {1, 1e6}, "per_page": {1, maxPage}, "from": {0, 1e11}, "to": {0, 1e11}}
	out := map[string]int64{}
	for name, values := range query {
		n, err := strconv.ParseInt(values[0], 10, 64)
		b, known := bounds[name]
		if err != nil || !known || len(values) != 1 || n < b[0] || n > b[1] {
			fault(w, http.StatusUnprocessableEntity, "invalid query parameter "+name)
			return nil, false
		}
		out[name] = n
	}
	for name, absent := range map[string]int64{"per_page": maxPage, "from": 0, "to": bounds["to"][1]} { // optional in the SDK
		if _, sent := out[name]; !sent {
			out[name] = absent
		}
	}
	if len(out) != len(bounds) || out["from"] > out["to"] {
		fault(w, http.StatusUnprocessableEntity, "page is required, and from must not be after to")
		return nil, false
	}
	return out, true
}

// isRevoked counts what is suspended: the service knows no hold.
func isRevoked(c casim.Issued) bool { return c.Status == "REVOKED" || c.Status == "SUSPENDED" }

func (s *server) find(w http.ResponseWriter, r *http.Request) (casim.Issued, bool) {
	serial := r.PathValue("serial")
	c, ok := s.ca.Find(strings.ToLower(serial))
	if !ok || serial != strings.ToUpper(serial) {
		fault(w, http.StatusNotFound, "certificate not found")
		return casim.Issued{}, false
	}
	return c, true
}

func (s *server) certificate(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("certificate")
	c, ok := s.find(w, r)
	if !ok {
		return
	}
	out := struct {
		Certificate string `json:"certificate"`
		Status      string `json:"status"`
		UpdatedAt   int64  `json:"updated_at"`
	}{encode(c.DER), "ISSUED", c.UpdatedAt.Unix()}
	if isRevoked(c) {
		out.Status = "REVOKED"
	}
	answer(w, out)
}

// revoke takes the six reasons of the service.
func (s *server) revoke(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("revoke")
	var in struct {
		Reason string `json:"revocation_reason"`
		Time   int64  `json:"revocation_time"`
	}
	if !read(w, r, &in) {
		return
	}
	reason, known := map[string]string{
		"unspecified": "Unspecified", "affiliationChanged": "AffiliationChanged", "keyCompromise": "KeyCompromise",
		"superseded": "Superseded", "cessationOfOperation": "CessationOfOperation", "privilegeWithdrawn": "PrivilegeWithdrawn",
	}[in.Reason]
	if !known {
		fault(w, http.StatusUnprocessableEntity, "invalid revocation_reason")
		return
	}
	c, ok := s.find(w, r)
	if !ok {
		return
	}
	if err := s.ca.Revoke(c.Serial, reason); err != nil {
		fault(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
