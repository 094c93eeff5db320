package pki

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// errNoDevice is the error for every account and certificate that does not
// prove a device, and for every endpoint that there is not: nobody learns which.
func errNoDevice() *Error {
	return &Error{Code: CodeNotFound, Msg: "There is no such endpoint, or the credentials are not its."}
}

// Find returns the enabled endpoint with the id, of whatever tenant, or
// CodeNotFound.
func (s *ESTEndpoints) Find(ctx context.Context, id ID) (ESTEndpoint, error) {
	if !id.Valid() {
		return ESTEndpoint{}, errNoDevice()
	}
	e, err := s.o.Store.ESTEndpointOf(ctx, id)
	if CodeOf(err) == CodeNotFound || err == nil && !e.Enabled {
		return ESTEndpoint{}, errNoDevice()
	}
	return e, err
}

// Authenticate returns the endpoint with the id, if name and password are those
// of its account, else CodeNotFound. It takes as long for an endpoint that there
// is not. CodeUnavailable where ctx ends before a password could be checked.
func (s *ESTEndpoints) Authenticate(ctx context.Context, id ID, name string, password secret.Text) (ESTEndpoint, error) {
	e, err := s.Find(ctx, id)
	if err != nil && CodeOf(err) != CodeNotFound {
		return e, err
	}
	hash, found := secret.DecoyHash(), err == nil
	if found {
		if hash, err = secret.ParsePasswordHash(e.PasswordHash); err != nil {
			return e, fmt.Errorf("read the password hash of EST endpoint %s: %w", id, err)
		}
	}
	if err := s.enterHashing(ctx); err != nil {
		return e, err
	}
	defer s.leaveHashing()
	if len(password.Reveal()) > secret.MaxPassword || !hash.Matches(password) || !found || name != e.UserName {
		return ESTEndpoint{}, errNoDevice()
	}
	return e, nil
}

// Authorities returns what devices trust behind an endpoint: the roots of its
// subscription that are in force or retire, and those that chain to one, as the
// syncs have met them. Roots come first. CodeUnavailable while there is no root.
func (s *ESTEndpoints) Authorities(ctx context.Context, e ESTEndpoint) (roots, intermediates []*x509.Certificate, err error) {
	sub, known, err := s.o.Service.store.Trust(ctx, e.Tenant, e.Subscription)
	if err != nil {
		return nil, nil, err
	}
	source := TrustSource{Trusted: sub.TrustedRoot}
	for _, a := range known {
		switch {
		case a.Kind != AuthorityRoot:
			source.Others = append(source.Others, a.DER)
		case a.State == TrustRetiring:
			source.Retiring = append(source.Retiring, a.DER)
		}
	}
	roots, intermediates = gather([]TrustSource{source}, true)
	if len(roots) == 0 {
		return nil, nil, &Error{Code: CodeUnavailable, Msg: "The subscription has no trusted root yet. Try again after its next sync."}
	}
	return roots, intermediates, nil
}

// Enrol has the CA behind an endpoint issue a certificate for a request
// (PKCS#10, DER). The same request again gives the same certificate for 24
// hours. CodeInvalid, CodeForbidden for names that the endpoint does not allow,
// and what IssueCertificate returns.
func (s *ESTEndpoints) Enrol(ctx context.Context, e ESTEndpoint, a Actor, request []byte) (IssuedCertificate, error) {
	csr, err := parseESTRequest(request)
	if err != nil {
		return IssuedCertificate{}, err
	}
	if err := e.allows(csr); err != nil {
		return IssuedCertificate{}, err
	}
	return s.issue(ctx, e, a, csr, "simpleenroll")
}

