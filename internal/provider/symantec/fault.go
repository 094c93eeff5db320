package symantec

import (
	"net/http"
	"strings"

	"cloudpki/internal/provider"
)

// Bounds of what a CA's words may fill in a report.
const (
	maxWords = 300
	maxID    = 64
)

// fault turns a SOAP fault, 1.1 or 1.2, into an error. The service documents
// neither the namespace of the detail nor its codes: elements are found by
// local name, the code is kept as it is, and the words decide the class.
func (s *session) fault(f *node, resp *http.Response) *provider.Error {
	detail := f.child("detail")
	if detail == nil {
		detail = f.child("Detail")
	}
	words := f.value("faultstring")
	if words == "" {
		words = f.child("Reason").value("Text")
	}
	code, message := deep(detail, "errorcode"), deep(detail, "message")
	if message != "" {
		words = message
	}
	e := &provider.Error{
		Code:         classify(strings.ToLower(code + " " + f.value("faultstring") + " " + words)),
		Msg:          "the CA answers with a fault: " + s.words.Clean(words, maxWords),
		UpstreamCode: s.words.Clean(code, maxID),
		TxID:         s.words.Clean(deep(detail, "serverTransactionID"), maxID),
	}
	if e.Code == provider.CodeUpstreamFault && (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusTooManyRequests) {
		byStatus := provider.StatusError(resp, s.now())
		e.Code, e.RetryAfter = byStatus.Code, byStatus.RetryAfter
	}
	return e
}

// deep returns the text of the first descendant of that local name.
func deep(n *node, local string) string {
	if n == nil {
		return ""
	}
	if c := n.child(local); c != nil {
		return c.text()
	}
	for _, c := range n.children {
		if t := deep(c, local); t != "" {
			return t
		}
	}
	return ""
}

// classify reads the words of a fault, in lower case. «A request element is
// not understood» is what the service says to a wrong profile OID (Intune
// documentation, troubleshooting DigiCert PKI Platform).
func classify(words string) provider.Code {
	for _, c := range []struct {
		code  provider.Code
		words []string
	}{
		{provider.CodeAccountDisabled, []string{"account is disabled", "account is suspended", "account is locked", "account has expired", "account_disabled"}},
		{provider.CodePermission, []string{"not authorized", "not authorised", "unauthorized", "unauthorised", "authorization", "authorisation", "permission", "access denied", "access_denied"}},
		{provider.CodeCredentialInvalid, []string{"authenticat", "invalid ra certificate", "ra certificate is not"}},
		{provider.CodeProfileUnknown, []string{"profile", "policy_not_found", "policy not found", "policyid", "request element is not understood"}},
	} {
		for _, w := range c.words {
			if strings.Contains(words, w) {
				return c.code
			}
		}
	}
	return provider.CodeUpstreamFault
}
