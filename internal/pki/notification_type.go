package pki

import "cloudpki/internal/odata"

// Bounds of a NotificationSubscription's members.
const (
	maxClientState     = 255
	maxNotificationURL = 2048
	maxFollowed        = 512
)

// NotificationSubscriptionType is the entity type subscription, its members in
// the order of Microsoft's documentation.
func NotificationSubscriptionType() *odata.EntityType {
	optional := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Nullable: true, Doc: doc}
	}
	owned := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Nullable: true, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	return &odata.EntityType{
		Name: "subscription",
		Doc:  "A subscription to change notifications.",
		Properties: []odata.Property{
			{Name: "id", Kind: odata.KindString, Computed: true, Filter: true, Sort: true, Doc: "Key; made by the service."},
			{Name: "resource", Kind: odata.KindString, Filter: true, Sort: true, MaxLength: maxFollowed, Doc: "What is followed: an address below the service root, without it."},
			owned("applicationId", "Application that created the subscription."),
			{Name: "changeType", Kind: odata.KindString, Filter: true, Sort: true, MaxLength: 64, Doc: "Changes to be told of: created, updated, deleted, with commas between."},
			{Name: "clientState", Kind: odata.KindString, Nullable: true, Secret: true, MaxLength: maxClientState, Doc: "A secret that each notification carries, so that the receiver knows it for genuine."},
			optional("notificationQueryOptions", "Not used; null."),
			{Name: "notificationUrl", Kind: odata.KindString, Filter: true, Sort: true, MaxLength: maxNotificationURL, Doc: "Where notifications are sent to, https."},
			{Name: "lifecycleNotificationUrl", Kind: odata.KindString, Nullable: true, MaxLength: maxNotificationURL, Doc: "Where lifecycle notifications are sent to, https, on the host of notificationUrl."},
			{Name: "expirationDateTime", Kind: odata.KindDateTimeOffset, Filter: true, Sort: true, Doc: "When the subscription ends unless it is renewed."},
			owned("creatorId", "Subject of the token that created the subscription."),
			{Name: "includeResourceData", Kind: odata.KindBoolean, Nullable: true, Doc: "Whether notifications hold the resource itself; they do not."},
			{Name: "latestSupportedTlsVersion", Kind: odata.KindString, Nullable: true, MaxLength: 8, Doc: "Latest version of TLS that the receiver speaks: v1_2 or v1_3."},
			optional("encryptionCertificate", "Not used; null."),
			optional("encryptionCertificateId", "Not used; null."),
			optional("notificationContentType", "Not used; null."),
			optional("notificationUrlAppId", "Not used; null."),
		},
		Navigations: []odata.Navigation{{Name: "deadLetters", Target: DeadLetterType(), Apart: true, Doc: "Notifications that could not be delivered and were given up."}},
		Actions:     []odata.Action{{Name: "reauthorize", Doc: "Confirms that the caller may still follow the resource."}},
	}
}

// A DeadLetter is a notification that was given up.
type DeadLetter struct {
	ID       ID     // UUIDv7 of the giving up
	Event    string // change type or lifecycle event
	Resource string // address of the object below /beta; "" for a lifecycle event
	Object   ID     // "" for a lifecycle event
	Created  odata.DateTimeOffset
	Dropped  odata.DateTimeOffset
	Reason   string // how the last attempt failed
}

// DeadLetterType is the entity type of a notification that was given up.
func DeadLetterType() *odata.EntityType {
	text := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Nullable: true, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	date := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindDateTimeOffset, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	return &odata.EntityType{
		Name: "changeNotificationDeadLetter",
		Doc:  "A change notification that could not be delivered and was given up.",
		Properties: []odata.Property{
			{Name: "id", Kind: odata.KindString, Computed: true, Filter: true, Sort: true, Doc: "Key; sorts by the time of giving up."},
			text("event", "Change type or lifecycle event of the notification."),
			text("resource", "Address of the object that changed; null for a lifecycle event."),
			text("resourceId", "Id of the object that changed."),
			date("createdDateTime", "When the notification was made."),
			date("droppedDateTime", "When it was given up."),
			text("reason", "How the last attempt to deliver it failed."),
		},
	}
}
