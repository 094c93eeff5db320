package graph

import "net/http"

// cancelSync answers the action cancelSync: 204 where nothing is under way any
// longer, or 202 with the run that was asked to stop and has not ended yet.
func (s *Server) cancelSync(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	id, err := x.key(0, "cloudPkiSubscription")
	if err != nil {
		return err
	}
	run, err := s.service.CancelSync(x.r.Context(), x.principal.Tenant, x.actor(), id)
	if err != nil {
		return err
	}
	if run.ID == "" {
		x.write(http.StatusNoContent, nil)
		return nil
	}
	h := x.w.Header()
	h["Location"] = []string{x.url(s.nouns.runs.path(x) + "/" + string(run.ID))}
	h["Retry-After"] = []string{"2"}
	x.write(http.StatusAccepted, nil)
	return nil
}
