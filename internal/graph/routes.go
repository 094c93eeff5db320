package graph

import (
	"net/http"

	"cloudpki/internal/auth"
)

// The segments of the addresses.
const (
	subscriptionSet  = "cloudPkiSubscriptions"
	deviceManagement = "deviceManagement"
	auditSet         = "auditEvents"
)

// families are the two addresses of the same set: as documented in 2016, and
// as moved in 2017.
func families() []string { return []string{"", deviceManagement + "/"} }

// routes is the table of all routes. Nothing is routed elsewhere.
func (s *Server) routes() []route {
	n := s.nouns
	table := []route{
		{method: http.MethodGet, path: "", public: true, handle: s.serviceDocument},
		{method: http.MethodGet, path: "$metadata", public: true, produces: []string{mediaXML, mediaJSON}, handle: s.metadata},
		{method: http.MethodGet, path: deviceManagement, need: auth.Read, handle: s.singleton},
	}
	table = append(table, reading(deviceManagement+"/"+auditSet, n.auditEvents)...)
	for _, family := range families() {
		set := family + subscriptionSet
		one := set + "/{id}"
		table = append(table, reading(set, n.subscriptions)...)
		table = append(table,
			route{method: http.MethodPost, path: set, need: auth.Write, body: true, handle: s.createSubscription},
			route{method: http.MethodPost, path: one, need: auth.Write, body: true, handle: s.createSubscription},
			route{method: http.MethodPatch, path: one, need: auth.Write, body: true, handle: s.updateSubscription},
			route{method: http.MethodDelete, path: one, need: auth.Write, handle: s.deleteSubscription},
			route{method: http.MethodPost, path: one + "/sync", need: auth.Write, handle: s.requestSync},
		)
		table = append(table, reading(one+"/"+n.runs.set, n.runs)...)
		table = append(table, reading(one+"/"+n.authorities.set, n.authorities)...)
		table = append(table, reading(one+"/"+n.certificates.set, n.certificates)...)
		table = append(table, reading(one+"/"+n.skippedItems.set, n.skippedItems)...)
	}
	return table
}

// reading returns the routes by which a noun is read: its set, how many there
// are, and, where it can be had by key, a single one.
func reading[T any](path string, n *noun[T]) []route {
	table := []route{
		{method: http.MethodGet, path: path, need: auth.Read, handle: n.list},
		{method: http.MethodGet, path: path + "/$count", need: auth.Read, produces: []string{mediaText, mediaJSON}, handle: n.count},
	}
	if n.one != nil {
		table = append(table, route{method: http.MethodGet, path: path + "/{key}", need: auth.Read, handle: n.get})
	}
	return table
}
