package pki

import (
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// SyncStatus is the last known outcome of a sync; the numbers are those of the
// syncStatus enumeration in Microsoft's metadata of 2017-07-19.
type SyncStatus int8

// The outcomes.
const (
	SyncUnknown   SyncStatus = 0
	SyncSucceeded SyncStatus = 1
	SyncFailed    SyncStatus = 2
)

// ProviderUnknown is stored and never synced.
const ProviderUnknown = "unKnown"

// A Subscription is an admin's registration of a third-party CA: how to log in,
// what it was told by the CA, and how the last sync went.
type Subscription struct {
	Tenant TenantID
	ID     ID
	Key    int64 // names this incarnation: a new object under an old ID shares nothing with it

	Provider     string // member of cloudPkiProvider: "symantec"
	DisplayName  *string
	Description  *string
	Created      odata.DateTimeOffset
	LastModified odata.DateTimeOffset

	SyncStatus    SyncStatus
	LastSyncError *string // at most MaxLastSyncError bytes, no secret
	LastSync      odata.DateTimeOffset
	TrustedRoot   []byte // as sent by the admin, or DER from the CA; nil for none
	Version       int32  // +1 with each change by an admin and each change of the trusted root
	Edits         int64  // +1 with each change by an admin: what If-Match compares
	Revision      int64  // +1 with each change of any kind: the tail of the ETag

	Credentials *Credentials // nil where credentials is null

	ServiceURI *string
	Settings   []Setting
	ServerCAs  []byte         // PEM or DER, as sent
	Schedule   *time.Duration // nil for the service's default
	Paused     *bool

	TrustPolicy *TrustPolicy // nil for TrustAutomaticForRenewals
	Migration   *Migration   // the last change of the provider; nil where there was none

	NextSync odata.DateTimeOffset // when the next sync is due; Never for not at all
	Failures int                  // failed syncs since the last good one

	Staged    *Slot     // credentials that wait to be promoted; nil for none
	Previous  *Slot     // what Credentials were before, while it is kept; nil for none
	Refusal   *Refusal  // why no sync logs in to the CA; nil where nothing forbids it
	NextProbe time.Time // when the credentials are to be proved without a sync; zero for not at all
	TendAt    time.Time // when the credentials must be looked at again, see Tend; zero for never
}

// MaxLastSyncError bounds lastSyncError, in bytes.
const MaxLastSyncError = 1024

// Credentials are a subscription's secrets as stored: sealed, so that no read
// path can return one.
type Credentials struct {
	UserName            *string
	Password            secret.Sealed
	Certificate         secret.Sealed // PKCS#12, RFC 7292
	CertificatePassword secret.Sealed

	Key      secret.Sealed             // the object's key, wrapped under the tenant's
	Info     *provider.CertificateInfo // what can be told of Certificate; nil where it does not open
	Accepted odata.DateTimeOffset      // last time the CA accepted them; Never for not yet

	Status   CredentialStatus
	StatusAt time.Time   // since when Status holds; zero for not known
	Expires  time.Time   // when what the CA handed out ends, such as an API token; zero where it does not tell
	Rung     ExpiryStage // the last rung of the expiry ladder that was told
}

// A Setting is one entry of providerSettings.
type Setting struct{ Name, Value string }

// IsPaused reports whether an admin has paused the syncs.
func (s *Subscription) IsPaused() bool { return s.Paused != nil && *s.Paused }

// ProviderEnum is the enumeration cloudPkiProvider. The first two members are
// Microsoft's; symantec stays DigiCert PKI Platform 8 for ever.
func ProviderEnum() *odata.EnumType {
	names := []string{
		ProviderUnknown, "symantec", "digicertOne", "ejbca", "vault", "stepCa", "est", "sectigo",
		"globalSignAtlas", "entrustGateway", "digicertCertCentral", "googleCas", "awsPrivateCa", "generic",
	}
	e := &odata.EnumType{Name: "cloudPkiProvider"}
	for i, name := range names {
		e.Members = append(e.Members, odata.Member{Name: name, Value: int64(i)})
	}
	return e
}

// SyncStatusEnum is the enumeration syncStatus.
func SyncStatusEnum() *odata.EnumType {
	return &odata.EnumType{Name: "syncStatus", Members: []odata.Member{
		{Name: "unKnown", Value: int64(SyncUnknown), Doc: "Not synced yet."},
		{Name: "succeeded", Value: int64(SyncSucceeded), Doc: "The last sync succeeded."},
		{Name: "failed", Value: int64(SyncFailed), Doc: "The last sync failed; lastSyncError says why."},
	}}
}

// CredentialsType is the complex type of the member credentials.
func CredentialsType() *odata.ComplexType {
	return &odata.ComplexType{
		Name: "cloudPkiAdministratorCredentials",
		Doc:  "How the service logs in to the CA. Secrets are write-only.",
		Properties: []odata.Property{
			{Name: "adminUserName", Kind: odata.KindString, Nullable: true, Filter: true, Sort: true, Fold: true, Search: true, MaxLength: 1024, Doc: "Admin user name."},
			{Name: "adminPassword", Kind: odata.KindString, Nullable: true, Secret: true, MaxLength: 8192, Doc: "Admin password, API key or token."},
			{Name: "authenticationCertificate", Kind: odata.KindBinary, Nullable: true, Secret: true, Doc: "The client certificate with its key, as PKCS#12."},
			{Name: "authenticationCertificatePassword", Kind: odata.KindString, Nullable: true, Secret: true, MaxLength: 8192, Doc: "The password of the client certificate."},
		},
	}
}

// SettingType is the complex type of an entry of providerSettings.
func SettingType() *odata.ComplexType {
	return &odata.ComplexType{
		Name: "keyValuePair",
		Doc:  "A setting by name.",
		Properties: []odata.Property{
			{Name: "name", Kind: odata.KindString, MaxLength: 128, Doc: "Name of the setting."},
			{Name: "value", Kind: odata.KindString, Nullable: true, MaxLength: 8192, Doc: "Value of the setting."},
		},
	}
}

// CredentialInfoType is the complex type of the member credentialInfo.
func CredentialInfoType() *odata.ComplexType {
	text := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Nullable: true, Computed: true, Doc: doc}
	}
	flag := func(name string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindBoolean, Computed: true, Doc: "Whether this credential is set."}
	}
	date := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindDateTimeOffset, Nullable: true, Computed: true, Doc: doc}
	}
	return &odata.ComplexType{
		Name: "cloudPkiCredentialInfo",
		Doc:  "What may be known of the credentials without their secrets.",
		Properties: []odata.Property{
			flag("hasAdminUserName"), flag("hasAdminPassword"), flag("hasAuthenticationCertificate"), flag("hasAuthenticationCertificatePassword"),
			text("subject", "Subject of the client certificate, RFC 4514."),
			text("issuer", "Issuer of the client certificate, RFC 4514."),
			text("thumbprint", "SHA-256 of the client certificate's DER, lower-case hex."),
			{Name: "notAfter", Kind: odata.KindDateTimeOffset, Nullable: true, Computed: true, Filter: true, Sort: true, Doc: "End of the client certificate's validity."},
			{Name: "expiresInDays", Kind: odata.KindInt32, Nullable: true, Computed: true, Doc: "Whole days until expirationDateTime; negative once expired."},
			{Name: "lastAcceptedDateTime", Kind: odata.KindDateTimeOffset, Nullable: true, Computed: true, Doc: "Last time the CA accepted the credentials."},
			{Name: "status", Kind: odata.KindEnum, Enum: CredentialStatusEnum(), Nullable: true, Computed: true, Filter: true, Sort: true, Doc: "Whether the CA accepts the credentials, as far as it was asked."},
			date("statusDateTime", "Since when status holds."),
			date("tokenExpirationDateTime", "When the API token or key ends, where the CA tells."),
			{Name: "expirationDateTime", Kind: odata.KindDateTimeOffset, Nullable: true, Computed: true, Filter: true, Sort: true, Doc: "The sooner of notAfter and tokenExpirationDateTime."},
			{Name: "expiryStage", Kind: odata.KindEnum, Enum: ExpiryStageEnum(), Nullable: true, Computed: true, Filter: true, Sort: true, Doc: "How near the end is: the narrowest rung reached. expiryStage ge 'days30' finds all that end within 30 days, and what has ended."},
			date("stagedDateTime", "When further credentials were staged; null where there are none."),
			text("stagedSubject", "Subject of the staged client certificate."),
			text("stagedThumbprint", "SHA-256 of the staged client certificate's DER, lower-case hex."),
			date("stagedNotAfter", "End of the staged client certificate's validity."),
			date("stagedLastAcceptedDateTime", "Last time the CA accepted the staged credentials; null for not yet."),
			text("previousThumbprint", "SHA-256 of the client certificate that rollbackCredentials would bring back."),
			date("previousKeptUntilDateTime", "Until when rollbackCredentials can bring the previous credentials back; null where none are kept."),
		},
	}
}

