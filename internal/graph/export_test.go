package graph

import "net/http"

// Routes lists the table of routes as «METHOD pattern».
func (s *Server) Routes() []string {
	var list []string
	for _, r := range s.routes() {
		list = append(list, r.method+" "+r.name())
	}
	return list
}

// RouteOf returns the pattern that a request meets, or "".
func (s *Server) RouteOf(r *http.Request) string {
	place, _, err := s.tree.find(r.URL.EscapedPath())
	if err != nil {
		return ""
	}
	found, err := place.route(r.Method)
	if err != nil {
		return ""
	}
	return found.name()
}
