package web

import (
	"net/http"

	"cloudpki/internal/pki"
)

// progressQuery asks for the run that is under way, or was the last.
const progressQuery = "$expand=syncRuns($top=1;$orderby=queuedDateTime+desc)"

// A progress is how far a sync has come.
type progress struct {
	Path     string // of the subscription
	Current  *runRow
	Over     bool
	Watching bool // the page is to ask again
}

// toldParameter says that a page has told that the sync is over.
const toldParameter = "told"

// showProgress answers with the part of a subscription's page that tells of the
// sync under way, for pages that look again by script. Once the sync is over
// that is told, so that it is read out, and then the page is loaded anew.
func (s *Server) showProgress(v *visit) error {
	id := pki.ID(v.r.PathValue("id"))
	_, children, err := s.service.ExpandedSubscription(v.r.Context(), v.session.Principal.Tenant, id, s.queries.progress)
	if err != nil {
		return err
	}
	runs := children.Runs[0].Items
	if len(runs) == 0 {
		return errNoPage()
	}
	row := newRunRow(&runs[0], s.now())
	over := row.Run.Status.Ended()
	if over && v.r.URL.Query().Has(toldParameter) {
		v.w.Header().Set(refreshField, "true")
	}
	return s.writePart(v, "subscription", "progress", progress{Path: pathOf(id), Current: &row, Over: over, Watching: !over})
}

// refreshField has htmx load the page anew.
const refreshField = "HX-Refresh"

// byScript reports whether htmx asks, not a person by an address or a form.
func byScript(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// partStatus is what htmx is answered in the place of status. What is no part of
// the page, such as the way to the sign-in or an error, is not put into it: the
// page is loaded anew and comes to the same. A redirect would be followed before
// htmx sees it, to a page that is no part of this one.
func partStatus(h http.Header, status int) int {
	if status != http.StatusOK {
		h.Set(refreshField, "true")
	}
	if status == http.StatusSeeOther {
		h.Del("Location")
		return http.StatusNoContent
	}
	return status
}
