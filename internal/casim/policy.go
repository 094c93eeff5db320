package casim

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// PoliciesAnswer is getPoliciesResponse, as a Fault can change it.
type PoliciesAnswer struct {
	XMLName  xml.Name         `xml:"http://schemas.verisign.com/pkiservices/2009/07/policy getPoliciesResponse"`
	ClientTx string           `xml:"clientTransactionID,omitempty"`
	ServerTx string           `xml:"serverTransactionID"`
	Response PoliciesResponse `xml:"response"`
	CAs      []IssuingCA      `xml:"cAs>cA"`
	OIDs     []ProfileOID     `xml:"oIDs>oID"`
}

// PoliciesResponse is its element response.
type PoliciesResponse struct {
	PolicyID        string   `xml:"policyID"`
	NextUpdateHours Nillable `xml:"nextUpdateHours"`
	NotChanged      bool     `xml:"policiesNotChanged"`
	Policies        []Policy `xml:"policies>policy"`
}

// Policy joins a profile to its issuing CAs.
type Policy struct {
	OIDReference int   `xml:"policyOIDReference"`
	CAReferences []int `xml:"cAs>cAReference"`
	Schema       int   `xml:"attributes>policySchema"`

	Names      []NamePair `xml:"attributes>subjectNameInfo>subjectNameAttribute>subjectNameAttributeNameValuePair"`
	Extensions []NamePair `xml:"attributes>extensions>Extension>extensionSyntax>extensionAttributeNameValuePair"`
}

// NamePair is a name that an enrolment gives a value for.
type NamePair struct {
	Attribute string `xml:"attributeName"`
	Name      struct {
		Mandatory bool   `xml:"mandatory,attr"`
		Type      string `xml:"type,attr"`
		Text      string `xml:",chardata"`
	} `xml:"attributeNameValue"`
}

// namePairs returns what the profiles are told beside the seat.
func namePairs() (names, extensions []NamePair) {
	cn, dns := NamePair{Attribute: "CN"}, NamePair{Attribute: "SAN"}
	cn.Name.Mandatory, cn.Name.Type, cn.Name.Text = true, "string", "common_name"
	dns.Name.Type, dns.Name.Text = "string", "dnsName"
	return []NamePair{cn}, []NamePair{dns}
}

// IssuingCA is the element cA. The certificates are base64.
type IssuingCA struct {
	Certificate   string   `xml:"certificate"`
	Name          Nillable `xml:"cAIssuerName"`
	Reference     int      `xml:"cAReferenceID"`
	Type          string   `xml:"cAType"`
	Intermediates []string `xml:"intermediateCACertificates"`
	Root          string   `xml:"rootCACertificate"`
}

// ProfileOID is the element oID.
type ProfileOID struct {
	Value       string `xml:"value"`
	Reference   int    `xml:"oIDReferenceID"`
	Group       int    `xml:"group"`
	DefaultName string `xml:"defaultName"`
}

func checkFilter(e *element) error {
	if e.Nil {
		return nil
	}
	if err := e.sequence(rule{name: "policyIDs", required: true}); err != nil {
		return err
	}
	for _, o := range e.Child[0].Child {
		if o.Name != (xml.Name{Space: nsPolicy, Local: "oid"}) {
			return errors.New("policyIDs holds something else than oid")
		}
	}
	if len(e.Child[0].Child) == 0 {
		return errors.New("policyIDs holds no oid")
	}
	return nil
}

func (c *CA) getPolicies(req *element) (any, error) {
	err := req.sequence(
		rule{name: "version", required: true, check: version("2.0")},
		transactionID(),
		rule{name: "client", check: func(e *element) error {
			return e.sequence(rule{name: "lastUpdatetime", required: true}, rule{name: "preferredLanguage", required: true})
		}},
		rule{name: "requestFilter", required: true, check: checkFilter},
		rule{name: "signResponse", check: oneOf("true", "false")},
	)
	if err != nil {
		return nil, err
	}
	wanted, err := wantedProfiles(req)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.policies(wanted)
	a.ClientTx = req.value("clientTransactionID")
	if c.fault.Policies != nil {
		c.fault.Policies(a)
	}
	return a, nil
}

func wantedProfiles(req *element) ([]string, error) {
	var oids []string
	for _, e := range req.Child {
		if e.Name.Local != "requestFilter" || e.Nil {
			continue
		}
		for _, o := range e.Child[0].Child {
			oids = append(oids, strings.TrimSpace(o.Text))
		}
	}
	for _, o := range oids {
		if !slices.Contains(Profiles(), o) {
			return nil, &refusal{"POLICY_NOT_FOUND", fmt.Sprintf("Certificate profile %s was not found", o)}
		}
	}
	if oids == nil {
		oids = Profiles()
	}
	return oids, nil
}

// policies tells the CAs of the profiles; c.mu is held.
func (c *CA) policies(profiles []string) *PoliciesAnswer {
	a := &PoliciesAnswer{ServerTx: serverTransactionID()}
	a.Response.PolicyID = "Simulated"
	a.Response.NextUpdateHours = nilText()
	if c.opts.UpdateHours > 0 {
		a.Response.NextUpdateHours = Nillable{Text: strconv.Itoa(c.opts.UpdateHours)}
	}
	for _, ca := range c.world().Issuers {
		if !slices.Contains(profiles, ca.Profile) {
			continue
		}
		i := len(a.CAs)
		told := IssuingCA{Reference: 100 + i, Type: "private", Certificate: encode(ca.Issuing.Raw), Name: nilText()}
		for _, up := range ca.Chain {
			told.Intermediates = append(told.Intermediates, encode(up.Raw))
		}
		if ca.Root != nil {
			told.Root = encode(ca.Root.Raw)
		}
		if ca.Profile == ProfileUser {
			told.Name = Nillable{Text: "Simulated User CA"}
		}
		a.CAs = append(a.CAs, told)
		a.OIDs = append(a.OIDs, ProfileOID{ca.Profile, 200 + i, 9, "Profile " + strconv.Itoa(i+1)})
		p := Policy{OIDReference: 200 + i, CAReferences: []int{100 + i}, Schema: 3}
		p.Names, p.Extensions = namePairs()
		a.Response.Policies = append(a.Response.Policies, p)
	}
	return a
}
