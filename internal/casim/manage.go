package casim

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SearchAnswer is searchCertificateResponse, as a Fault can change it.
type SearchAnswer struct {
	XMLName  xml.Name                 `xml:"http://schemas.verisign.com/pkiservices/2009/07/management searchCertificateResponse"`
	ClientTx string                   `xml:"clientTransactionID,omitempty"`
	ServerTx string                   `xml:"serverTransactionID"`
	Count    int                      `xml:"certificateCount"`
	List     []CertificateInformation `xml:"certificateList>certificateInformation"`
	More     bool                     `xml:"moreCertificateAvailable"`
	Version  string                   `xml:"version"`

	Start int `xml:"-"` // the startIndex asked for
}

// CertificateInformation is one found certificate. Times are Unix seconds.
type CertificateInformation struct {
	Certificate string   `xml:"certificate"` // base64
	SeatID      string   `xml:"seatId"`
	CommonName  string   `xml:"commonName"`
	AccountID   string   `xml:"accountId"`
	ProfileOID  string   `xml:"profileOID"`
	Email       Nillable `xml:"emailAddress"`
	Status      string   `xml:"status"`
	RevokedAt   int64    `xml:"revokeAt,omitempty"`
	Reason      string   `xml:"revokeReason,omitempty"`
	ValidFrom   int64    `xml:"validFrom"`
	ValidTo     int64    `xml:"validTo"`
	Serial      string   `xml:"serialNumber"`
	Escrowed    bool     `xml:"isEscrowed"`
	Notes       Nillable `xml:"enrollmentNotes"`
	Comments    Nillable `xml:"revokeComments"`
}

// AccountID is the account the simulator plays.
const AccountID = "81234567"

func encode(der []byte) string { return base64.StdEncoding.EncodeToString(der) }