// SubscriptionType is the entity type cloudPkiSubscription: first the members
// of Microsoft's document in its order, then ours, which stay out of answers
// unless they have a value or are selected.
func SubscriptionType() *odata.EntityType {
	return &odata.EntityType{
		Name: "cloudPkiSubscription",
		Doc:  "A subscription to a third-party cloud certification authority.",
		Properties: append(append(documentedProperties(), connectionProperties()...),
			odata.Property{Name: "credentialInfo", Kind: odata.KindComplex, Complex: CredentialInfoType(), Nullable: true, Optional: true, Computed: true, Doc: "What may be known of the credentials."},
			odata.Property{Name: "nextSyncDateTime", Kind: odata.KindDateTimeOffset, Nullable: true, Optional: true, Computed: true, Filter: true, Sort: true, Doc: "When the next sync is due; null for not at all."},
		),
		Navigations: []odata.Navigation{
			{Name: NavigationRuns, Target: RunType(), Doc: "The attempts to sync, newest first by default."},
			{Name: NavigationAuthorities, Target: AuthorityType(), Doc: "Roots and issuers seen at the CA."},
			{Name: NavigationCertificates, Target: CertificateType(), Doc: "Certificates issued by the CA."},
			{Name: NavigationSkippedItems, Target: SkippedItemType(), Doc: "Records of the CA that could not be read."},
		},
		Delta: true,
		Actions: []odata.Action{
			{Name: "sync", Doc: "Starts a sync now, or joins the one under way."},
			{Name: "previewSync", Doc: "Tells by a dry run what a sync would do; it changes nothing."},
			{Name: "cancelSync", Doc: "Ends a queued sync, and asks a running one to stop; what it has stored is kept."},
			ApproveTrustChange(),
			RejectTrustChange(),
			CompleteMigration(),
			MigrationReportFunction(),
			TestConnectionAction(),
			StageCredentialsAction(),
			PromoteCredentialsAction(),
			RollbackCredentialsAction(),
			IssueCertificateAction(),
		},
	}
}

