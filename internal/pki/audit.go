package pki

import "cloudpki/internal/odata"

// An Actor is who asks for a change, for the audit trail.
type Actor struct {
	Client    string // application id of the token
	Subject   string // sub or oid of the token
	Name      string // for a person; may be ""
	RequestID string // the request-id that the caller was told
}

// An AuditEvent is one entry of the audit trail. It is written in the
// transaction of the change it tells of.
type AuditEvent struct {
	ID       ID // UUIDv7
	At       odata.DateTimeOffset
	Activity string // "Create CloudPkiSubscription", as Intune names its own
	Object   ID     // the subscription
	Actor    Actor
	Members  []string // names of the members that changed; never their values

	// Of a certificate: which, and what was asked for, in Reason. Of a decision
	// on roots: why, and the SHA-256 of the root before and of the
	// one that was decided on. "" where there is none.
	Reason  string
	OldRoot ID
	NewRoot ID
}

// The activities, named as Intune's audit log names its own.
const (
	ActivityCreate = "Create CloudPkiSubscription"
	ActivityPatch  = "Patch CloudPkiSubscription"
	ActivityDelete = "Delete CloudPkiSubscription"
	ActivitySync   = "Sync CloudPkiSubscription"

	ActivityPreview = "PreviewSync CloudPkiSubscription"

	ActivityCancel = "CancelSync CloudPkiSubscription"
	ActivityRoot   = "TrustedRootChanged CloudPkiSubscription"

	ActivityTest     = "TestConnection CloudPkiSubscription"
	ActivityStage    = "StageCredentials CloudPkiSubscription"
	ActivityPromote  = "PromoteCredentials CloudPkiSubscription"
	ActivityRollback = "RollbackCredentials CloudPkiSubscription"
	ActivityDiscard  = "DiscardCredentials CloudPkiSubscription"
	ActivityShred    = "PreviousCredentialsRemoved CloudPkiSubscription"
	ActivityExpiring = "CredentialExpiring CloudPkiSubscription"

	// ActivityQuarantine: the CA offers a root that is not the trusted one.
	ActivityQuarantine = "TrustedRootQuarantined CloudPkiSubscription"

	ActivityRootRejected = "TrustedRootRejected CloudPkiSubscription"
	ActivityRootRetiring = "TrustedRootRetiring CloudPkiSubscription"
	ActivityRootRemoved  = "TrustedRootRemoved CloudPkiSubscription"

	ActivityRequest       = "RequestCertificate CloudPkiSubscription"
	ActivityIssue         = "IssueCertificate CloudPkiSubscription"
	ActivityRequestRevoke = "RequestRevocation CloudPkiSubscription"
	ActivityRevoke        = "RevokeCertificate CloudPkiSubscription"

	ActivityMigrationStarted   = "ProviderMigrationStarted CloudPkiSubscription"
	ActivityMigrationCancelled = "ProviderMigrationCancelled CloudPkiSubscription"
	ActivityMigrationCompleted = "ProviderMigrationCompleted CloudPkiSubscription"
)

// AuditEventType is the entity type of an audit event.
func AuditEventType() *odata.EntityType {
	text := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Nullable: true, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	decision := func(name, doc string) odata.Property {
		p := text(name, doc)
		p.Optional = true
		return p
	}
	return &odata.EntityType{
		Name: "auditEvent",
		Doc:  "One entry of the audit trail.",
		Properties: []odata.Property{
			{Name: "id", Kind: odata.KindString, Computed: true, Filter: true, Sort: true, Doc: "Key; sorts by time."},
			{Name: "activityDateTime", Kind: odata.KindDateTimeOffset, Computed: true, Filter: true, Sort: true, Doc: "When it happened."},
			text("activityType", "What happened: a verb and CloudPkiSubscription."),
			text("resourceId", "The object it happened to."),
			text("actorApplicationId", "Application that asked for it; null for the service itself."),
			text("actorId", "Subject of the token that asked for it."),
			text("actorName", "Name of who asked for it."),
			text("correlationId", "The request-id of the request."),
			{Name: "modifiedProperties", Kind: odata.KindString, Collection: true, Computed: true, Doc: "Names of the members that changed."},
			decision("reason", "Why it was decided so; of decisions on roots and providers, and of certificates which one it is and what for."),
			decision("oldThumbprint", "SHA-256 of the root that was trusted before; of decisions on roots."),
			decision("newThumbprint", "SHA-256 of the root that was decided on."),
		},
	}
}