// Identify returns the endpoint with the id, if cert, whose key the device has,
// is one that it may renew with: in the inventory of the subscription, valid,
// and signed below its roots; else CodeNotFound.
func (s *ESTEndpoints) Identify(ctx context.Context, id ID, cert *x509.Certificate) (ESTEndpoint, Certificate, error) {
	e, err := s.Find(ctx, id)
	if err != nil {
		return e, Certificate{}, err
	}
	held, err := s.o.Service.store.Certificate(ctx, e.Tenant, e.Subscription, CertificateID(cert.RawIssuer, "", cert.SerialNumber.Text(16)))
	if CodeOf(err) == CodeNotFound {
		err = errNoDevice()
	}
	if err != nil {
		return ESTEndpoint{}, held, err
	}
	now := s.o.Now()
	if held.Status != CertificateValid || !held.Missing.IsNever() || held.SHA256 != "" && held.SHA256 != Thumbprint(cert.Raw) ||
		now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return ESTEndpoint{}, held, errNoDevice()
	}
	roots, intermediates, err := s.Authorities(ctx, e)
	if err != nil {
		return ESTEndpoint{}, held, err
	}
	if provider.PathToRoot(cert, roots, intermediates) == nil {
		return ESTEndpoint{}, held, errNoDevice()
	}
	return e, held, nil
}

// Reenrol renews held, which Identify has returned with cert, for a request with
// the same subject and alternative names (RFC 7030, 4.2.2). Errors are as of
// Enrol; CodeForbidden where the endpoint does not renew, for another name, and
// for a certificate of another profile.
func (s *ESTEndpoints) Reenrol(ctx context.Context, e ESTEndpoint, a Actor, cert *x509.Certificate, held Certificate, request []byte) (IssuedCertificate, error) {
	csr, err := parseESTRequest(request)
	if err != nil {
		return IssuedCertificate{}, err
	}
	switch {
	case !e.Reenrol:
		return IssuedCertificate{}, forbidden("This endpoint does not renew certificates. Enrol anew.")
	case e.Profile != "" && held.ProfileID != "" && e.Profile != held.ProfileID:
		return IssuedCertificate{}, forbidden("The certificate is of another profile than this endpoint has. Renew it where it was issued, or enrol anew.")
	}
	if err := sameNames(csr, cert); err != nil {
		return IssuedCertificate{}, err
	}
	if err := e.allows(csr); err != nil {
		return IssuedCertificate{}, err
	}
	return s.issue(ctx, e, a, csr, "simplereenroll/"+string(held.ID))
}

// issue asks for a certificate under an idempotency key made of operation and
// request, so that a device that repeats itself does not get two.
func (s *ESTEndpoints) issue(ctx context.Context, e ESTEndpoint, a Actor, csr *x509.CertificateRequest, operation string) (IssuedCertificate, error) {
	sum := sha256.Sum256(csr.Raw)
	key := &ReplayKey{Client: "est/" + string(e.ID), Key: operation + "/" + hex.EncodeToString(sum[:]), Body: csr.Raw}
	issued, err := s.o.Service.IssueCertificate(ctx, e.Tenant, a, e.Subscription, IssueDraft{CSR: csr.Raw, Profile: e.Profile}, key)
	if err != nil {
		return issued, err
	}
	if status := issued.Certificate.Status; slices.Contains([]CertificateStatus{CertificateRevoked, CertificateSuspended}, status) {
		return IssuedCertificate{}, &Error{Code: CodeConflict, Msg: "The certificate that was issued for this request has been revoked. Send a request with a new key."}
	}
	if issued.Certificate.DER == nil {
		return IssuedCertificate{}, errors.New("EST: the inventory lacks the content of a certificate that was issued")
	}
	return issued, nil
}

func forbidden(format string, args ...any) *Error {
	return &Error{Code: CodeForbidden, Msg: fmt.Sprintf(format, args...)}
}

// parseESTRequest reads DER alone: what a pattern allows is what the CA is sent.
func parseESTRequest(der []byte) (*x509.CertificateRequest, error) {
	csr, err := provider.ParseCSR(der)
	if err != nil {
		return nil, &Error{Code: CodeInvalid, Msg: err.Error()}
	}
	return csr, nil
}
