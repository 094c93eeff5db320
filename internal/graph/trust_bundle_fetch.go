package graph

import (
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func newBundleFetches(s *Server) (*noun[pki.TrustBundleFetch], error) {
	entity := pki.TrustBundleFetchType()
	shape, err := odata.NewShape(entity, map[string]func(*pki.TrustBundleFetch) odata.Value{
		"id":                   func(f *pki.TrustBundleFetch) odata.Value { return odata.String(string(f.ID)) },
		"version":              func(f *pki.TrustBundleFetch) odata.Value { return odata.Int(f.Version) },
		"fetcherType":          func(f *pki.TrustBundleFetch) odata.Value { return odata.Int(int64(f.Fetcher.Kind)) },
		"fetcherId":            func(f *pki.TrustBundleFetch) odata.Value { return odata.String(f.Fetcher.ID) },
		"fetcherDisplayName":   func(f *pki.TrustBundleFetch) odata.Value { return textOrNull(f.Fetcher.Name) },
		"format":               func(f *pki.TrustBundleFetch) odata.Value { return odata.String(f.Format) },
		"fetchCount":           func(f *pki.TrustBundleFetch) odata.Value { return odata.Int(f.Count) },
		"firstFetchedDateTime": func(f *pki.TrustBundleFetch) odata.Value { return odata.Date(f.First) },
		"lastFetchedDateTime":  func(f *pki.TrustBundleFetch) odata.Value { return odata.Date(f.Last) },
		"hasNewerVersion":      func(f *pki.TrustBundleFetch) odata.Value { return odata.Bool(f.HasNewer) },
	})
	return &noun[pki.TrustBundleFetch]{
		server: s, set: bundleFetchSet, nested: true, within: bundleSet, entity: entity, shape: shape,
		id:   func(f *pki.TrustBundleFetch) pki.ID { return f.ID },
		page: s.bundles.Fetches,
	}, err
}
