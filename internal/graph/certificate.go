package graph

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func newCertificates(s *Server) (*noun[pki.Certificate], error) {
	entity := pki.CertificateType()
	shape, err := odata.NewShape(entity, certificateMembers())
	return &noun[pki.Certificate]{
		server: s, set: "certificates", nested: true, entity: entity, shape: shape,
		id:   func(c *pki.Certificate) pki.ID { return c.ID },
		page: s.service.Certificates,
		one: func(ctx context.Context, t pki.TenantID, sub, id pki.ID, _ odata.Selection) (pki.Certificate, error) {
			return s.service.Certificate(ctx, t, sub, id)
		},
		changes: s.service.CertificateChanges,
	}, err
}

func certificateMembers() map[string]func(*pki.Certificate) odata.Value {
	return map[string]func(*pki.Certificate) odata.Value{
		"id":                      func(c *pki.Certificate) odata.Value { return odata.String(string(c.ID)) },
		"subjectName":             func(c *pki.Certificate) odata.Value { return textOrNull(c.SubjectDN) },
		"commonName":              func(c *pki.Certificate) odata.Value { return textOrNull(c.CommonName) },
		"subjectAlternativeNames": func(c *pki.Certificate) odata.Value { return textOrNull(c.AltNames) },
		"issuerName":              func(c *pki.Certificate) odata.Value { return textOrNull(c.IssuerDN) },
		"serialNumber":            func(c *pki.Certificate) odata.Value { return textOrNull(c.Serial) },
		"thumbprint":              func(c *pki.Certificate) odata.Value { return textOrNull(c.SHA256) },
		"notBefore":               func(c *pki.Certificate) odata.Value { return dateOrNull(c.NotBefore) },
		"notAfter":                func(c *pki.Certificate) odata.Value { return dateOrNull(c.NotAfter) },
		"status":                  func(c *pki.Certificate) odata.Value { return odata.Int(int64(c.Status)) },
		"revocationDateTime":      func(c *pki.Certificate) odata.Value { return dateOrNull(c.RevokedAt) },
		"revocationReason":        revocationReason,
		"profileId":               func(c *pki.Certificate) odata.Value { return textOrNull(c.ProfileID) },
		"holder":                  func(c *pki.Certificate) odata.Value { return textOrNull(c.Holder) },
		"firstSeenDateTime":       func(c *pki.Certificate) odata.Value { return dateOrNull(c.FirstSeen) },
		"lastChangedDateTime":     func(c *pki.Certificate) odata.Value { return dateOrNull(c.Changed) },
		"missingSinceDateTime":    func(c *pki.Certificate) odata.Value { return dateOrNull(c.Missing) },
		"firstProvider":           func(c *pki.Certificate) odata.Value { return odata.Int(c.FirstProvider) },
		"lastProvider":            func(c *pki.Certificate) odata.Value { return odata.Int(c.LastProvider) },
		"certificate":             func(c *pki.Certificate) odata.Value { return odata.Binary(c.DER) },
	}
}

// revocationReason is null where there is none or it is unknown.
func revocationReason(c *pki.Certificate) odata.Value {
	if c.Reason < 0 {
		return odata.NullValue()
	}
	return odata.Int(int64(c.Reason))
}
