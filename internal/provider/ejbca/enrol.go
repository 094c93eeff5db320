package ejbca

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// enrolment is what a certificate is issued by.
type enrolment struct{ ca, endEntityProfile, certificateProfile string }

// Issue has a certificate issued (POST /v1/certificate/pkcs10enroll). The end
// entity is named by the key, so that two requests never share one; its
// enrolment code is used once, and kept by nobody.
func (s *session) Issue(ctx context.Context, r provider.Request) (provider.Issued, error) {
	profile := cmp.Or(r.Profile, s.enrolment.certificateProfile)
	for _, missing := range []struct{ value, name string }{
		{s.enrolment.ca, settingIssueCA}, {s.enrolment.endEntityProfile, settingIssueEntity}, {profile, settingIssueProfile},
	} {
		if missing.value == "" {
			return provider.Issued{}, &provider.Error{Code: provider.CodeProfileUnknown, Msg: "providerSettings " + missing.name + " is missing; EJBCA issues nothing without it"}
		}
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return provider.Issued{}, &provider.Error{Code: provider.CodeParse, Retry: provider.RetryNever, Err: err, Msg: "the request is not PKCS#10"}
	}
	key := sha256.Sum256(csr.RawSubjectPublicKeyInfo)
	var answer struct {
		Certificate string   `json:"certificate"`
		Chain       []string `json:"certificate_chain"`
		Code        int      `json:"error_code"`
	}
	err = s.json(ctx, rest.Request{Method: http.MethodPost, Path: "v1/certificate/pkcs10enroll", JSON: map[string]any{
		"certificate_request":        string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: r.CSR})),
		"certificate_authority_name": s.enrolment.ca, "end_entity_profile_name": s.enrolment.endEntityProfile, "certificate_profile_name": profile,
		"username": "cloudpki-" + hex.EncodeToString(key[:16]), "password": rand.Text(), "include_chain": true,
	}}, &answer)
	if err != nil {
		return provider.Issued{}, forGood(err)
	}
	if answer.Certificate == "" && answer.Code == http.StatusAccepted {
		return provider.Issued{}, provider.ApprovalPending(nil, 0) // to finish it there takes the enrolment code
	}
	var issued provider.Issued
	for _, text := range append([]string{answer.Certificate}, answer.Chain[:min(len(answer.Chain), maxChain)]...) {
		c, _, err := provider.DecodeCertificate(text)
		if err != nil {
			return provider.Issued{}, &provider.Error{Code: provider.CodeParse, Err: err, Msg: "EJBCA answers the request with a certificate that cannot be read"}
		}
		issued.Chain = append(issued.Chain, c)
	}
	return issued, nil
}

// forGood marks what EJBCA will refuse again: a request that it calls wrong.
func forGood(err error) error {
	var e *provider.Error
	if errors.As(err, &e) && e.Code == provider.CodeUpstreamFault {
		e.Retry = provider.RetryNever
	}
	return err
}

// Revoke revokes by issuer and serial number (PUT
// /v1/certificate/{issuer_dn}/{certificate_serial_number}/revoke), which needs
// the certificate. What is revoked already is a conflict there, and a success
// here.
func (s *session) Revoke(ctx context.Context, r provider.Revocation) error {
	cert, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return &provider.Error{Code: provider.CodeUnsupported, Err: err, Msg: "EJBCA revokes by the issuer's name as well, and the certificate is not known; revoke it there"}
	}
	var status struct {
		Serial string `json:"serial_number"`
	}
	err = s.json(ctx, rest.Request{
		Method: http.MethodPut, Path: "v1/certificate/" + url.PathEscape(cert.Issuer.String()) + "/" + r.Serial + "/revoke",
		Query: url.Values{"reason": {reasonName(r.Reason)}},
	}, &status)
	var e *provider.Error
	switch {
	case err == nil || !errors.As(err, &e):
		return err
	case e.UpstreamCode == "409":
		return nil
	case e.UpstreamCode == "404" && e.Code != provider.CodeUnsupported:
		e.Code, e.Retry, e.Err = provider.CodeUpstreamFault, provider.RetryNever, errors.Join(provider.ErrNoCertificate, e.Err)
	}
	return forGood(err)
}

// reasonName spells a reason as EJBCA does: KEY_COMPROMISE.
func reasonName(code int) string {
	for name, c := range map[string]int{
		"KEY_COMPROMISE": 1, "CA_COMPROMISE": 2, "AFFILIATION_CHANGED": 3, "SUPERSEDED": 4,
		"CESSATION_OF_OPERATION": 5, "PRIVILEGES_WITHDRAWN": 9, "AA_COMPROMISE": 10,
	} {
		if c == code {
			return name
		}
	}
	return "UNSPECIFIED"
}

// checkOne takes the name of one CA or profile.
func checkOne(v string) error {
	if strings.Contains(v, ",") {
		return errors.New("is one name, without commas")
	}
	_, err := names(v)
	return err
}
