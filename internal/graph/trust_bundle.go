package graph

import (
	"context"
	"net/http"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// The segments of the addresses of trust bundles.
const (
	bundleSet        = "trustBundles"
	bundleVersionSet = "versions"
	bundleFetchSet   = "fetches"
)

// bundleRoutes is the part of the table of routes that is about trust bundles.
func (s *Server) bundleRoutes() []route {
	const set, one = deviceManagement + "/" + bundleSet, deviceManagement + "/" + bundleSet + "/{id}"
	table := reading(set, s.nouns.bundles)
	table = append(table, reading(one+"/"+bundleVersionSet, s.nouns.bundleVersions)...)
	table = append(table, reading(one+"/"+bundleFetchSet, s.nouns.bundleFetches)...)
	return append(table,
		route{
			method: http.MethodPost, path: set, need: auth.Write, body: true, handle: s.createBundle,
			tells: creates(bundleSet+".create", "Makes a trust bundle and publishes it.", s.nouns.bundles.entity),
		},
		route{
			method: http.MethodPatch, path: one, need: auth.Write, body: true, handle: s.updateBundle,
			tells: updates(bundleSet+".update", "Merges the members of the body into a trust bundle and publishes it.", s.nouns.bundles.entity),
		},
		route{
			method: http.MethodDelete, path: one, need: auth.Write, handle: s.deleteBundle,
			tells: deletes(bundleSet+".delete", "Removes a trust bundle with its versions."),
		},
	)
}

// createBundle answers POST on the set.
func (s *Server) createBundle(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	o, err := s.nouns.bundles.entity.Decode(x.body)
	if err != nil {
		return err
	}
	replay, err := x.replayKey("")
	if err != nil {
		return err
	}
	b, err := s.bundles.Create(x.r.Context(), x.principal.Tenant, x.actor(), bundleDraft(o), replay)
	if err != nil {
		return err
	}
	h := x.w.Header()
	h["Location"] = []string{x.url(below(s.nouns.bundles.path(x), b.ID))}
	h["ETag"] = []string{b.ETag()}
	if x.minimal() {
		h["OData-EntityId"] = h["Location"]
		x.write(http.StatusNoContent, nil)
		return nil
	}
	s.nouns.bundles.writeOne(x, http.StatusCreated, &b, everything())
	return nil
}

// updateBundle answers PATCH.
func (s *Server) updateBundle(x *exchange) error {
	id, condition, err := x.bundle()
	if err != nil {
		return err
	}
	o, err := s.nouns.bundles.entity.DecodeChange(x.body)
	if err != nil {
		return err
	}
	b, err := s.bundles.Update(x.r.Context(), x.principal.Tenant, x.actor(), id, bundleDraft(o), condition)
	if err != nil {
		return err
	}
	x.w.Header()["ETag"] = []string{b.ETag()}
	if x.minimal() {
		x.w.Header()["OData-EntityId"] = []string{x.url(below(s.nouns.bundles.path(x), b.ID))}
		x.write(http.StatusNoContent, nil)
		return nil
	}
	s.nouns.bundles.writeOne(x, http.StatusOK, &b, everything())
	return nil
}

// deleteBundle answers DELETE.
func (s *Server) deleteBundle(x *exchange) error {
	id, condition, err := x.bundle()
	if err != nil {
		return err
	}
	if err := s.bundles.Delete(x.r.Context(), x.principal.Tenant, x.actor(), id, condition); err != nil {
		return err
	}
	x.write(http.StatusNoContent, nil)
	return nil
}

// bundle reads which bundle is to be changed, and under which condition.
func (x *exchange) bundle() (pki.ID, pki.Condition, error) {
	if err := x.noQuery(); err != nil {
		return "", nil, err
	}
	id, err := x.key(0, "trustBundle")
	if err != nil {
		return "", nil, err
	}
	condition, err := x.conditions()
	return id, condition, err
}

// bundleDraft reads the members of a body.
func bundleDraft(o odata.Object) pki.BundleDraft {
	return pki.BundleDraft{
		Name:        maybe(o.Get("name"), odata.Value.Str),
		DisplayName: maybe(o.Get("displayName"), odata.Value.Str),
		Description: maybe(o.Get("description"), odata.Value.Str),
		Subscriptions: maybe(o.Get("subscriptionIds"), func(v odata.Value) []string {
			ids := make([]string, len(v.Items()))
			for i, item := range v.Items() {
				ids[i] = item.Str()
			}
			return ids
		}),
		Intermediates: maybe(o.Get("includeIntermediates"), odata.Value.IsTrue),
		Access:        maybe(o.Get("access"), func(v odata.Value) pki.BundleAccess { return pki.BundleAccess(v.Num()) }),
	}
}

func newBundles(s *Server) (*noun[pki.TrustBundle], error) {
	entity := pki.TrustBundleType()
	shape, err := odata.NewShape(entity, map[string]func(*pki.TrustBundle) odata.Value{
		"id":                   func(b *pki.TrustBundle) odata.Value { return odata.String(string(b.ID)) },
		"name":                 func(b *pki.TrustBundle) odata.Value { return odata.String(b.Name) },
		"displayName":          func(b *pki.TrustBundle) odata.Value { return odata.StringOrNull(b.DisplayName) },
		"description":          func(b *pki.TrustBundle) odata.Value { return odata.StringOrNull(b.Description) },
		"subscriptionIds":      func(b *pki.TrustBundle) odata.Value { return texts(b.Subscriptions) },
		"includeIntermediates": func(b *pki.TrustBundle) odata.Value { return odata.Bool(b.Intermediates) },
		"access":               func(b *pki.TrustBundle) odata.Value { return odata.Int(int64(b.Access)) },
		"version":              func(b *pki.TrustBundle) odata.Value { return odata.Int(b.Version) },
		"publishedDateTime":    func(b *pki.TrustBundle) odata.Value { return dateOrNull(b.Published) },
		"rootCount":            func(b *pki.TrustBundle) odata.Value { return odata.Int(b.Roots) },
		"expirationDateTime":   func(b *pki.TrustBundle) odata.Value { return dateOrNull(b.Expires) },
		"contentHash":          func(b *pki.TrustBundle) odata.Value { return textOrNull(b.Hash) },
		"publishStatus":        func(b *pki.TrustBundle) odata.Value { return odata.Int(int64(b.Status)) },
		"publishMessage":       func(b *pki.TrustBundle) odata.Value { return textOrNull(b.Message) },
		"currentFetcherCount":  func(b *pki.TrustBundle) odata.Value { return odata.Int(b.CurrentFetchers) },
		"outdatedFetcherCount": func(b *pki.TrustBundle) odata.Value { return odata.Int(b.OutdatedFetchers) },
		"createdDateTime":      func(b *pki.TrustBundle) odata.Value { return odata.Date(b.Created) },
		"lastModifiedDateTime": func(b *pki.TrustBundle) odata.Value { return odata.Date(b.LastModified) },
	})
	return &noun[pki.TrustBundle]{
		server: s, set: bundleSet, entity: entity, shape: shape,
		id:  func(b *pki.TrustBundle) pki.ID { return b.ID },
		tag: func(b *pki.TrustBundle) string { return b.ETag() },
		page: func(ctx context.Context, t pki.TenantID, _ pki.ID, q odata.Query) (pki.Page[pki.TrustBundle], error) {
			if len(q.Expand) > 0 {
				return pki.Page[pki.TrustBundle]{}, errBundleApart()
			}
			return s.bundles.List(ctx, t, q)
		},
		one: func(ctx context.Context, t pki.TenantID, _, id pki.ID, _ odata.Selection) (pki.TrustBundle, error) {
			return s.bundles.Get(ctx, t, id)
		},
		expanded: func(context.Context, pki.TenantID, pki.ID, odata.Query) (pki.TrustBundle, error) {
			return pki.TrustBundle{}, errBundleApart()
		},
		changes: func(ctx context.Context, t pki.TenantID, _ pki.ID, q odata.Query, from pki.DeltaPosition) (pki.Delta[pki.TrustBundle], error) {
			return s.bundles.Changes(ctx, t, q, from)
		},
	}, err
}

func errBundleApart() error {
	return badRequest("$expand", "The query option '$expand' is not supported here. Read %s and %s at their own addresses.", bundleVersionSet, bundleFetchSet)
}

func newBundleVersions(s *Server) (*noun[pki.TrustBundleVersion], error) {
	entity := pki.TrustBundleVersionType()
	shape, err := odata.NewShape(entity, map[string]func(*pki.TrustBundleVersion) odata.Value{
		"id":                      func(v *pki.TrustBundleVersion) odata.Value { return odata.String(string(v.ID)) },
		"version":                 func(v *pki.TrustBundleVersion) odata.Value { return odata.Int(v.Version) },
		"publishedDateTime":       func(v *pki.TrustBundleVersion) odata.Value { return odata.Date(v.Published) },
		"expirationDateTime":      func(v *pki.TrustBundleVersion) odata.Value { return odata.Date(v.Expires) },
		"contentHash":             func(v *pki.TrustBundleVersion) odata.Value { return odata.String(v.Hash) },
		"thumbprints":             func(v *pki.TrustBundleVersion) odata.Value { return texts(v.RootIDs) },
		"intermediateThumbprints": func(v *pki.TrustBundleVersion) odata.Value { return texts(v.IntermediateIDs) },
		"fetchCount":              func(v *pki.TrustBundleVersion) odata.Value { return odata.Int(v.Fetches) },
		"lastFetchedDateTime":     func(v *pki.TrustBundleVersion) odata.Value { return dateOrNull(v.LastFetched) },
	})
	return &noun[pki.TrustBundleVersion]{
		server: s, set: bundleVersionSet, nested: true, within: bundleSet, entity: entity, shape: shape,
		id:   func(v *pki.TrustBundleVersion) pki.ID { return v.ID },
		page: s.bundles.Versions,
	}, err
}
