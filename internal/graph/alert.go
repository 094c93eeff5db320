package graph

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// alertSet is the segment of the address of the alerts.
const alertSet = "alerts"

func newAlerts(s *Server) (*noun[pki.RaisedAlert], error) {
	entity := pki.AlertType()
	link := func(path func(*pki.RaisedAlert) string) func(*pki.RaisedAlert) odata.Value {
		return func(a *pki.RaisedAlert) odata.Value { return odata.String(s.origin + path(a)) }
	}
	shape, err := odata.NewShape(entity, map[string]func(*pki.RaisedAlert) odata.Value{
		"id":                     func(a *pki.RaisedAlert) odata.Value { return odata.String(string(a.ID)) },
		"kind":                   func(a *pki.RaisedAlert) odata.Value { return odata.String(string(a.Kind)) },
		"severity":               func(a *pki.RaisedAlert) odata.Value { return odata.Int(int64(a.Severity)) },
		"subscriptionId":         func(a *pki.RaisedAlert) odata.Value { return odata.String(string(a.Subscription)) },
		"certificateAuthorityId": func(a *pki.RaisedAlert) odata.Value { return textOrNull(string(a.Object)) },
		"expiryStage":            func(a *pki.RaisedAlert) odata.Value { return textOrNull(a.Stage) },
		"expirationDateTime":     alertEnds,
		"certificateCount":       alertCount,
		"title":                  func(a *pki.RaisedAlert) odata.Value { return odata.String(a.Title) },
		"detail":                 func(a *pki.RaisedAlert) odata.Value { return odata.String(a.Detail) },
		"action":                 func(a *pki.RaisedAlert) odata.Value { return odata.String(a.Action) },
		"resourceUrl":            link(func(a *pki.RaisedAlert) string { return a.Path }),
		"consoleUrl":             link(func(a *pki.RaisedAlert) string { return a.Console }),
		"helpUrl":                link(func(a *pki.RaisedAlert) string { return a.Page }),
		"createdDateTime":        func(a *pki.RaisedAlert) odata.Value { return odata.Date(a.Created) },
		"lastToldDateTime":       func(a *pki.RaisedAlert) odata.Value { return odata.Date(a.Told) },
		"resolvedDateTime":       func(a *pki.RaisedAlert) odata.Value { return dateOrNull(a.Resolved) },
	})
	return &noun[pki.RaisedAlert]{
		server: s, set: alertSet, entity: entity, shape: shape,
		id:  func(a *pki.RaisedAlert) pki.ID { return a.ID },
		tag: func(a *pki.RaisedAlert) string { return a.ETag() },
		page: func(ctx context.Context, t pki.TenantID, _ pki.ID, q odata.Query) (pki.Page[pki.RaisedAlert], error) {
			return s.service.Alerts(ctx, t, q)
		},
		one: func(ctx context.Context, t pki.TenantID, _, id pki.ID, _ odata.Selection) (pki.RaisedAlert, error) {
			return s.service.Alert(ctx, t, id)
		},
		changes: func(ctx context.Context, t pki.TenantID, _ pki.ID, q odata.Query, from pki.DeltaPosition) (pki.Delta[pki.RaisedAlert], error) {
			return s.service.AlertChanges(ctx, t, q, from)
		},
	}, err
}

func alertEnds(a *pki.RaisedAlert) odata.Value {
	if a.Ends.IsZero() {
		return odata.NullValue()
	}
	return odata.Date(odata.FromTime(a.Ends))
}

func alertCount(a *pki.RaisedAlert) odata.Value {
	if a.Count == 0 {
		return odata.NullValue()
	}
	return odata.Int(a.Count)
}
