package digicertone

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// Issue has a certificate issued under a profile (POST /certificate): that of
// the request, or the only one of the setting profileIds. The seat is the first
// name of the request. The authorities are asked for before, for the chain: an
// answer holds the certificate alone.
func (s *session) Issue(ctx context.Context, r provider.Request) (provider.Issued, error) {
	profile := r.Profile
	if profile == "" && len(s.profiles) == 1 {
		profile = s.profiles[0]
	}
	if profile == "" {
		return provider.Issued{}, &provider.Error{Code: provider.CodeProfileUnknown, Msg: "no profile is named; name one, or set providerSettings " + settingProfiles + " to a single one"}
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return provider.Issued{}, &provider.Error{Code: provider.CodeParse, Retry: provider.RetryNever, Err: err, Msg: "the request is not PKCS#10"}
	}
	seat := seatOf(csr)
	if seat == "" {
		return provider.Issued{}, &provider.Error{Code: provider.CodeUpstreamFault, Retry: provider.RetryNever, Msg: "the request has no name, which the API needs for the seat; give it a common name, an e-mail address or a DNS name"}
	}
	known, err := s.Authorities(ctx)
	if err != nil {
		return provider.Issued{}, err
	}
	var answer struct {
		Certificate string `json:"certificate"`
	}
	got, err := s.JSON(ctx, rest.Request{Method: http.MethodPost, Path: "certificate", JSON: map[string]any{
		"profile": map[string]string{"id": profile}, "seat": map[string]string{"seat_id": seat},
		"csr": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: r.CSR})), "delivery_format": "x509",
	}}, &answer)
	if err != nil {
		return provider.Issued{}, refusedFor(err, provider.CodeProfileUnknown)
	}
	if got.Status == http.StatusAccepted && answer.Certificate == "" {
		return provider.Issued{}, provider.ApprovalPending(nil, 0)
	}
	leaf, _, err := provider.DecodeCertificate(answer.Certificate)
	if err != nil {
		return provider.Issued{}, &provider.Error{Code: provider.CodeParse, Err: err, Msg: s.Host() + " answers the request with a certificate that cannot be read"}
	}
	return provider.Issued{Chain: known.ChainOf(leaf)}, nil
}

// seatOf names who a certificate is for: the common name, or else the first
// alternative one.
func seatOf(csr *x509.CertificateRequest) string {
	names := append(slices.Clone(csr.EmailAddresses), csr.DNSNames...)
	return cmp.Or(append([]string{csr.Subject.CommonName}, names...)...)
}

// Revoke revokes by serial number (PUT /certificate/{serial}/revoke). What the
// API says of one that is revoked already is not documented: where it refuses,
// the certificate is looked at.
func (s *session) Revoke(ctx context.Context, r provider.Revocation) error {
	path := "certificate/" + url.PathEscape(strings.ToUpper(r.Serial))
	a, err := s.Do(ctx, rest.Request{Method: http.MethodPut, Path: path + "/revoke", JSON: map[string]string{"revocation_reason": reasonName(r.Reason)}})
	var e *provider.Error
	switch {
	case err == nil && a.Status == http.StatusOK && len(a.Body) > 0 && a.Body[0] != '{':
		return &provider.Error{Code: provider.CodeProtocol, Msg: s.Host() + " does not answer the revocation with JSON; check serviceUri"}
	case err == nil || !errors.As(err, &e) || e.Code != provider.CodeUpstreamFault:
		return err
	case rest.IsStatus(err, http.StatusNotFound):
		e.Retry, e.Err = provider.RetryNever, errors.Join(provider.ErrNoCertificate, e.Err)
		return err
	}
	var now struct {
		Status string `json:"status"`
	}
	if _, look := s.JSON(ctx, rest.Request{Path: path}, &now); look == nil && strings.EqualFold(now.Status, "revoked") {
		return nil
	}
	return refusedFor(err, e.Code)
}

// refusedFor marks what the API will refuse again. missing is the code of what
// it does not find.
func refusedFor(err error, missing provider.Code) error {
	var e *provider.Error
	if !errors.As(err, &e) || e.Code != provider.CodeUpstreamFault {
		return err
	}
	switch {
	case rest.IsStatus(err, http.StatusNotFound):
		e.Code, e.Retry = missing, provider.RetryNever
	case rest.IsStatus(err, http.StatusBadRequest):
		e.Retry = provider.RetryNever
	}
	return err
}

// reasonName spells a reason as the API does.
func reasonName(code int) string {
	for name, c := range map[string]int{
		"key_compromise": 1, "ca_compromise": 2, "affiliation_changed": 3, "superseded": 4,
		"cessation_of_operation": 5, "privilege_withdrawn": 9, "aa_compromise": 10,
	} {
		if c == code {
			return name
		}
	}
	return "unspecified"
}
