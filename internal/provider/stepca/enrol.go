package stepca

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// The calls that take a token (api/api.go, Route).
const (
	pathSign   = "1.0/sign"
	pathRevoke = "1.0/revoke"
)

// maxSigned bounds the certificates that are read of one answer.
const maxSigned = 16

// Issue signs a request (POST /1.0/sign) by a token of the provisioner that the
// profile names. The token is for the names of the request and for this request
// alone.
func (s *session) Issue(ctx context.Context, r provider.Request) (provider.Issued, error) {
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return provider.Issued{}, &provider.Error{Code: provider.CodeParse, Retry: provider.RetryNever, Err: err, Msg: "the request is not PKCS#10"}
	}
	names := namesOf(csr)
	subject := csr.Subject.CommonName
	if subject == "" && len(names) > 0 {
		subject = names[0]
	}
	if subject == "" {
		return provider.Issued{}, &provider.Error{Code: provider.CodeUpstreamFault, Retry: provider.RetryNever, Msg: "the request has no name; give it a common name or an alternative one"}
	}
	by, err := s.provisioner(ctx, r.Profile)
	if err != nil {
		return provider.Issued{}, err
	}
	var answer struct {
		Certificate string   `json:"crt"`
		CA          string   `json:"ca"`
		Chain       []string `json:"certChain"` // the certificate and those above it; versions before 0.10 have none
	}
	request := map[string]any{"csr": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr.Raw}))}
	if err := s.post(ctx, by, pathSign, claims{Subject: subject, SANs: names, Confirmation: confirm(csr.Raw)}, request, &answer); err != nil {
		return provider.Issued{}, err
	}
	texts := []string{answer.Certificate, answer.CA}
	if len(answer.Chain) > 1 {
		texts = append(texts[:1], answer.Chain[1:min(len(answer.Chain), maxSigned)]...)
	}
	var issued provider.Issued
	for i, text := range texts {
		if text == "" && i > 0 {
			continue
		}
		c, err := parseCertificate(text)
		if err != nil {
			return provider.Issued{}, &provider.Error{Code: provider.CodeParse, Err: err, Msg: s.base.Host + " answers the request with a certificate that cannot be read"}
		}
		issued.Chain = append(issued.Chain, c)
	}
	return issued, nil
}

// namesOf returns the alternative names of a request as a token lists them
// (go.step.sm/crypto/x509util, SplitSANs).
func namesOf(csr *x509.CertificateRequest) []string {
	names := append([]string(nil), csr.DNSNames...)
	for _, ip := range csr.IPAddresses {
		names = append(names, ip.String())
	}
	names = append(names, csr.EmailAddresses...)
	for _, uri := range csr.URIs {
		names = append(names, uri.String())
	}
	return names
}

// Revoke revokes by serial number (POST /1.0/revoke), by a token of the
// provisioner of the credentials; any may. step-ca revokes passively: renewals
// end, and the CRL lists the certificate where there is one. It takes serial
// numbers that it has not given.
func (s *session) Revoke(ctx context.Context, r provider.Revocation) error {
	serial, ok := new(big.Int).SetString(r.Serial, 16)
	if !ok {
		return &provider.Error{Code: provider.CodeParse, Retry: provider.RetryNever, Msg: "the serial number is not hex"}
	}
	by, err := s.provisioner(ctx, "")
	if err != nil {
		return err
	}
	var answer struct {
		Status string `json:"status"`
	}
	request := map[string]any{"serial": serial.String(), "reasonCode": r.Reason, "passive": true}
	err = s.post(ctx, by, pathRevoke, claims{Subject: serial.String()}, request, &answer)
	var said reply
	switch {
	case errors.As(err, &said) && strings.Contains(said.words, "already revoked"):
		return nil
	case err == nil && answer.Status != "ok":
		return &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s answers the revocation with status '%s'", s.base.Host, provider.Clean(answer.Status, maxMessage))}
	}
	return err
}

// post makes a call by a token, which is put into the request as ott, and says
// what a refusal by the CA itself means. That it takes no token is not held
// against the credentials: reads go without them, and no account locks.
func (s *session) post(ctx context.Context, by provisioner, path string, c claims, request map[string]any, answer any) error {
	token, err := s.token(by, path, c)
	if err != nil {
		return &provider.Error{Code: provider.CodePermission, Msg: fmt.Sprintf("the key of the provisioner '%s' cannot sign", provider.Clean(by.name, maxMessage)), Err: err}
	}
	s.words = provider.NewCleaner(s.credentials.Password, secret.NewString(token)) // a refused one may still be good
	request["ott"] = token
	content, err := json.Marshal(request)
	if err != nil {
		return &provider.Error{Code: provider.CodeInternal, Msg: "the request cannot be made", Err: err}
	}
	err = s.json(ctx, http.MethodPost, s.base.JoinPath(path), content, answer)
	var said reply
	var e *provider.Error
	if !errors.As(err, &said) || !errors.As(err, &e) {
		return err
	}
	switch int(said.httpStatus) {
	case http.StatusUnauthorized:
		e.Code = provider.CodePermission
		e.Msg += fmt.Sprintf(" (the token of the provisioner '%s' is refused; is the host of serviceUri one of the CA's dnsNames, and do the clocks agree?)", provider.Clean(by.name, maxMessage))
	case http.StatusBadRequest, http.StatusForbidden:
		e.Code, e.Retry = provider.CodeUpstreamFault, provider.RetryNever
	}
	return err
}
