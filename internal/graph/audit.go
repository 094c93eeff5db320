package graph

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func newAuditEvents(s *Server) (*noun[pki.AuditEvent], error) {
	entity := pki.AuditEventType()
	shape, err := odata.NewShape(entity, map[string]func(*pki.AuditEvent) odata.Value{
		"id":                 func(e *pki.AuditEvent) odata.Value { return odata.String(string(e.ID)) },
		"activityDateTime":   func(e *pki.AuditEvent) odata.Value { return odata.Date(e.At) },
		"activityType":       func(e *pki.AuditEvent) odata.Value { return textOrNull(e.Activity) },
		"resourceId":         func(e *pki.AuditEvent) odata.Value { return textOrNull(string(e.Object)) },
		"actorApplicationId": func(e *pki.AuditEvent) odata.Value { return textOrNull(e.Actor.Client) },
		"actorId":            func(e *pki.AuditEvent) odata.Value { return textOrNull(e.Actor.Subject) },
		"actorName":          func(e *pki.AuditEvent) odata.Value { return textOrNull(e.Actor.Name) },
		"correlationId":      func(e *pki.AuditEvent) odata.Value { return textOrNull(e.Actor.RequestID) },
		"modifiedProperties": func(e *pki.AuditEvent) odata.Value { return texts(e.Members) },
		"reason":             func(e *pki.AuditEvent) odata.Value { return textOrNull(e.Reason) },
		"oldThumbprint":      func(e *pki.AuditEvent) odata.Value { return textOrNull(string(e.OldRoot)) },
		"newThumbprint":      func(e *pki.AuditEvent) odata.Value { return textOrNull(string(e.NewRoot)) },
	})
	return &noun[pki.AuditEvent]{
		server: s, set: auditSet, entity: entity, shape: shape,
		id: func(e *pki.AuditEvent) pki.ID { return e.ID },
		page: func(ctx context.Context, t pki.TenantID, _ pki.ID, q odata.Query) (pki.Page[pki.AuditEvent], error) {
			return s.service.AuditEvents(ctx, t, q)
		},
	}, err
}
