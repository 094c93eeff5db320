package graph

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func newRuns(s *Server) (*noun[pki.Run], error) {
	entity := pki.RunType()
	shape, err := odata.NewShape(entity, runMembers(s))
	return &noun[pki.Run]{
		server: s, set: "syncRuns", nested: true, entity: entity, shape: shape,
		id:   func(r *pki.Run) pki.ID { return r.ID },
		page: s.service.Runs,
		one: func(ctx context.Context, t pki.TenantID, sub, id pki.ID, _ odata.Selection) (pki.Run, error) {
			return s.service.Run(ctx, t, sub, id)
		},
	}, err
}

func runMembers(s *Server) map[string]func(*pki.Run) odata.Value {
	count := func(of func(*pki.Run) int) func(*pki.Run) odata.Value {
		return func(r *pki.Run) odata.Value { return odata.Int(int64(of(r))) }
	}
	return map[string]func(*pki.Run) odata.Value{
		"id":                func(r *pki.Run) odata.Value { return odata.String(string(r.ID)) },
		"status":            func(r *pki.Run) odata.Value { return odata.Int(int64(r.Status)) },
		"trigger":           func(r *pki.Run) odata.Value { return odata.Int(int64(r.Trigger)) },
		"queuedDateTime":    func(r *pki.Run) odata.Value { return odata.Date(r.Queued) },
		"startedDateTime":   func(r *pki.Run) odata.Value { return dateOrNull(r.Started) },
		"endedDateTime":     func(r *pki.Run) odata.Value { return dateOrNull(r.Ended) },
		"attempt":           count(func(r *pki.Run) int { return r.Attempt }),
		"stages":            stages,
		"foundCount":        count(func(r *pki.Run) int { return r.Counts.Found }),
		"newCount":          count(func(r *pki.Run) int { return r.Counts.New }),
		"changedCount":      count(func(r *pki.Run) int { return r.Counts.Changed }),
		"unchangedCount":    count(func(r *pki.Run) int { return r.Counts.Unchanged }),
		"revokedCount":      count(func(r *pki.Run) int { return r.Counts.Revoked }),
		"missingCount":      count(func(r *pki.Run) int { return r.Counts.Missing }),
		"skippedCount":      count(func(r *pki.Run) int { return r.Counts.Skipped }),
		"totalCount":        total,
		"dryRun":            func(r *pki.Run) odata.Value { return odata.Bool(r.DryRun) },
		"trustChange":       func(r *pki.Run) odata.Value { return textOrNull(r.TrustChange) },
		"errorCode":         func(r *pki.Run) odata.Value { return textOrNull(string(r.Error)) },
		"errorMessage":      func(r *pki.Run) odata.Value { return textOrNull(r.Message) },
		"helpUrl":           func(r *pki.Run) odata.Value { return s.helpURL(r.Error) },
		"retryClass":        func(r *pki.Run) odata.Value { return textOrNull(string(r.Retry)) },
		"upstreamRequestId": func(r *pki.Run) odata.Value { return textOrNull(r.RequestID) },
		"nextTryDateTime":   func(r *pki.Run) odata.Value { return dateOrNull(r.NextTry) },
	}
}

func stages(r *pki.Run) odata.Value {
	items := make([]odata.Value, len(r.Stages))
	for i, s := range r.Stages {
		items[i] = odata.List(odata.String(s.Name), odata.Date(s.Started), dateOrNull(s.Ended))
	}
	return odata.List(items...)
}

// total is null where the CA does not say how many records it has.
func total(r *pki.Run) odata.Value {
	if r.Total < 0 {
		return odata.NullValue()
	}
	return odata.Int(int64(r.Total))
}
