package symantec

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"text/template"
)

const (
	nsEnvelope = "http://schemas.xmlsoap.org/soap/envelope/"
	nsPolicy   = "http://schemas.verisign.com/pkiservices/2009/07/policy"
	nsTrust    = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/"
	nsEnrol    = "http://schemas.verisign.com/pkiservices/2009/07/enrollment"
	nsManage   = "http://schemas.verisign.com/pkiservices/2009/07/management"
)

// A request is one call of an operation.
type request struct {
	service string   // path below the base address
	action  string   // SOAPAction
	wants   xml.Name // element of the answer's body
	body    string   // template of the body's element
	data    any
}

// The requests, element by element in the order of the schema. requestFilter
// must be there also where nothing is filtered; version is last in a search.
const (
	policiesBody = `<getPolicies xmlns="http://schemas.verisign.com/pkiservices/2009/07/policy" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<version>2.0</version>
<clientTransactionID>{{xml .TxID}}</clientTransactionID>
{{if .OIDs}}<requestFilter><policyIDs>{{range .OIDs}}<oid>{{xml .}}</oid>{{end}}</policyIDs></requestFilter>
{{else}}<requestFilter xsi:nil="true"/>
{{end}}</getPolicies>`

	searchBody = `<searchCertificateRequest xmlns="http://schemas.verisign.com/pkiservices/2009/07/management">
<clientTransactionID>{{xml .TxID}}</clientTransactionID>
{{with .Account}}<accountId>{{xml .}}</accountId>
{{end}}{{with .Profile}}<profileOID>{{xml .}}</profileOID>
{{end}}{{with .Serial}}<serialNumber>{{xml .}}</serialNumber>
{{end}}<startIndex>{{.Start}}</startIndex>
<version>1.0</version>
</searchCertificateRequest>`

	revokeBody = `<updateCertificateStatusRequest xmlns="http://schemas.verisign.com/pkiservices/2009/07/management">
<clientTransactionID>{{xml .TxID}}</clientTransactionID>
<version>1.0</version>
<revocationReason>{{xml .Reason}}</revocationReason>
<certificateSerialNumber>{{xml .Serial}}</certificateSerialNumber>
<operationType>Revoke</operationType>
</updateCertificateStatusRequest>`

	issueBody = `<RequestSecurityToken xmlns="http://docs.oasis-open.org/ws-sx/ws-trust/200512/"><requestVSSecurityToken xmlns="http://schemas.verisign.com/pkiservices/2009/07/enrollment">
<certificateProfileID>{{xml .Profile}}</certificateProfileID>
<clientTransactionID>{{xml .TxID}}</clientTransactionID>
<tokenType>http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3</tokenType>
{{if .Pending}}<requestType>http://schemas.verisign.com/pkiservices/2009/07/QueryTokenStatus</requestType>
<pendingTokenReferenceID>{{xml .Pending}}</pendingTokenReferenceID>
{{else}}<requestType>http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue</requestType>
<binarySecurityToken ValueType="http://schemas.verisign.com/pkiservices/2009/07/PKCS10" EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd#base64binary">{{xml .CSR}}</binarySecurityToken>
{{range .Pairs}}<nameValuePair><name>{{xml .Name}}</name><value>{{xml .Value}}</value></nameValuePair>
{{end}}{{end}}<version>2.0</version>
</requestVSSecurityToken></RequestSecurityToken>`
)

type policiesData struct {
	TxID string
	OIDs []string
}

type searchData struct {
	TxID, Account, Profile string
	Serial                 string // lower-case hex; with leading zeros nothing is found
	Start                  int
}

type issueData struct {
	TxID, Profile string
	CSR           string // PKCS#10, base64 of DER
	Pairs         []pair
	Pending       string // what the service calls a request that waits; "" sends one
}

type revokeData struct{ TxID, Reason, Serial string }

func policiesRequest(txID string, oids []string) request {
	return request{
		service: "policyService",
		action:  nsPolicy + "/requestPolicies",
		wants:   xml.Name{Space: nsPolicy, Local: "getPoliciesResponse"},
		body:    policiesBody,
		data:    policiesData{txID, oids},
	}
}

func searchRequest(d searchData) request {
	return request{
		service: "certificateManagementService",
		action:  nsManage + "/searchCertificate",
		wants:   xml.Name{Space: nsManage, Local: "searchCertificateResponse"},
		body:    searchBody,
		data:    d,
	}
}

func issueRequest(d issueData) request {
	return request{
		service: "enrollmentService",
		action:  nsEnrol + "/requestSecurityToken",
		wants:   xml.Name{Space: nsTrust, Local: "RequestSecurityTokenResponse"},
		body:    issueBody,
		data:    d,
	}
}

func revokeRequest(d revokeData) request {
	return request{
		service: "certificateManagementService",
		action:  nsManage + "/updateCertificateStatus",
		wants:   xml.Name{Space: nsManage, Local: "updateCertificateStatusResponse"},
		body:    revokeBody,
		data:    d,
	}
}

// envelope writes the request as SOAP 1.1.
func (r request) envelope() ([]byte, error) {
	t, err := template.New("request").Funcs(template.FuncMap{"xml": escape}).Parse(
		xml.Header + `<soap:Envelope xmlns:soap="` + nsEnvelope + `"><soap:Body>` + "\n" + r.body + "\n</soap:Body></soap:Envelope>\n")
	if err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, r.data); err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	return out.Bytes(), nil
}

func escape(s string) (string, error) {
	var b strings.Builder
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}
