package pki

import "cloudpki/internal/odata"

// A Resource names a set whose changes can be followed, by delta() and by
// change notifications.
type Resource string

// The resources.
const (
	ResourceSubscriptions Resource = "cloudPkiSubscriptions"
	ResourceBundles       Resource = "trustBundles"
	ResourceAlerts        Resource = "alerts"

	// Those that belong to one subscription.
	ResourceRuns         Resource = "syncRuns"
	ResourceAuthorities  Resource = "certificateAuthorities"
	ResourceCertificates Resource = "certificates"
)

// A ChangeType says what happened to an object; values can be combined to a set.
type ChangeType uint8

// The change types of Microsoft Graph's change notifications.
const (
	ChangeCreated ChangeType = 1 << iota
	ChangeUpdated
	ChangeDeleted
)

// A Change is what one transaction did to one object.
type Change struct {
	Tenant       TenantID
	Resource     Resource
	Subscription ID    // the subscription that it is, or that it belongs to; "" for none
	Key          int64 // incarnation of the subscription, or where there is none of the object
	Object       ID    // the object; the subscription itself for ResourceSubscriptions
	Type         ChangeType
	ETag         string // as the object's next answer has it; "" where its type has none
	At           odata.DateTimeOffset
}
