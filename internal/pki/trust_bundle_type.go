package pki

import "cloudpki/internal/odata"

// Bounds of a TrustBundle's members.
const (
	maxBundleName          = 64
	maxBundleText          = 256
	maxBundleSubscriptions = 64
)

// BundleAccessEnum is the enumeration of who may fetch a bundle.
func BundleAccessEnum() *odata.EnumType {
	return &odata.EnumType{Name: "trustBundleAccess", Members: []odata.Member{
		{Name: "token", Value: int64(BundleToken)},
		{Name: "public", Value: int64(BundlePublic)},
	}}
}

// BundleStatusEnum is the enumeration of how a bundle stands to its sources.
func BundleStatusEnum() *odata.EnumType {
	return &odata.EnumType{Name: "trustBundlePublishStatus", Members: []odata.Member{
		{Name: "empty", Value: int64(BundleEmpty)},
		{Name: "published", Value: int64(BundlePublished)},
		{Name: "kept", Value: int64(BundleKept)},
	}}
}

// TrustBundleType is the entity type of a TrustBundle.
func TrustBundleType() *odata.EntityType {
	own := func(name string, kind odata.Kind, nullable bool, doc string) odata.Property {
		return odata.Property{Name: name, Kind: kind, Nullable: nullable, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	text := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Nullable: true, MaxLength: maxBundleText, Filter: true, Sort: true, Doc: doc}
	}
	figure := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindInt32, Computed: true, Doc: doc}
	}
	return &odata.EntityType{
		Name: "trustBundle",
		Doc:  "A named set of trusted roots, published below /trust/ in versions.",
		Properties: []odata.Property{
			own("id", odata.KindString, false, "Key; made by the service."),
			{Name: "name", Kind: odata.KindString, MaxLength: maxBundleName, Filter: true, Sort: true, Doc: "Name in the published address, unique in the tenant; stays as it is."},
			text("displayName", "Name for people."),
			text("description", "What it is for."),
			{Name: "subscriptionIds", Kind: odata.KindString, Collection: true, MaxLength: maxIDLength, Doc: "Subscriptions whose roots it gathers; empty for all of the tenant."},
			{Name: "includeIntermediates", Kind: odata.KindBoolean, Filter: true, Sort: true, Doc: "Whether it holds the CA certificates that chain to its roots, for the formats that keep them apart."},
			{Name: "access", Kind: odata.KindEnum, Enum: BundleAccessEnum(), Filter: true, Sort: true, Doc: "Who may fetch it: everybody, or who has a token of the tenant."},
			own("version", odata.KindInt64, false, "Number of the version published last; grows with each change of what it holds."),
			own("publishedDateTime", odata.KindDateTimeOffset, true, "When that version was published; null for not yet."),
			own("rootCount", odata.KindInt32, false, "How many roots that version holds."),
			own("expirationDateTime", odata.KindDateTimeOffset, true, "The soonest end of validity among its roots."),
			own("contentHash", odata.KindString, true, "SHA-256 over what that version holds, lower-case hex."),
			{Name: "publishStatus", Kind: odata.KindEnum, Enum: BundleStatusEnum(), Computed: true, Filter: true, Sort: true, Doc: "Whether that version is what the subscriptions hold; kept where it stays as they hold no root, or too many."},
			own("publishMessage", odata.KindString, true, "Why it is not published as its subscriptions are."),
			figure("currentFetcherCount", "How many fetchers that are known have the version published last."),
			figure("outdatedFetcherCount", "How many fetchers that are known have only older versions."),
			own("createdDateTime", odata.KindDateTimeOffset, false, "When it was created."),
			own("lastModifiedDateTime", odata.KindDateTimeOffset, false, "When an admin last changed it."),
		},
		Delta: true,
		Navigations: []odata.Navigation{
			{Name: "versions", Target: TrustBundleVersionType(), Apart: true, Doc: "Its last 100 versions."},
			{Name: "fetches", Target: TrustBundleFetchType(), Apart: true, Doc: "Who fetched which of these versions."},
		},
	}
}

// TrustBundleVersionType is the entity type of a TrustBundleVersion.
func TrustBundleVersionType() *odata.EntityType {
	own := func(name string, kind odata.Kind, doc string) odata.Property {
		return odata.Property{Name: name, Kind: kind, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	list := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Collection: true, Computed: true, Doc: doc}
	}
	fetched := own("lastFetchedDateTime", odata.KindDateTimeOffset, "When that was last; null for not yet.")
	fetched.Nullable = true
	return &odata.EntityType{
		Name: "trustBundleVersion",
		Doc:  "What a trust bundle held from one change to the next.",
		Properties: []odata.Property{
			own("id", odata.KindString, "Key; sorts by the time of publication."),
			own("version", odata.KindInt64, "Its number, that of its address."),
			own("publishedDateTime", odata.KindDateTimeOffset, "When it was published."),
			own("expirationDateTime", odata.KindDateTimeOffset, "The soonest end of validity among its roots."),
			own("contentHash", odata.KindString, "SHA-256 over what it holds, lower-case hex."),
			list("thumbprints", "SHA-256 of its roots, lower-case hex."),
			list("intermediateThumbprints", "SHA-256 of its other CA certificates, lower-case hex."),
			own("fetchCount", odata.KindInt64, "How often it was fetched, or found unchanged by who had it."),
			fetched,
		},
	}
}
