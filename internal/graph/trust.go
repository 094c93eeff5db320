package graph

import (
	"context"
	"net/http"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// trustRoutes are the decisions on what a subscription trusts, and its move to
// another provider.
func (s *Server) trustRoutes(one string) []route {
	subscription := schemaOf(s.nouns.subscriptions.entity.Name)
	decision := func(a odata.Action, summary string, handle handler) route {
		tells := operation{
			id: subscriptionSet + "." + a.Name, summary: summary, gives: subscription,
			status: []int{http.StatusOK, http.StatusNoContent}, fields: []string{"If-Match", "Prefer"},
		}
		if len(a.Parameters) > 0 {
			tells.takes = subscription + "." + a.Name
		}
		return route{method: http.MethodPost, path: one + "/" + a.Name, need: auth.Write, atomic: true, body: len(a.Parameters) > 0, handle: handle, tells: tells}
	}
	return []route{
		decision(pki.ApproveTrustChange(), "Puts a quarantined root in force.", s.decideTrust(pki.ApproveTrustChange(), s.service.ApproveTrustChange)),
		decision(pki.RejectTrustChange(), "Rejects a quarantined root, or removes a retiring one.", s.decideTrust(pki.RejectTrustChange(), s.service.RejectTrustChange)),
		decision(pki.CompleteMigration(), "Ends the move to another provider.", s.completeMigration),
		{
			method: http.MethodGet, path: one + "/migrationReport()", need: auth.Read, handle: s.migrationReport,
			tells: operation{
				id: subscriptionSet + ".migrationReport", summary: "Tells how far the move to another provider is.",
				gives: schemaOf(pki.MigrationReportType().Name),
			},
		},
	}
}

// A trustDecider is a rule that decides on a root.
type trustDecider func(context.Context, pki.TenantID, pki.Actor, pki.ID, pki.TrustDecision, pki.Condition) (pki.Subscription, error)

// decideTrust answers an action that decides on a root.
func (s *Server) decideTrust(action odata.Action, decide trustDecider) handler {
	return func(x *exchange) error {
		id, condition, err := x.changeOf()
		if err != nil {
			return err
		}
		o, err := action.Decode(x.body)
		if err != nil {
			return err
		}
		d := pki.TrustDecision{Thumbprint: o.Get("thumbprint").Str(), Comment: o.Get("comment").Str()}
		sub, err := decide(x.r.Context(), x.principal.Tenant, x.actor(), id, d, condition)
		if err != nil {
			return err
		}
		s.writeChanged(x, &sub)
		return nil
	}
}

// completeMigration answers the action of that name.
func (s *Server) completeMigration(x *exchange) error {
	id, condition, err := x.changeOf()
	if err != nil {
		return err
	}
	sub, err := s.service.CompleteMigration(x.r.Context(), x.principal.Tenant, x.actor(), id, condition)
	if err != nil {
		return err
	}
	s.writeChanged(x, &sub)
	return nil
}

// writeChanged answers with a subscription that was changed, or where the
// client wants no body with where it is.
func (s *Server) writeChanged(x *exchange, sub *pki.Subscription) {
	h := x.w.Header()
	h["ETag"] = []string{sub.ETag()}
	if x.minimal() {
		h["OData-EntityId"] = []string{s.address(x, sub)}
		x.write(http.StatusNoContent, nil)
		return
	}
	v := s.view(sub, everything())
	s.nouns.subscriptions.writeOne(x, http.StatusOK, &v, everything())
}

// migrationReport answers the function of that name.
func (s *Server) migrationReport(x *exchange) error {
	id, err := x.actOn()
	if err != nil {
		return err
	}
	report, err := s.service.MigrationReport(x.r.Context(), x.principal.Tenant, id)
	if err != nil {
		return err
	}
	a := odata.Annotations{Context: x.url("$metadata#" + schemaOf(pki.MigrationReportType().Name))}
	x.withBuffer(http.StatusOK, func(dst []byte) []byte {
		return s.nouns.migrationReports.Append(dst, &report, everything(), x.format, a)
	})
	return nil
}

// newMigrationReports returns how a report is written, as newConnectionTests
// does.
func newMigrationReports() (*odata.Shape[pki.MigrationReport], error) {
	of, providers := pki.MigrationReportType(), pki.ProviderEnum()
	number := func(name string) odata.Value {
		n, ok := providers.ValueOf(name)
		if !ok {
			return odata.NullValue()
		}
		return odata.Int(n)
	}
	return odata.NewShape(&odata.EntityType{Name: of.Name, Properties: of.Properties}, map[string]func(*pki.MigrationReport) odata.Value{
		"fromProvider":      func(r *pki.MigrationReport) odata.Value { return number(r.From) },
		"toProvider":        func(r *pki.MigrationReport) odata.Value { return number(r.To) },
		"startedDateTime":   func(r *pki.MigrationReport) odata.Value { return dateOrNull(r.Started) },
		"completedDateTime": func(r *pki.MigrationReport) odata.Value { return dateOrNull(r.Ended) },
		"cancelled":         func(r *pki.MigrationReport) odata.Value { return odata.Bool(r.Cancelled) },
		"inBothCount":       func(r *pki.MigrationReport) odata.Value { return odata.Int(int64(r.Both)) },
		"onlyBeforeCount":   func(r *pki.MigrationReport) odata.Value { return odata.Int(int64(r.Before)) },
		"onlyAfterCount":    func(r *pki.MigrationReport) odata.Value { return odata.Int(int64(r.After)) },
		"roots":             migrationRoots,
	})
}

func migrationRoots(r *pki.MigrationReport) odata.Value {
	items := make([]odata.Value, len(r.Roots))
	for i := range r.Roots {
		a := &r.Roots[i]
		items[i] = odata.List(odata.String(string(a.ID)), odata.String(a.SubjectDN), odata.Int(int64(a.State)), textOrNull(a.StateReason), dateOrNull(a.Retire))
	}
	return odata.List(items...)
}
