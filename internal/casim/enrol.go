package casim

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What the enrolment service calls things.
const (
	nsTrust     = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/"
	nsEnrol     = "http://schemas.verisign.com/pkiservices/2009/07/enrollment"
	tokenX509   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
	queryStatus = "http://schemas.verisign.com/pkiservices/2009/07/QueryTokenStatus"
	typePKCS10  = "http://schemas.verisign.com/pkiservices/2009/07/PKCS10"
	encodingB64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd#base64binary"
)

// A tokenAnswer is RequestSecurityTokenResponse.
type tokenAnswer struct {
	XMLName  xml.Name `xml:"http://docs.oasis-open.org/ws-sx/ws-trust/200512/ RequestSecurityTokenResponse"`
	Response struct {
		ClientTx    string          `xml:"clientTransactionID,omitempty"`
		ServerTx    string          `xml:"serverTransactionID"`
		TokenType   string          `xml:"tokenType"`
		Disposition string          `xml:"dispositionMessage,omitempty"`
		Requested   *requestedToken `xml:"requestedVSSecurityToken"`
		Version     string          `xml:"version"`
	} `xml:"http://schemas.verisign.com/pkiservices/2009/07/enrollment RequestVSSecurityTokenResponse"`
}

// A requestedToken is a certificate, or the number of what waits for approval.
type requestedToken struct {
	Token   *securityToken `xml:"binarySecurityToken"`
	Pending string         `xml:"pendingTokenReferenceID,omitempty"`
}

type securityToken struct {
	ValueType    string `xml:"ValueType,attr"`
	EncodingType string `xml:"EncodingType,attr"`
	Text         string `xml:",chardata"`
}

// requestToken issues for a certification request. The names that a profile has
// to be told come as pairs, of which it wants seat_id and common_name.
func (c *CA) requestToken(trust *element) (any, error) {
	if len(trust.Child) != 1 || trust.Child[0].Name != (xml.Name{Space: nsEnrol, Local: "requestVSSecurityToken"}) {
		return nil, errors.New("RequestSecurityToken holds no requestVSSecurityToken")
	}
	req := trust.Child[0]
	err := req.sequence(
		rule{name: "certificateProfileID", required: true}, transactionID(),
		rule{name: "tokenType", check: oneOf(tokenX509)}, rule{name: "requestType", required: true, check: oneOf(nsTrust+"Issue", queryStatus)},
		rule{name: "binarySecurityToken", check: isPKCS10}, rule{name: "pendingTokenReferenceID"},
		rule{name: "nameValuePair", many: true, check: func(e *element) error {
			return e.sequence(rule{name: "name", required: true}, rule{name: "value", required: true})
		}},
		rule{name: "version", required: true, check: version("2.0")},
	)
	if err != nil {
		return nil, err
	}
	var out Outcome
	if req.value("requestType") == queryStatus {
		out, err = c.Outcome(req.value("pendingTokenReferenceID"))
	} else {
		out, err = c.submitToken(req)
	}
	if err != nil {
		return nil, err
	}
	a := &tokenAnswer{}
	r := &a.Response
	r.ClientTx, r.ServerTx, r.Version, r.TokenType = req.value("clientTransactionID"), serverTransactionID(), "2.0", tokenX509
	if out.Refused {
		r.Disposition = "The request was rejected"
		return a, nil
	}
	r.Requested = &requestedToken{Pending: out.Pending}
	if out.Issued != nil {
		r.Requested.Token = &securityToken{tokenX509, encodingB64, encode(out.Issued.DER)}
	}
	return a, nil
}

// submitToken takes a new request.
func (c *CA) submitToken(req *element) (Outcome, error) {
	if !req.has("binarySecurityToken") {
		return Outcome{}, errors.New("requestVSSecurityToken lacks binarySecurityToken")
	}
	if err := checkPairs(req); err != nil {
		return Outcome{}, err
	}
	csr, err := base64.StdEncoding.DecodeString(req.value("binarySecurityToken"))
	if err != nil {
		return Outcome{}, fmt.Errorf("binarySecurityToken: %w", err)
	}
	oid, issuers := req.value("certificateProfileID"), c.Issuers()
	i := slices.IndexFunc(issuers, func(i Issuer) bool { return i.Profile == oid })
	if i < 0 {
		return Outcome{}, &refusal{"PROFILE_NOT_FOUND", fmt.Sprintf("Certificate profile %s was not found", oid)}
	}
	return c.Submit(csr, issuers[i].ID)
}

func isPKCS10(e *element) error {
	if e.attribute("ValueType") != typePKCS10 {
		return errors.New("binarySecurityToken is not called PKCS10")
	}
	if t := e.attribute("EncodingType"); t != "" && t != encodingB64 {
		return errors.New("binarySecurityToken is not called base64")
	}
	return nil
}

// checkPairs wants the names of the profile, each with a value, and no other.
func checkPairs(req *element) error {
	got := map[string]string{}
	for _, e := range req.Child {
		if e.Name.Local != "nameValuePair" {
			continue
		}
		name := e.value("name")
		if !slices.Contains(append(pairNames(), "seat_id"), name) {
			return &refusal{"ATTRIBUTE_UNKNOWN", "The profile has no attribute " + name}
		}
		got[name] = e.value("value")
	}
	for _, name := range []string{"seat_id", "common_name"} {
		if got[name] == "" {
			return &refusal{"ATTRIBUTE_MISSING", "The attribute " + name + " is missing"}
		}
	}
	return nil
}

// pairNames are the names that the profiles take beside seat_id.
func pairNames() []string { return []string{"common_name", "dnsName"} }

// attribute returns an attribute in no namespace, "" where there is none.
func (e *element) attribute(name string) string {
	for _, a := range e.Attr {
		if a.Name == (xml.Name{Local: name}) {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}
