package web

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strconv"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Bounds of what the page of a certificate shows of its texts, in bytes. Its
// PEM has them whole.
const (
	maxFullName  = 1024
	maxFullNames = 4096 // of alternative names
)

// A certificatePage is one certificate of an inventory.
type certificatePage struct {
	Path         string
	Subscription string // its name
	Above        string // address of the subscription
	Certificate  pki.Certificate
	Status       health
	Subject      string
	AltNames     string
	Issuer       string
	Holder       string
	Profile      string
	Reason       string // of its revocation, "" for none
	First, Last  string // providers
	Key          string // "" where the CA gave no certificate
	Signature    string
	Revocable    bool // here, by its CA
	Reasons      []reason
}

// A reason is one for a revocation.
type reason struct {
	Name, Words string
}

func pathOfCertificate(subscription, id pki.ID) string {
	return pathOf(subscription) + "/certificates/" + url.PathEscape(string(id))
}

// certificate reads the certificate that an address names, and its subscription.
func (s *Server) certificate(v *visit) (p certificatePage, err error) {
	ctx, tenant := v.r.Context(), v.session.Principal.Tenant
	sub, err := s.service.Get(ctx, tenant, pki.ID(v.r.PathValue("id")))
	if err != nil {
		return p, err
	}
	c, err := s.service.Certificate(ctx, tenant, sub.ID, pki.ID(v.r.PathValue("key")))
	if err != nil {
		return p, err
	}
	p = certificatePage{
		Path: pathOfCertificate(sub.ID, c.ID), Subscription: nameOf(&sub), Above: pathOf(sub.ID), Certificate: c, Status: certificateHealth(c.Status),
		Subject: clip(c.SubjectDN, maxFullName), AltNames: clip(c.AltNames, maxFullNames), Issuer: clip(c.IssuerDN, maxFullName), Holder: clip(c.Holder, maxFullName), Profile: clip(c.ProfileID, maxFullName),
		First: providerName(c.FirstProvider), Last: providerName(c.LastProvider), Revocable: s.canRevoke(&sub, &c),
	}
	if c.Status == pki.CertificateRevoked && c.Reason >= 0 {
		p.Reason = cmp.Or(pki.RevocationReasonEnum().NameOf(int64(c.Reason)), strconv.Itoa(c.Reason))
	}
	if cert, err := x509.ParseCertificate(c.DER); err == nil {
		p.Key, p.Signature = keyWords(cert), cert.SignatureAlgorithm.String()
	}
	return p, nil
}

// canRevoke reports whether a person can have the CA revoke c from here.
func (s *Server) canRevoke(sub *pki.Subscription, c *pki.Certificate) bool {
	kind, ok := s.catalog.Kind(sub.Provider)
	return ok && kind.Can.Revoke && c.Status != pki.CertificateRevoked && c.Status != pki.CertificateExpired
}

func providerName(member int64) string {
	if member == 0 {
		return ""
	}
	return pki.ProviderEnum().NameOf(member)
}

// title is what to call the certificate.
func (p *certificatePage) title() string {
	return clip(cmp.Or(p.Certificate.CommonName, p.Certificate.SubjectDN, "Certificate "+p.Certificate.Serial), maxShownName)
}

func (s *Server) showCertificate(v *visit) error {
	p, err := s.certificate(v)
	if err != nil {
		return err
	}
	return s.show(v, "certificate", p.title(), p)
}

// sendCertificate answers with the certificate in PEM (RFC 7468).
func (s *Server) sendCertificate(v *visit) error {
	p, err := s.certificate(v)
	if err != nil {
		return err
	}
	if p.Certificate.DER == nil {
		return &fault{status: http.StatusConflict, title: "Not there", Msg: "The CA tells of this certificate, but has not given it. Fetch it at the CA."}
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/x-pem-file")
	h.Set("Content-Disposition", `attachment; filename="certificate-`+string(p.Certificate.ID)+`.pem"`)
	_ = pem.Encode(v.w, &pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate.DER}) // the browser has gone: nobody is left to tell
	return nil
}

// askRevoke asks for the reason, and once more whether.
func (s *Server) askRevoke(v *visit) error {
	p, err := s.certificate(v)
	if err != nil {
		return err
	}
	if !p.Revocable {
		return errNotRevocable()
	}
	for _, m := range pki.RevocationReasonEnum().Members {
		p.Reasons = append(p.Reasons, reason{m.Name, reasonWords(m)})
	}
	return s.show(v, "revoke", "Revoke "+p.title()+"?", p)
}

func reasonWords(m odata.Member) string {
	switch m.Name {
	case "unspecified":
		return "no reason given"
	case "keyCompromise":
		return "others have the private key, or may have it"
	case "cACompromise":
		return "others have the key of the CA"
	case "affiliationChanged":
		return "the names in it are not right any more"
	case "superseded":
		return "another certificate has taken its place"
	case "cessationOfOperation":
		return "it is not needed any more"
	case "privilegeWithdrawn":
		return "the holder may not have it any more"
	case "aACompromise":
		return "others have the key of the attribute authority"
	}
	return m.Name
}

// revoke has the CA revoke a certificate.
func (s *Server) revoke(v *visit) error {
	p, err := s.certificate(v)
	if err != nil {
		return err
	}
	var reason *odata.Member
	for _, m := range pki.RevocationReasonEnum().Members {
		if m.Name == v.r.PostForm.Get("reason") {
			reason = &m
		}
	}
	switch {
	case reason == nil:
		return &fault{status: http.StatusBadRequest, title: "Nothing was revoked", Msg: "The form has no reason for the revocation."}
	case !p.Revocable && p.Certificate.Status != pki.CertificateRevoked:
		return errNotRevocable()
	}
	sub := pki.ID(v.r.PathValue("id"))
	if err := s.service.RevokeCertificate(v.r.Context(), v.session.Principal.Tenant, v.actor(), sub, p.Certificate.ID, int(reason.Value)); err != nil {
		return err
	}
	redirect(v.w, p.Path)
	return nil
}

func errNotRevocable() error {
	return &fault{
		status: http.StatusConflict, title: "Nothing was revoked",
		Msg: "This certificate cannot be revoked here: it has ended, or this service cannot ask its CA to. Where it has not ended, revoke it at the CA; the next sync tells of it.",
	}
}
