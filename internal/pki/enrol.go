package pki

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// maxEnrolments bounds how many calls of CAs for issue and revocation one
// process has under way.
const maxEnrolments = 16

// longestRecord bounds the writing down of what a CA has done already.
const longestRecord = 10 * time.Second

// IssueCertificate has the CA of a subscription issue a certificate, and puts it
// into the inventory. With a ReplayKey the CA is asked once: a repetition gives
// the certificate again, or CodeConflict while the outcome is not known.
// CodeInvalid for a request that is none or that the CA refuses, CodeNotFound,
// CodeNotSyncable, CodeReplayMismatch, CodeConflict where the provider cannot or
// the credentials are refused, CodeUpstream where the CA fails, CodePending while
// the request waits for approval at the CA: a repetition asks for it again.
func (s *Service) IssueCertificate(ctx context.Context, t TenantID, a Actor, id ID, d IssueDraft, r *ReplayKey) (IssuedCertificate, error) {
	sub, err := s.store.Subscription(ctx, t, id)
	if err != nil {
		return IssuedCertificate{}, err
	}
	csr, err := provider.ParseCSR(d.CSR)
	if err != nil {
		return IssuedCertificate{}, &Error{Code: CodeInvalid, Target: "certificateSigningRequest", Msg: err.Error()}
	}
	receipt, replayed, err := s.replay(ctx, t, r)
	if err != nil {
		return IssuedCertificate{}, err
	}
	if replayed && (receipt.ID != "" || receipt.Pending == "") {
		return s.issuedBefore(ctx, &sub, receipt)
	}
	again, err := s.enter(ctx, &sub, receipt, replayed)
	if err != nil {
		return IssuedCertificate{}, err
	}
	what := fmt.Sprintf("%s, profile %q, key %s", csr.Subject, d.Profile, Thumbprint(csr.RawSubjectPublicKeyInfo))
	var issued provider.Issued
	fault, err := s.askCA(ctx, &sub, a, ActivityRequest, what, func(ctx context.Context, session provider.Session) (err error) {
		by, ok := session.(provider.Issuer)
		if !ok {
			return cannot(sub.Provider, "issue")
		}
		issued, err = provider.Issue(ctx, by, provider.Request{CSR: csr.Raw, Profile: d.Profile, Pending: again})
		return err
	})
	if err == nil && fault == nil {
		return s.recordIssued(ctx, &sub, a, d.Profile, issued.Chain, receipt)
	}
	return IssuedCertificate{}, s.notIssued(ctx, &sub, receipt, again, fault, err)
}

// enter takes the turn of a request: nobody else asks the CA under its key. It
// returns what the CA is asked with where the request waits for approval.
func (s *Service) enter(ctx context.Context, sub *Subscription, r *Receipt, waits bool) (*provider.Pending, error) {
	switch {
	case waits:
		return s.askAgain(ctx, sub, r)
	case r == nil:
		return nil, nil //nolint:nilnil // asked for the first time
	}
	r.At = s.stamp()
	if err := s.store.ReserveReceipt(ctx, *r); err != nil {
		return nil, s.afterRace(err)
	}
	return nil, nil //nolint:nilnil // as above
}

// recordIssued puts what the CA has issued into the inventory. It is done even
// if the client has left: the certificate is there.
func (s *Service) recordIssued(ctx context.Context, sub *Subscription, a Actor, profile string, chain []*x509.Certificate, receipt *Receipt) (IssuedCertificate, error) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), longestRecord)
	defer stop()
	r := provider.NewRecord(chain[0])
	r.Status, r.ProfileID = provider.StatusAt(r.NotAfter, s.now()), profile
	cert, fault := admit(r, s.stamp())
	if fault != "" {
		return IssuedCertificate{}, &Error{Code: CodeUpstream, Msg: "The CA has issued a certificate that cannot be kept: " + fault + "."}
	}
	if receipt != nil {
		receipt.ID = cert.ID
	}
	if err := s.record(ctx, sub, a, ActivityIssue, fmt.Sprintf("serial number %s, %s, profile %q", cert.Serial, cert.SubjectDN, profile), cert, receipt); err != nil {
		return IssuedCertificate{}, err
	}
	issued := IssuedCertificate{Certificate: cert}
	for _, c := range chain[1:] {
		issued.Chain = append(issued.Chain, c.Raw)
	}
	return issued, nil
}

