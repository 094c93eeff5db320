package sectigo

import (
	"net/http"
	"strings"
	"time"

	"cloudpki/internal/casim"
)

type certificateDetails struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

type details struct {
	Name      string   `json:"commonName"`
	ID        int      `json:"sslId"`
	Org       int      `json:"orgId"`
	Status    string   `json:"status"`
	Vendor    string   `json:"vendor"`
	Type      certType `json:"certType"`
	Term      int      `json:"term"`
	Owner     string   `json:"owner"`
	Requester string   `json:"requester"`
	Requested string   `json:"requested"`
	Issued    string   `json:"issued"`
	Expires   string   `json:"expires"`
	Revoked   string   `json:"revoked,omitempty"`
	Reason    *int     `json:"reasonCode,omitempty"`
	Serial    string   `json:"serialNumber"`

	Certificate certificateDetails `json:"certificateDetails"`
}

// dateLayout returns how times are written: by month, day and year, unless
// dateFormat names another of the documented forms, in any case.
func dateLayout(name string) (layout string, known bool) {
	layout, known = map[string]string{
		"": "01/02/2006", "ISO": time.DateOnly, "ISO_HMS": "2006-01-02T15:04:05.000Z", "EU": "02.01.2006", "EU_HMS": "02.01.2006 15:04:05",
		"US": "01/02/2006", "US_HMS": "01/02/2006 15:04:05", "UK": "02/01/2006", "UK_HMS": "02/01/2006 15:04:05", "JP": "2006/01/02", "JP_HMS": "2006/01/02 15:04:05",
	}[strings.ToUpper(name)]
	return layout, known
}

func (s *service) details(w http.ResponseWriter, r *http.Request) {
	s.ca.Count("details")
	c, id, ok := s.find(w, r)
	if !ok {
		return
	}
	layout, known := dateLayout(r.URL.Query().Get("dateFormat"))
	if !known {
		fail(w, http.StatusBadRequest, -1, "Invalid parameters")
		return
	}
	d := details{
		Name: c.CommonName, ID: id, Org: OrgID, Status: state(c), Vendor: "Sectigo Limited", Type: typeOf(c.Profile), Term: 365, Owner: "Simulated", Requester: c.Holder,
		Requested: c.IssuedAt.Format(layout), Issued: c.IssuedAt.Format(layout), Expires: c.NotAfter.UTC().Format(layout), Serial: colons(c.Serial),
		Certificate: certificateDetails{Issuer: s.issuerName(c), Subject: "CN=" + c.CommonName + ", O=Simulated PKI"},
	}
	if !c.RevokedAt.IsZero() {
		d.Revoked = c.RevokedAt.UTC().Format(layout)
		if c.ReasonCode >= 0 {
			d.Reason = &c.ReasonCode
		}
	}
	write(w, d)
}

// issuerName writes the subject of the CA that issued c.
func (s *service) issuerName(c casim.Issued) string {
	for _, i := range s.ca.Issuers() {
		if i.Profile == c.Profile {
			return strings.ReplaceAll(i.Issuing.Subject.String(), ",", ", ")
		}
	}
	return ""
}
