package casim

import (
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// A service is one path of the simulator.
type service struct {
	path       string
	operations []operation
}

// An operation answers one request element.
type operation struct {
	name    string // as in Calls
	element xml.Name
	action  string // SOAPAction, without quotes
	answer  func(c *CA, req *element) (any, error)
}

func services() []service {
	return []service{
		{"policyService", []operation{
			{"requestPolicies", xml.Name{Space: nsPolicy, Local: "getPolicies"}, nsPolicy + "/requestPolicies", (*CA).getPolicies},
		}},
		{"enrollmentService", []operation{
			{"requestSecurityToken", xml.Name{Space: nsTrust, Local: "RequestSecurityToken"}, nsEnrol + "/requestSecurityToken", (*CA).requestToken},
		}},
		{"certificateManagementService", []operation{
			{"searchCertificate", xml.Name{Space: nsManage, Local: "searchCertificateRequest"}, nsManage + "/searchCertificate", (*CA).searchCertificate},
			{"updateCertificateStatus", xml.Name{Space: nsManage, Local: "updateCertificateStatusRequest"}, nsManage + "/updateCertificateStatus", (*CA).updateStatus},
		}},
		{"healthcheckService", []operation{
			{"getStatus", xml.Name{Space: nsHealth, Local: "getStatusRequestMessage"}, nsHealth + "/getStatus", (*CA).getStatus},
		}},
	}
}

// A refusal is a request the service answers with a SOAP fault.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.code + ": " + r.message }

func (c *CA) serve(s service) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			http.Error(w, "<html><body>Client certificate required</body></html>", http.StatusForbidden)
			return
		}
		body, err := c.answer(s, r)
		if err != nil {
			f := &refusal{"REQUEST_INVALID", err.Error()}
			errors.As(err, &f)
			writeFault(w, f.code, f.message)
			return
		}
		writeEnvelope(w, http.StatusOK, body)
	})
}

func (c *CA) answer(s service, r *http.Request) (any, error) {
	req, err := readEnvelope(r)
	if err != nil {
		return nil, err
	}
	for _, op := range s.operations {
		if op.element != req.Name {
			continue
		}
		if got := r.Header.Get("SOAPAction"); got != `"`+op.action+`"` {
			return nil, fmt.Errorf("SOAPAction %s does not fit %s", got, req.Name.Local)
		}
		c.mu.Lock()
		c.calls[op.name]++
		c.mu.Unlock()
		return op.answer(c, req)
	}
	return nil, fmt.Errorf("%s has no operation for {%s}%s", s.path, req.Name.Space, req.Name.Local)
}

type envelope struct {
	XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
	Body    struct {
		Content any
	} `xml:"Body"`
}

func writeEnvelope(w http.ResponseWriter, status int, content any) {
	var e envelope
	e.Body.Content = content
	b, err := xml.Marshal(e)
	if err != nil {
		http.Error(w, "the simulator cannot write its answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header), b...)) // the client is gone: nobody to tell
}

type soapFault struct {
	XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault"`
	Code    string   `xml:"faultcode"`
	String  string   `xml:"faultstring"`
	Detail  struct {
		Code    string `xml:"errorcode"`
		Message string `xml:"message"`
	} `xml:"detail"`
}

// writeFault answers as the real service was seen to: HTTP 500, SOAP 1.1
// Fault, detail/errorcode and detail/message.
func writeFault(w http.ResponseWriter, code, message string) {
	f := soapFault{Code: "soapenv:Server", String: message}
	f.Detail.Code, f.Detail.Message = code, message
	writeEnvelope(w, http.StatusInternalServerError, f)
}

// Nillable is text that is written as xsi:nil where it is nil.
type Nillable struct {
	Nil  string `xml:"http://www.w3.org/2001/XMLSchema-instance nil,attr,omitempty"`
	Text string `xml:",chardata"`
}

func nilText() Nillable { return Nillable{Nil: "true"} }

func serverTransactionID() string { return strings.ToLower(rand.Text()) }