// record writes a certificate as it is from now on.
func (s *Service) record(ctx context.Context, sub *Subscription, a Actor, activity, reason string, cert Certificate, receipt *Receipt) error {
	event, err := s.event(activity, sub.ID, a, nil)
	if err != nil {
		return err
	}
	event.Reason = printable(reason)
	page := RunPage{Certificates: []Certificate{cert}, Now: s.stamp()}
	page.Provider, _ = s.providers.ValueOf(sub.Provider)
	return s.store.RecordCertificate(ctx, sub.Tenant, sub.ID, page, event, receipt)
}

// issuedBefore answers a repetition: with the certificate of the inventory, and
// the authorities that the syncs have met above it.
func (s *Service) issuedBefore(ctx context.Context, sub *Subscription, receipt *Receipt) (IssuedCertificate, error) {
	if receipt.ID == "" {
		return IssuedCertificate{}, unknownOutcome()
	}
	cert, err := s.store.Certificate(ctx, sub.Tenant, sub.ID, receipt.ID)
	if err != nil {
		return IssuedCertificate{}, err
	}
	issued := IssuedCertificate{Certificate: cert}
	leaf, err := x509.ParseCertificate(cert.DER)
	if err != nil {
		return issued, fmt.Errorf("parse stored certificate: %w", err)
	}
	_, known, err := s.store.Trust(ctx, sub.Tenant, sub.ID)
	if err != nil {
		return issued, err
	}
	var roots, between []*x509.Certificate
	for _, authority := range known {
		c, err := x509.ParseCertificate(authority.DER)
		switch {
		case err != nil: // not one that could be above it
		case authority.Kind == AuthorityRoot:
			roots = append(roots, c)
		default:
			between = append(between, c)
		}
	}
	for _, c := range provider.PathToRoot(leaf, roots, between) {
		issued.Chain = append(issued.Chain, c.Raw)
	}
	return issued, nil
}

func unknownOutcome() *Error {
	return &Error{
		Code: CodeConflict,
		Msg:  "A request with this idempotency key is under way, or ended without an answer of the CA. Look for the certificate in the inventory after a sync; if it is not there, send the request with another key.",
	}
}

// afterRace answers the slower of two equal requests that came at once.
func (s *Service) afterRace(err error) error {
	if CodeOf(err) == CodeExists {
		return unknownOutcome()
	}
	return err
}

// RevokeCertificate has the CA of a subscription revoke a certificate of the
// inventory for a reason of RFC 5280, 5.3.1, and marks it. One that is revoked
// already is a success, and the CA is not asked. Errors are as of
// IssueCertificate.
func (s *Service) RevokeCertificate(ctx context.Context, t TenantID, a Actor, id, certificate ID, reason int) error {
	sub, err := s.store.Subscription(ctx, t, id)
	if err != nil {
		return err
	}
	cert, err := s.store.Certificate(ctx, t, id, certificate)
	if err != nil || cert.Status == CertificateRevoked {
		return err
	}
	what := fmt.Sprintf("serial number %s, %s, for %s", cert.Serial, cert.SubjectDN, reasonName(reason))
	fault, err := s.askCA(ctx, &sub, a, ActivityRequestRevoke, what, func(ctx context.Context, session provider.Session) error {
		by, ok := session.(provider.Revoker)
		if !ok {
			return cannot(sub.Provider, "revoke")
		}
		return provider.Revoke(ctx, by, provider.Revocation{Serial: cert.Serial, Certificate: cert.DER, Reason: reason})
	})
	switch {
	case err != nil:
		return err
	case fault != nil:
		return refusedRevocation(fault)
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), longestRecord)
	defer stop()
	cert.Status, cert.RevokedAt, cert.Reason = CertificateRevoked, odata.FromTime(s.now().UTC().Truncate(time.Second)), reason
	return s.record(ctx, &sub, a, ActivityRevoke, what, cert, nil)
}

// isCertain reports whether a fault proves that the CA has not done what it was
// asked for.
func isCertain(fault *provider.Error) bool {
	return !slices.Contains([]provider.Code{
		provider.CodeTimeout, provider.CodeConnect, provider.CodeCancelled, provider.CodeUpstream5xx, provider.CodeProtocol, provider.CodeParse, provider.CodeInternal,
	}, fault.Code)
}
