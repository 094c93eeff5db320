package web

import (
	"cmp"
	"fmt"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// shownFetchers bounds each table of fetchers on a bundle's page.
const shownFetchers = 20

// A fetcherTable is who has the last version of a bundle, or only an older one.
type fetcherTable struct {
	ID, Title string
	Rows      []fetcherRow
	More      bool // there are some that are not shown
}

// A fetcherRow is who fetched a version in a format.
type fetcherRow struct {
	Name, Kind string
	Fetch      pki.TrustBundleFetch
}

// addFetchers adds to the page of b who is behind, and who is not; those who
// asked last in front.
func (s *Server) addFetchers(v *visit, b *pki.TrustBundle, p *bundlePage) error {
	for _, t := range []struct{ id, title, filter string }{
		{"behind", "Only an older version", "version+lt+%d+and+hasNewerVersion+eq+false"},
		{"current", "The last version", "version+eq+%d"},
	} {
		q, err := odata.ParseQuery(fmt.Sprintf("$top=%d&$orderby=lastFetchedDateTime+desc&$filter="+t.filter, shownFetchers+1, b.Version), pki.TrustBundleFetchType())
		if err != nil {
			return err
		}
		found, err := s.bundles.Fetches(v.r.Context(), b.Tenant, b.ID, q)
		if err != nil {
			return err
		}
		list := found.Items
		table := fetcherTable{ID: t.id, Title: t.title, More: len(list) > shownFetchers}
		for i := range list[:min(len(list), shownFetchers)] {
			table.Rows = append(table.Rows, newFetcherRow(&list[i]))
		}
		if len(table.Rows) > 0 {
			p.Fetchers = append(p.Fetchers, table)
		}
	}
	return nil
}

func newFetcherRow(f *pki.TrustBundleFetch) fetcherRow {
	row := fetcherRow{Fetch: *f, Name: clip(cmp.Or(f.Fetcher.Name, f.Fetcher.ID), maxShownOther)}
	switch f.Fetcher.Kind {
	case pki.FetcherApplication:
		row.Kind = "Application"
	case pki.FetcherUser:
		row.Kind = "User"
	case pki.FetcherAnonymous:
		row.Kind, row.Name = "Program, without token", cmp.Or(row.Name, "Tells no name")
	case pki.FetcherOthers:
		row.Kind, row.Name = "Not told apart", "All others"
	}
	return row
}