func (c *CA) searchCertificate(req *element) (any, error) {
	err := req.sequence(
		transactionID(), rule{name: "seatId"}, rule{name: "accountId"}, rule{name: "profileOID"}, rule{name: "commonName"},
		rule{name: "status", check: oneOf("VALID", "EXPIRED", "REVOKED", "SUSPENDED")},
		rule{name: "emailAddress"}, rule{name: "serialNumber"}, rule{name: "issuingCA"},
		rule{name: "validFrom", check: isNumber}, rule{name: "validTo", check: isNumber},
		rule{name: "startIndex", check: isNumber},
		rule{name: "version", required: true, check: version("1.0")},
	)
	if err != nil {
		return nil, err
	}
	if oid := req.value("profileOID"); oid != "" && !slices.Contains(Profiles(), oid) {
		return nil, &refusal{"PROFILE_NOT_FOUND", fmt.Sprintf("Certificate profile %s was not found", oid)}
	}
	if a := req.value("accountId"); a != "" && a != AccountID {
		return nil, &refusal{"ACCESS_DENIED", "The administrator is not authorized for this account"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.search(req)
	if c.fault.Search != nil {
		c.fault.Search(a)
	}
	return a, nil
}

// search answers with the page at startIndex, which is 0-based; c.mu is held.
func (c *CA) search(req *element) *SearchAnswer {
	start, _ := strconv.Atoi(req.value("startIndex")) // checked; absent is 0
	a := &SearchAnswer{ServerTx: serverTransactionID(), ClientTx: req.value("clientTransactionID"), Version: "1.0", Start: start}
	found := c.matching(req)
	a.Count = len(found)
	for _, r := range found[min(start, len(found)):min(start+c.opts.PageSize, len(found))] {
		a.List = append(a.List, r.information(c.opts.Now()))
	}
	a.More = start+len(a.List) < a.Count
	return a
}

// matching returns the records that fit, in the order of the listing.
func (c *CA) matching(req *element) []*record {
	found := c.listed()
	filters := func(e *element) bool {
		return !slices.Contains([]string{"clientTransactionID", "startIndex", "version"}, e.Name.Local)
	}
	if slices.ContainsFunc(req.Child, filters) { // else all fit, and a full scan stays linear
		match := c.matcher(req)
		all := found
		found = nil
		for _, r := range all {
			if match(r) {
				found = append(found, r)
			}
		}
	}
	if c.opts.NewestFirst {
		found = slices.Clone(found)
		slices.Reverse(found)
	}
	return found
}

// listed returns what there is to list, oldest first; c.mu is held.
func (c *CA) listed() []*record {
	if c.fault.World == nil {
		return c.records
	}
	var list []*record
	for _, i := range c.world().Issued {
		list = append(list, &record{
			Serial: i.Serial, DER: i.DER, CN: i.CommonName, Seat: i.Holder, Profile: i.Profile,
			NotBefore: i.NotBefore, NotAfter: i.NotAfter, Status: i.Status, RevokedAt: i.RevokedAt, Reason: i.Reason,
		})
	}
	return list
}

// matcher returns the filter of a request: all of its members must fit.
func (c *CA) matcher(req *element) func(*record) bool {
	now := c.opts.Now()
	var issuer string
	if req.has("issuingCA") {
		issuer = req.value("issuingCA")
	}
	serial := strings.ToLower(req.value("serialNumber"))
	from, to := seconds(req.value("validFrom")), seconds(req.value("validTo"))
	equal := func(want, got string) bool { return want == "" || want == got }
	seat, profile, cn := req.value("seatId"), req.value("profileOID"), req.value("commonName")
	status, email := req.value("status"), req.value("emailAddress")
	return func(r *record) bool {
		return equal(seat, r.Seat) && equal(profile, r.Profile) && equal(cn, r.CN) && equal(email, r.Seat) &&
			equal(status, r.status(now)) &&
			equal(serial, r.Serial) && // a serial with leading zeros is not found, as with the real service
			(issuer == "" || issuer == c.issuerOf(r)) &&
			(from.IsZero() || !r.NotBefore.Before(from)) && (to.IsZero() || !r.NotAfter.After(to))
	}
}

func (c *CA) issuerOf(r *record) string {
	if r.Profile == ProfileUser {
		return encode(c.auth.User.cert.Raw)
	}
	return encode(c.auth.Device.cert.Raw)
}

func (r *record) information(now time.Time) CertificateInformation {
	ci := CertificateInformation{
		Certificate: encode(r.DER), SeatID: r.Seat, CommonName: r.CN, AccountID: AccountID, ProfileOID: r.Profile,
		Email: Nillable{Text: r.Seat}, Status: r.status(now), Reason: r.Reason,
		ValidFrom: r.NotBefore.Unix(), ValidTo: r.NotAfter.Unix(), Serial: r.Serial,
		Notes: nilText(), Comments: nilText(),
	}
	if !r.RevokedAt.IsZero() {
		ci.RevokedAt = r.RevokedAt.Unix()
	}
	return ci
}

func isNumber(e *element) error {
	if n, err := strconv.ParseInt(strings.TrimSpace(e.Text), 10, 64); err != nil || n < 0 {
		return fmt.Errorf("%s is not a number", e.Name.Local)
	}
	return nil
}

func seconds(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(n, 0)
}

type updateAnswer struct {
	XMLName  xml.Name `xml:"http://schemas.verisign.com/pkiservices/2009/07/management updateCertificateStatusResponse"`
	ClientTx string   `xml:"clientTransactionID,omitempty"`
	ServerTx string   `xml:"serverTransactionID"`
	Version  string   `xml:"version"`
	Code     int      `xml:"successCode"`
	Message  string   `xml:"successMsg"`
	Count    int      `xml:"revocationCount"`
}

func (c *CA) updateStatus(req *element) (any, error) {
	err := req.sequence(
		transactionID(), rule{name: "version", required: true, check: version("1.0")}, rule{name: "certificateIssuer"},
		rule{name: "revocationReason", check: oneOf(reasons()...)}, rule{name: "challenge"},
		rule{name: "comment", check: atMost(512)},
		rule{name: "certificateSerialNumber", required: true}, // the form by seatId revokes in bulk and is not simulated
		rule{name: "operationType", required: true, check: oneOf("Revoke", "Suspend", "Resume")},
	)
	if err != nil {
		return nil, err
	}
	serial, reason := req.value("certificateSerialNumber"), req.value("revocationReason")
	switch req.value("operationType") {
	case "Revoke":
		if i, ok := c.Find(strings.ToLower(serial)); ok && i.Status == "REVOKED" {
			return nil, &refusal{"CERTIFICATE_REVOKED", "The certificate has been revoked already"}
		}
		err = c.Revoke(serial, reason)
	case "Suspend":
		err = c.Suspend(serial)
	case "Resume":
		err = c.Resume(serial)
	default:
		err = errors.New("no such operation")
	}
	if err != nil {
		return nil, &refusal{"CERTIFICATE_NOT_FOUND", err.Error()}
	}
	return updateAnswer{ClientTx: req.value("clientTransactionID"), ServerTx: serverTransactionID(), Version: "1.0", Message: "Success", Count: 1}, nil
}