// connectionProperties are members of ours that clients write.
func connectionProperties() []odata.Property {
	return []odata.Property{
		{Name: "serviceUri", Kind: odata.KindString, Nullable: true, Optional: true, Filter: true, Sort: true, MaxLength: 2048, Doc: "Base address of the CA's service, https."},
		{Name: "providerSettings", Kind: odata.KindComplex, Complex: SettingType(), Collection: true, Nullable: true, Optional: true, Doc: "Further settings of the provider, by name."},
		{Name: "serverCertificateAuthorities", Kind: odata.KindBinary, Nullable: true, Optional: true, Doc: "Certificates (PEM or DER) that may sign the certificate of the CA's server; null trusts the system's."},
		{Name: "syncSchedule", Kind: odata.KindDuration, Nullable: true, Optional: true, Doc: "Time between two syncs; null for the service's default."},
		{Name: "paused", Kind: odata.KindBoolean, Nullable: true, Optional: true, Filter: true, Sort: true, Doc: "Whether scheduled syncs are paused."},
		{Name: "trustChangePolicy", Kind: odata.KindEnum, Enum: TrustPolicyEnum(), Nullable: true, Optional: true, Filter: true, Sort: true, Doc: "What may replace the trusted root without an admin; null for automaticForRenewals."},
	}
}

func documentedProperties() []odata.Property {
	return []odata.Property{
		{Name: "id", Kind: odata.KindString, Filter: true, Sort: true, MaxLength: maxIDLength, Doc: "Key of the entity."},
		{Name: "cloudPkiProvider", Kind: odata.KindEnum, Enum: ProviderEnum(), Filter: true, Sort: true, Doc: "Kind of the third-party CA."},
		{Name: "createdDateTime", Kind: odata.KindDateTimeOffset, Filter: true, Sort: true, Computed: true, Doc: "DateTime the object was created."},
		{Name: "description", Kind: odata.KindString, Nullable: true, Filter: true, Sort: true, Fold: true, Search: true, MaxLength: 4096, Doc: "Admin provided description."},
		{Name: "lastModifiedDateTime", Kind: odata.KindDateTimeOffset, Filter: true, Sort: true, Computed: true, Doc: "DateTime the object was last modified."},
		{Name: "displayName", Kind: odata.KindString, Nullable: true, Filter: true, Sort: true, Fold: true, Search: true, MaxLength: 1024, Doc: "Admin provided name."},
		{Name: "syncStatus", Kind: odata.KindEnum, Enum: SyncStatusEnum(), Nullable: true, Filter: true, Sort: true, Computed: true, Doc: "Last known outcome of a sync."},
		{Name: "lastSyncError", Kind: odata.KindString, Nullable: true, Filter: true, Sort: true, Fold: true, MaxLength: MaxLastSyncError, Computed: true, Doc: "Error of the last sync, if it failed."},
		{Name: "lastSyncDateTime", Kind: odata.KindDateTimeOffset, Filter: true, Sort: true, Computed: true, Doc: "DateTime the last sync ended."},
		{Name: "credentials", Kind: odata.KindComplex, Complex: CredentialsType(), Nullable: true, Doc: "How to log in to the CA."},
		{Name: "trustedRootCertificate", Kind: odata.KindBinary, Nullable: true, Doc: "The root that devices trust."},
		{Name: "version", Kind: odata.KindInt32, Filter: true, Sort: true, Computed: true, Doc: "Version of the subscription."},
	}
}
