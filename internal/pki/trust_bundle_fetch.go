package pki

import (
	"cmp"
	"context"
	"slices"

	"cloudpki/internal/odata"
)

// fetchBatch is how many fetchers are noted in one transaction.
const fetchBatch = 500

// A TrustBundleFetch is the evidence that somebody has a version of a bundle:
// that they fetched it, or were told that what they have is it.
type TrustBundleFetch struct {
	ID      ID // UUIDv7
	Version int64
	Fetcher BundleFetcher
	Format  string // extension of what was fetched
	Count   int64
	First   odata.DateTimeOffset
	Last    odata.DateTimeOffset

	HasNewer bool // the fetcher has a newer version, too
}

// A BundleFetcher is who fetches bundles.
type BundleFetcher struct {
	Kind FetcherKind
	ID   string // of the application or user, or what a program calls itself; "" for others, and who tells nothing
	Name string // for people to read; ""
}

// FetcherKind is how a BundleFetcher is known.
type FetcherKind int64

// The kinds of fetchers.
const (
	FetcherApplication FetcherKind = iota // by its token
	FetcherUser                           // by the token of a program that they use
	FetcherAnonymous                      // by the name that its program gives itself
	FetcherOthers                         // those of a version whom there was no room for, together
)

// Most is how many rows of the kind a version has; further ones are counted
// with FetcherOthers. What has no token can give itself any name, so it gets
// less room.
func (k FetcherKind) Most() int {
	switch k {
	case FetcherAnonymous:
		return 100
	case FetcherApplication, FetcherUser, FetcherOthers:
	}
	return 1000
}

// FetcherKindEnum is the enumeration of the kinds of fetchers.
func FetcherKindEnum() *odata.EnumType {
	return &odata.EnumType{Name: "trustBundleFetcherType", Members: []odata.Member{
		{Name: "application", Value: int64(FetcherApplication)},
		{Name: "user", Value: int64(FetcherUser)},
		{Name: "anonymous", Value: int64(FetcherAnonymous)},
		{Name: "others", Value: int64(FetcherOthers)},
	}}
}

// BundleFetches counts how often somebody fetched a version, or found it
// unchanged.
type BundleFetches struct {
	Tenant  TenantID
	Key     int64 // of the bundle
	Version int64
	Fetcher BundleFetcher
	Format  string
	Count   int64
	First   odata.DateTimeOffset
	Last    odata.DateTimeOffset

	ID ID // for a new TrustBundleFetch; made by Fetched
}

// Fetched notes which versions were fetched, and by whom.
func (s *Bundles) Fetched(ctx context.Context, list []BundleFetches) error {
	if len(list) == 0 {
		return nil
	}
	// In one order, or two processes would wait for each other.
	sorted := slices.SortedFunc(slices.Values(list), func(a, b BundleFetches) int {
		return cmp.Or(
			cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.Fetcher.Kind, b.Fetcher.Kind), cmp.Compare(a.Fetcher.ID, b.Fetcher.ID), cmp.Compare(a.Format, b.Format),
		)
	})
	for i := range sorted {
		var err error
		if sorted[i].ID, err = newID(); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(sorted, fetchBatch) {
		if err := s.o.Store.AddBundleFetches(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// Fetches returns a page of who fetched which version of a bundle. CodeNotFound.
func (s *Bundles) Fetches(ctx context.Context, t TenantID, id ID, q odata.Query) (Page[TrustBundleFetch], error) {
	b, err := s.o.Store.TrustBundle(ctx, t, id)
	if err != nil {
		return Page[TrustBundleFetch]{}, err
	}
	return s.o.Store.TrustBundleFetches(ctx, b, q)
}

// TrustBundleFetchType is the entity type of a TrustBundleFetch.
func TrustBundleFetchType() *odata.EntityType {
	own := func(name string, kind odata.Kind, doc string) odata.Property {
		return odata.Property{Name: name, Kind: kind, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	name := own("fetcherDisplayName", odata.KindString, "Name of the application or user in its token.")
	name.Nullable = true
	return &odata.EntityType{
		Name: "trustBundleFetch",
		Doc:  "Who fetched a version of a trust bundle in a format, or found that theirs is it.",
		Properties: []odata.Property{
			own("id", odata.KindString, "Key; sorts by the time of the first fetch."),
			own("version", odata.KindInt64, "Number of the version."),
			{Name: "fetcherType", Kind: odata.KindEnum, Enum: FetcherKindEnum(), Computed: true, Filter: true, Sort: true, Doc: "How the fetcher is known; others are those together whom there was no room for."},
			own("fetcherId", odata.KindString, "Id of the application or user in its token; of who needs no token, what its program calls itself."),
			name,
			own("format", odata.KindString, "Extension of what was fetched."),
			own("fetchCount", odata.KindInt64, "How often."),
			own("firstFetchedDateTime", odata.KindDateTimeOffset, "When that was first."),
			own("lastFetchedDateTime", odata.KindDateTimeOffset, "When that was last."),
			own("hasNewerVersion", odata.KindBoolean, "Whether the fetcher has a newer version, too; false for others."),
		},
	}
}
