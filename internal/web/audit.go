package web

import (
	"net/url"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// auditQuery asks for a page of the audit trail, the newest in front: ids sort
// by time.
const auditQuery = "$top=50&$orderby=id+desc"

// An auditPage is a page of the audit trail.
type auditPage struct {
	Rows  []auditRow
	Next  string // address of the next page, "" for none
	Later bool   // this is not the first page
}

// An auditRow is one event.
type auditRow struct {
	At      odata.DateTimeOffset
	What    string
	Object  pki.ID
	Path    string
	Who     string
	Members string
	Reason  string
	Request string
}

func (s *Server) showAudit(v *visit) error {
	q := s.queries.audit
	var err error
	if q.After, err = s.position(v, url.Values{}); err != nil {
		return err
	}
	found, err := s.service.AuditEvents(v.r.Context(), v.session.Principal.Tenant, q)
	if err != nil {
		return err
	}
	p := auditPage{Next: s.next(v, url.Values{}, found.After), Later: q.After != nil}
	for i := range found.Items {
		p.Rows = append(p.Rows, newAuditRow(&found.Items[i]))
	}
	return s.show(v, "audit", "Audit trail", p)
}

func newAuditRow(e *pki.AuditEvent) auditRow {
	row := auditRow{
		At: e.At, What: strings.TrimSuffix(e.Activity, " CloudPkiSubscription"), Object: e.Object, Path: pathOfObject(e), Who: "the service",
		Members: strings.Join(e.Members, ", "), Reason: clip(e.Reason, maxShownName), Request: clip(e.Actor.RequestID, maxShownMark),
	}
	for _, name := range []string{e.Actor.Name, e.Actor.Subject, e.Actor.Client} {
		if name != "" {
			row.Who = clip(name, maxShownOther)
			break
		}
	}
	return row
}

// pathOfObject is the address of the page of what an event is about, "" for
// what has none, such as a subscription that was tested before it was made.
func pathOfObject(e *pki.AuditEvent) string {
	if e.Object == "" {
		return ""
	}
	switch _, noun, _ := strings.Cut(e.Activity, " "); noun {
	case "TrustBundle":
		return pathOfBundle(e.Object)
	case "CloudPkiSubscription":
		return pathOf(e.Object)
	}
	return ""
}
