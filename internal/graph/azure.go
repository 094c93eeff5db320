package graph

import "net/http"

// ResourceManager returns a handler for the lists of Azure subscriptions and
// tenants that `az login` reads at the resource manager, as which users name
// this service. There are none; who has a valid token is told so.
func (s *Server) ResourceManager() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, func(x *exchange) (err error) {
			if path := r.URL.Path; path == "/subscriptions" || path == "/tenants" {
				x.place = path
			}
			if x.principal, err = s.identify(x); err != nil {
				return s.spendFailure(x, err)
			}
			if err := s.spendBudget(x); err != nil {
				return err
			}
			x.w.Header()["Content-Type"] = []string{mediaJSON}
			x.write(http.StatusOK, []byte(`{"value":[]}`))
			return nil
		})
	})
}
