package symantec

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// Issue has a certificate issued under a profile (RequestSecurityToken of the
// enrolment service). The policies are asked for before: they name the issuing
// CA, whose chain the answer leaves out, and what is to be said in pairs beside
// the request. What waits for approval is asked for by the number that the
// service gave it (QueryTokenStatus).
func (s *session) Issue(ctx context.Context, r provider.Request) (provider.Issued, error) {
	profile, csr, err := readRequest(r, s.profiles)
	if err != nil {
		return provider.Issued{}, err
	}
	one := *s
	one.profiles = []string{profile}
	told, err := one.policies(ctx)
	if err != nil {
		return provider.Issued{}, err
	}
	one.probed = &told
	known, err := one.Authorities(ctx)
	if err != nil {
		return provider.Issued{}, err
	}
	data := issueData{TxID: transactionID(), Profile: profile, CSR: base64.StdEncoding.EncodeToString(r.CSR), Pairs: pairs(csr, told.answer)}
	if r.Pending != nil {
		data.Pending = r.Pending.Reference
	}
	answer, err := s.call(ctx, issueRequest(data))
	if err != nil {
		return provider.Issued{}, err
	}
	return s.issued(answer, known)
}

// issued reads what became of a request: a certificate, a number under which it
// waits for approval, or a refusal in words.
func (s *session) issued(answer *node, known provider.Authorities) (provider.Issued, error) {
	response := answer.child("RequestVSSecurityTokenResponse")
	txID := s.words.Clean(response.value("serverTransactionID"), maxID)
	token := response.child("requestedVSSecurityToken")
	if said := s.words.Clean(response.value("dispositionMessage"), maxWords); token == nil && said != "" {
		return provider.Issued{}, &provider.Error{Code: provider.CodeUpstreamFault, Retry: provider.RetryNever, TxID: txID, Msg: "the CA does not issue: " + said}
	}
	if waits := token.value("pendingTokenReferenceID"); waits != "" && len(waits) <= maxReference {
		e := provider.ApprovalPending(&provider.Pending{Reference: waits}, 0)
		e.TxID = txID
		return provider.Issued{}, e
	}
	return readIssued(token.value("binarySecurityToken"), known, txID)
}

// readRequest returns the profile that is asked for, or else the only one that
// is followed, and the request, which has a name for the seat.
func readRequest(r provider.Request, followed []string) (string, *x509.CertificateRequest, error) {
	profile := r.Profile
	if profile == "" && len(followed) == 1 {
		profile = followed[0]
	}
	if profile == "" {
		return "", nil, &provider.Error{Code: provider.CodeProfileUnknown, Msg: "no profile is named; name one by its OID, or set providerSettings " + settingProfiles + " to a single one"}
	}
	if named, err := profiles(profile); err != nil || len(named) != 1 {
		return "", nil, &provider.Error{Code: provider.CodeProfileUnknown, Err: err, Msg: fmt.Sprintf("%q is not the OID of a certificate profile", provider.Clean(profile, 80))}
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return "", nil, &provider.Error{Code: provider.CodeParse, Retry: provider.RetryNever, Err: err, Msg: "the request is not PKCS#10"}
	}
	if seatOf(csr) == "" {
		return "", nil, &provider.Error{Code: provider.CodeUpstreamFault, Retry: provider.RetryNever, Msg: "the request has no name, which the platform needs for the seat; give it a common name, an e-mail address or a DNS name"}
	}
	return profile, csr, nil
}

// seatOf names who a certificate is for: the common name, or else the first
// alternative one.
func seatOf(csr *x509.CertificateRequest) string {
	names := append(slices.Clone(csr.EmailAddresses), csr.DNSNames...)
	return cmp.Or(append([]string{csr.Subject.CommonName}, names...)...)
}

// A pair is one nameValuePair of a request.
type pair struct{ Name, Value string }

// pairs returns the seat, and what of the names that a profile takes the request
// has a value for. The schema does not tell which member of a policy is the name
// in a pair; what is among the names that clients in use send is one.
func pairs(csr *x509.CertificateRequest, policies *node) []pair {
	list := []pair{{"seat_id", seatOf(csr)}}
	values := map[string][]string{
		"common_name": {csr.Subject.CommonName}, "country": csr.Subject.Country, "dnsName": csr.DNSNames,
		"mail": csr.EmailAddresses, "mail_email": csr.EmailAddresses, "emailAddress": csr.EmailAddresses,
	}
	for _, ip := range csr.IPAddresses {
		values["san_ipAddress"] = append(values["san_ipAddress"], ip.String())
	}
	for _, told := range append(below(policies, "subjectNameAttributeNameValuePair"), below(policies, "extensionAttributeNameValuePair")...) {
		for _, name := range []string{told.value("attributeNameValue"), told.value("attributeName")} {
			for _, value := range values[name] {
				if value != "" {
					list = append(list, pair{name, value})
				}
			}
			delete(values, name)
		}
	}
	return list
}

// below returns the descendants of that local name.
func below(n *node, local string) []*node {
	if n == nil {
		return nil
	}
	out := n.all(local)
	for _, c := range n.children {
		out = append(out, below(c, local)...)
	}
	return out
}

// maxReference bounds the number of a request that waits, in bytes.
const maxReference = 256

// readIssued reads the certificate of an answer.
func readIssued(text string, known provider.Authorities, txID string) (provider.Issued, error) {
	leaf, _, err := provider.DecodeCertificate(text)
	if err != nil {
		return provider.Issued{}, &provider.Error{Code: provider.CodeParse, Err: err, TxID: txID, Msg: "the CA answers the request with a certificate that cannot be read"}
	}
	return provider.Issued{Chain: known.ChainOf(leaf), TxID: txID}, nil
}

// Issue has a certificate issued under a profile (POST /certificate).
func (s *restSession) Issue(ctx context.Context, r provider.Request) (provider.Issued, error) {
	profile, csr, err := readRequest(r, s.profiles)
	if err != nil {
		return provider.Issued{}, err
	}
	one := *s
	one.profiles = []string{profile}
	known, err := one.Authorities(ctx)
	if err != nil {
		return provider.Issued{}, err
	}
	body := map[string]any{
		"profile": map[string]string{"id": profile}, "seat": map[string]string{"seat_id": seatOf(csr)},
		"csr": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: r.CSR})),
	}
	if cn := csr.Subject.CommonName; cn != "" {
		body["attributes"] = map[string]string{"common_name": cn}
	}
	var answer restRecord
	got, err := s.client.JSON(ctx, rest.Request{Method: http.MethodPost, Path: "certificate", JSON: body}, &answer)
	if err != nil {
		return provider.Issued{}, forGood(err)
	}
	if answer.Certificate == "" && strings.Contains(strings.ToLower(answer.Status), "pending") {
		return provider.Issued{}, provider.ApprovalPending(nil, 0)
	}
	return readIssued(answer.Certificate, known, got.TxID)
}
