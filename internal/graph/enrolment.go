package graph

import (
	"net/http"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// enrolmentRoutes are the actions that have a CA issue and revoke. They wait
// for it, so they are not atomic.
func (s *Server) enrolmentRoutes(one string) []route {
	issue, revoke := pki.IssueCertificateAction(), pki.RevokeAction()
	certificates := s.nouns.certificates
	return []route{
		{
			method: http.MethodPost, path: one + "/" + issue.Name, need: auth.Write, body: true, handle: s.issueCertificate,
			tells: operation{
				id: subscriptionSet + "." + issue.Name, summary: "Has the CA issue a certificate for a request.",
				takes: schemaOf(s.nouns.subscriptions.entity.Name) + "." + issue.Name, gives: schemaOf(pki.IssuedCertificateType().Name),
				fields: []string{"Idempotency-Key"}, status: []int{http.StatusOK, http.StatusAccepted},
			},
		},
		{
			method: http.MethodPost, path: one + "/" + certificates.set + "/{key}/" + revoke.Name, need: auth.Write, body: true, handle: s.revokeCertificate,
			tells: operation{
				id: certificates.set + "." + revoke.Name, summary: "Has the CA revoke a certificate for good.",
				takes: schemaOf(certificates.entity.Name) + "." + revoke.Name, status: []int{http.StatusNoContent},
			},
		},
	}
}

// issueCertificate answers the action of that name.
func (s *Server) issueCertificate(x *exchange) error {
	id, err := x.actOn()
	if err != nil {
		return err
	}
	action := pki.IssueCertificateAction()
	o, err := action.Decode(x.body)
	if err != nil {
		return err
	}
	replay, err := x.replayKey("issueCertificate/" + string(id))
	if err != nil {
		return err
	}
	d := pki.IssueDraft{CSR: []byte(o.Get("certificateSigningRequest").Str()), Profile: o.Get("profile").Str()}
	issued, err := s.service.IssueCertificate(x.r.Context(), x.principal.Tenant, x.actor(), id, d, replay)
	if err != nil {
		return err
	}
	a := odata.Annotations{Context: x.url("$metadata#" + schemaOf(pki.IssuedCertificateType().Name))}
	x.withBuffer(http.StatusOK, func(dst []byte) []byte {
		return s.nouns.issued.Append(dst, &issued, everything(), x.format, a)
	})
	return nil
}

// revokeCertificate answers the action revoke.
func (s *Server) revokeCertificate(x *exchange) error {
	id, err := x.actOn()
	if err != nil {
		return err
	}
	certificate, err := x.key(1, s.nouns.certificates.entity.Name)
	if err != nil {
		return err
	}
	action := pki.RevokeAction()
	o, err := action.Decode(x.body)
	if err != nil {
		return err
	}
	reason := 0 // unspecified
	if given := o.Get("reason"); given.State() == odata.Present {
		reason = int(given.Num())
	}
	if err := s.service.RevokeCertificate(x.r.Context(), x.principal.Tenant, x.actor(), id, certificate, reason); err != nil {
		return err
	}
	x.write(http.StatusNoContent, nil)
	return nil
}

// newIssued returns how the answer of issueCertificate is written, as
// newConnectionTests does.
func newIssued() (*odata.Shape[pki.IssuedCertificate], error) {
	of := pki.IssuedCertificateType()
	return odata.NewShape(&odata.EntityType{Name: of.Name, Properties: of.Properties}, map[string]func(*pki.IssuedCertificate) odata.Value{
		"certificateId": func(i *pki.IssuedCertificate) odata.Value { return odata.String(string(i.Certificate.ID)) },
		"serialNumber":  func(i *pki.IssuedCertificate) odata.Value { return odata.String(i.Certificate.Serial) },
		"certificate":   func(i *pki.IssuedCertificate) odata.Value { return odata.Binary(i.Certificate.DER) },
		"chain": func(i *pki.IssuedCertificate) odata.Value {
			items := make([]odata.Value, len(i.Chain))
			for n, der := range i.Chain {
				items[n] = odata.Binary(der)
			}
			return odata.List(items...)
		},
	})
}
