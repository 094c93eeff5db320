package graph

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const estEndpointSet = "estEndpoints"

// estEndpointRoutes is the part of the table of routes that is about the
// addresses at which devices enrol. What answers there is package estserver.
func (s *Server) estEndpointRoutes() []route {
	const set, one = deviceManagement + "/" + estEndpointSet, deviceManagement + "/" + estEndpointSet + "/{id}"
	entity := s.nouns.estEndpoints.entity
	return append(reading(set, s.nouns.estEndpoints),
		route{
			method: http.MethodPost, path: set, need: auth.Write, body: true, handle: s.createESTEndpoint,
			tells: preferring(creates(estEndpointSet+".create", "Makes an address at which devices enrol.", entity)),
		},
		route{
			method: http.MethodPatch, path: one, need: auth.Write, body: true, handle: s.updateESTEndpoint,
			tells: updates(estEndpointSet+".update", "Merges the members of the body into an EST endpoint.", entity),
		},
		route{
			method: http.MethodDelete, path: one, need: auth.Write, handle: s.deleteESTEndpoint,
			tells: deletes(estEndpointSet+".delete", "Removes an EST endpoint; devices enrol there no longer."),
		},
	)
}

// createESTEndpoint answers POST on the set.
func (s *Server) createESTEndpoint(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	o, err := s.nouns.estEndpoints.entity.Decode(x.body)
	if err != nil {
		return err
	}
	e, err := s.estEndpoints.Create(x.r.Context(), x.principal.Tenant, x.actor(), estEndpointDraft(o))
	if err != nil {
		return err
	}
	h := x.w.Header()
	h["Location"] = []string{x.url(below(s.nouns.estEndpoints.path(x), e.ID))}
	h["ETag"] = []string{e.ETag()}
	if x.minimal() {
		h["OData-EntityId"] = h["Location"]
		x.write(http.StatusNoContent, nil)
		return nil
	}
	s.nouns.estEndpoints.writeOne(x, http.StatusCreated, &e, everything())
	return nil
}

// updateESTEndpoint answers PATCH.
func (s *Server) updateESTEndpoint(x *exchange) error {
	id, condition, err := x.estEndpoint()
	if err != nil {
		return err
	}
	o, err := s.nouns.estEndpoints.entity.DecodeChange(x.body)
	if err != nil {
		return err
	}
	e, err := s.estEndpoints.Update(x.r.Context(), x.principal.Tenant, x.actor(), id, estEndpointDraft(o), condition)
	if err != nil {
		return err
	}
	h := x.w.Header()
	h["ETag"] = []string{e.ETag()}
	if x.minimal() {
		h["OData-EntityId"] = []string{x.url(below(s.nouns.estEndpoints.path(x), e.ID))}
		x.write(http.StatusNoContent, nil)
		return nil
	}
	s.nouns.estEndpoints.writeOne(x, http.StatusOK, &e, everything())
	return nil
}

// deleteESTEndpoint answers DELETE.
func (s *Server) deleteESTEndpoint(x *exchange) error {
	id, condition, err := x.estEndpoint()
	if err != nil {
		return err
	}
	if err := s.estEndpoints.Delete(x.r.Context(), x.principal.Tenant, x.actor(), id, condition); err != nil {
		return err
	}
	x.write(http.StatusNoContent, nil)
	return nil
}

// estEndpoint reads which endpoint is to be changed, and the condition that
// If-Match sets for it.
func (x *exchange) estEndpoint() (pki.ID, pki.ESTEndpointCondition, error) {
	if err := x.noQuery(); err != nil {
		return "", nil, err
	}
	id, err := x.key(0, "estEndpoint")
	fields := x.r.Header["If-Match"]
	if err != nil || len(fields) == 0 {
		return id, nil, err
	}
	opaque, any, err := tags(strings.Join(fields, ", "))
	if err != nil || any {
		return id, nil, err
	}
	return id, func(e pki.ESTEndpoint) error {
		if slices.Contains(opaque, opaqueOf(e.ETag())) {
			return nil
		}
		return &pki.Error{
			Code: pki.CodePreconditionFailed, Target: "If-Match",
			Msg: "The EST endpoint was changed since it was read. Read it again, repeat the change, and send the new @odata.etag in If-Match.",
		}
	}, nil
}

// estEndpointDraft reads the members of a body.
func estEndpointDraft(o odata.Object) pki.ESTEndpointDraft {
	return pki.ESTEndpointDraft{
		DisplayName:  maybe(o.Get("displayName"), odata.Value.Str),
		Subscription: maybe(o.Get("subscriptionId"), odata.Value.Str),
		Profile:      maybe(o.Get("profile"), odata.Value.Str),
		Enabled:      maybe(o.Get("enabled"), odata.Value.IsTrue),
		UserName:     maybe(o.Get("userName"), odata.Value.Str),
		Password:     maybe(o.Get("password"), secretText),
		Patterns: maybe(o.Get("subjectPatterns"), func(v odata.Value) []string {
			patterns := make([]string, len(v.Items()))
			for i, item := range v.Items() {
				patterns[i] = item.Str()
			}
			return patterns
		}),
		Reenrol: maybe(o.Get("allowReenrol"), odata.Value.IsTrue),
	}
}

func newESTEndpoints(s *Server) (*noun[pki.ESTEndpoint], error) {
	entity := pki.ESTEndpointType()
	shape, err := odata.NewShape(entity, map[string]func(*pki.ESTEndpoint) odata.Value{
		"id":                   func(e *pki.ESTEndpoint) odata.Value { return odata.String(string(e.ID)) },
		"displayName":          func(e *pki.ESTEndpoint) odata.Value { return odata.StringOrNull(e.DisplayName) },
		"subscriptionId":       func(e *pki.ESTEndpoint) odata.Value { return odata.String(string(e.Subscription)) },
		"profile":              func(e *pki.ESTEndpoint) odata.Value { return textOrNull(e.Profile) },
		"enabled":              func(e *pki.ESTEndpoint) odata.Value { return odata.Bool(e.Enabled) },
		"userName":             func(e *pki.ESTEndpoint) odata.Value { return odata.String(e.UserName) },
		"password":             func(*pki.ESTEndpoint) odata.Value { return odata.NullValue() },
		"subjectPatterns":      func(e *pki.ESTEndpoint) odata.Value { return texts(e.Patterns) },
		"allowReenrol":         func(e *pki.ESTEndpoint) odata.Value { return odata.Bool(e.Reenrol) },
		"createdDateTime":      func(e *pki.ESTEndpoint) odata.Value { return odata.Date(e.Created) },
		"lastModifiedDateTime": func(e *pki.ESTEndpoint) odata.Value { return odata.Date(e.LastModified) },
	})
	return &noun[pki.ESTEndpoint]{
		server: s, set: estEndpointSet, entity: entity, shape: shape,
		id:  func(e *pki.ESTEndpoint) pki.ID { return e.ID },
		tag: func(e *pki.ESTEndpoint) string { return e.ETag() },
		page: func(ctx context.Context, t pki.TenantID, _ pki.ID, q odata.Query) (pki.Page[pki.ESTEndpoint], error) {
			return s.estEndpoints.List(ctx, t, q)
		},
		one: func(ctx context.Context, t pki.TenantID, _, id pki.ID, _ odata.Selection) (pki.ESTEndpoint, error) {
			return s.estEndpoints.Get(ctx, t, id)
		},
	}, err
}
