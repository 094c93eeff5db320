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
		{
			method: http.MethodGet, path: "", public: true, handle: s.serviceDocument,
			tells: operation{id: "service.get", summary: "What there is: the service document.", gives: "serviceDocument"},
		},
		{
			method: http.MethodGet, path: "$metadata", public: true, produces: []string{mediaXML, mediaJSON}, handle: s.metadata,
			tells: operation{id: "metadata.get", summary: "The model in CSDL."},
		},
		{
			method: http.MethodPost, path: batchPath, anyone: true, body: true, handle: s.answerBatch,
			tells: operation{
				id: "batch.run", summary: "Answers up to 20 requests, one after the other.",
				takes: schemaBatchRequest, gives: schemaBatchResponse, fields: []string{"Prefer"},
			},
		},
		{
			method: http.MethodGet, path: deviceManagement, need: auth.Read, handle: s.singleton,
			tells: operation{id: deviceManagement + ".get", summary: "The singleton that holds the sets.", gives: schemaOf(deviceManagement)},
		},
	}
	table = append(table, reading(deviceManagement+"/"+auditSet, n.auditEvents)...)
	table = append(table, reading(deviceManagement+"/"+alertSet, n.alerts)...)
	table = append(table, s.notificationRoutes()...)
	table = append(table, s.bundleRoutes()...)
	table = append(table, s.estEndpointRoutes()...)
	for _, family := range families() {
		set := family + subscriptionSet
		one := set + "/{id}"
		table = append(table, reading(set, n.subscriptions)...)
		table = append(table,
			route{
				method: http.MethodPost, path: set, need: auth.Write, atomic: true, body: true, handle: s.createSubscription,
				tells: creates(subscriptionSet+".create", "Creates a subscription under an id that the service makes.", n.subscriptions.entity),
			},
			route{
				method: http.MethodPost, path: one, need: auth.Write, atomic: true, body: true, handle: s.createSubscription,
				tells: creates(subscriptionSet+".createWithId", "Creates a subscription under the id of the address.", n.subscriptions.entity),
			},
			route{
				method: http.MethodPatch, path: one, need: auth.Write, atomic: true, body: true, handle: s.updateSubscription,
				tells: updates(subscriptionSet+".update", "Merges the members of the body into a subscription.", n.subscriptions.entity),
			},
			route{
				method: http.MethodDelete, path: one, need: auth.Write, atomic: true, handle: s.deleteSubscription,
				tells: deletes(subscriptionSet+".delete", "Removes a subscription with its secrets and its inventory."),
			},
			route{
				method: http.MethodPost, path: one + "/sync", need: auth.Write, atomic: true, handle: s.requestSync,
				tells: acts(subscriptionSet+".sync", "Starts a sync now, or joins the one under way.", http.StatusAccepted),
			},
			route{
				method: http.MethodPost, path: one + "/previewSync", need: auth.Write, atomic: true, handle: s.previewSync,
				tells: acts(subscriptionSet+".previewSync", "Tells by a dry run what a sync would do.", http.StatusAccepted),
			},
			route{
				method: http.MethodPost, path: one + "/cancelSync", need: auth.Write, atomic: true, handle: s.cancelSync,
				tells: acts(subscriptionSet+".cancelSync", "Ends a queued sync, and asks a running one to stop.", http.StatusNoContent, http.StatusAccepted),
			},
		)
		table = append(table, s.credentialRoutes(set, one)...)
		table = append(table, s.trustRoutes(one)...)
		table = append(table, s.enrolmentRoutes(one)...)
		table = append(table, reading(one+"/"+n.runs.set, n.runs)...)
		table = append(table, reading(one+"/"+n.authorities.set, n.authorities)...)
		table = append(table, reading(one+"/"+n.certificates.set, n.certificates)...)
		table = append(table, reading(one+"/"+n.skippedItems.set, n.skippedItems)...)
	}
	return table
}

// reading returns the routes by which a noun is read: its set, how many there
// are, what has changed where that can be followed, and, where it can be had by
// key, a single one.
func reading[T any](path string, n *noun[T]) []route {
	table := []route{
		{
			method: http.MethodGet, path: path, need: auth.Read, handle: n.list,
			tells: lists(n.set+".list", n.entity),
		},
		{
			method: http.MethodGet, path: path + "/$count", need: auth.Read, produces: []string{mediaText, mediaJSON}, handle: n.count,
			tells: counts(n.set+".count", n.entity),
		},
	}
	if n.changes != nil {
		table = append(table, route{
			method: http.MethodGet, path: path + "/delta()", need: auth.Read, handle: n.delta,
			tells: deltas(n.set+".delta", n.entity),
		})
	}
	if n.one != nil {
		key := "/{id}"
		if n.nested {
			key = "/{key}" // {id} is the subscription's
		}
		table = append(table, route{
			method: http.MethodGet, path: path + key, need: auth.Read, atomic: true, handle: n.get,
			tells: gets(n.set+".get", n.entity, n.tag != nil),
		})
	}
	return table
}
