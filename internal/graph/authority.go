package graph

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func newAuthorities(s *Server) (*noun[pki.Authority], error) {
	entity := pki.AuthorityType()
	shape, err := odata.NewShape(entity, authorityMembers())
	return &noun[pki.Authority]{
		server: s, set: "certificateAuthorities", nested: true, entity: entity, shape: shape,
		id:   func(a *pki.Authority) pki.ID { return a.ID },
		page: s.service.Authorities,
		one: func(ctx context.Context, t pki.TenantID, sub, id pki.ID, _ odata.Selection) (pki.Authority, error) {
			return s.service.Authority(ctx, t, sub, id)
		},
	}, err
}

func authorityMembers() map[string]func(*pki.Authority) odata.Value {
	return map[string]func(*pki.Authority) odata.Value{
		"id":                func(a *pki.Authority) odata.Value { return odata.String(string(a.ID)) },
		"kind":              func(a *pki.Authority) odata.Value { return odata.Int(int64(a.Kind)) },
		"state":             func(a *pki.Authority) odata.Value { return odata.Int(int64(a.State)) },
		"subjectName":       func(a *pki.Authority) odata.Value { return odata.String(a.SubjectDN) },
		"issuerName":        func(a *pki.Authority) odata.Value { return odata.String(a.IssuerDN) },
		"serialNumber":      func(a *pki.Authority) odata.Value { return odata.String(a.Serial) },
		"notBefore":         func(a *pki.Authority) odata.Value { return odata.Date(a.NotBefore) },
		"notAfter":          func(a *pki.Authority) odata.Value { return odata.Date(a.NotAfter) },
		"profileIds":        func(a *pki.Authority) odata.Value { return texts(a.ProfileIDs) },
		"firstSeenDateTime": func(a *pki.Authority) odata.Value { return odata.Date(a.FirstSeen) },
		"lastSeenDateTime":  func(a *pki.Authority) odata.Value { return odata.Date(a.LastSeen) },
		"certificate":       func(a *pki.Authority) odata.Value { return odata.Binary(a.DER) },

		"stateChangedDateTime": func(a *pki.Authority) odata.Value { return dateOrNull(a.StateChanged) },
		"stateReason":          func(a *pki.Authority) odata.Value { return textOrNull(a.StateReason) },
		"decidedBy":            func(a *pki.Authority) odata.Value { return textOrNull(a.DecidedBy) },
		"replacesThumbprint":   func(a *pki.Authority) odata.Value { return textOrNull(string(a.Replaces)) },
		"retireDateTime":       func(a *pki.Authority) odata.Value { return dateOrNull(a.Retire) },
	}
}
