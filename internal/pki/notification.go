package pki

import (
	"context"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/secret"
)

// A NotificationSubscription is a client's wish to be told of changes: the
// entity subscription of Microsoft Graph.
type NotificationSubscription struct {
	Tenant TenantID
	ID     ID
	Key    int64 // names its queue and its dead letters

	Application string // that created it
	Creator     string // subject of the token that created it

	ChangeType   string // as sent: "created,updated"
	Resource     string // as sent: "/cloudPkiSubscriptions('x')/certificates"
	Incarnation  *int64 // of the one cloudPkiSubscription that is followed; nil for all
	URL          string // notificationUrl
	LifecycleURL string // "" for none
	LatestTLS    string // "v1_2" or "v1_3"
	Expires      odata.DateTimeOffset
	RemindAt     odata.DateTimeOffset // when to send reauthorizationRequired; Never for not (again)

	ClientState secret.Sealed // nil for none
	StateKey    secret.Sealed // the object's key, wrapped under the tenant's
}

// The names of the change types, by their bit.
func changeNames() []string { return []string{"created", "updated", "deleted"} }

// String returns the names of the set, with commas between.
func (t ChangeType) String() string {
	var names []string
	for i, name := range changeNames() {
		if t&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// ParseChangeTypes reads a list of change types with commas between. ok is
// false for an empty list, a name that there is not, and one given twice.
func ParseChangeTypes(s string) (set ChangeType, ok bool) {
	for part := range strings.SplitSeq(s, ",") {
		bit := ChangeType(0)
		for i, name := range changeNames() {
			if strings.TrimSpace(part) == name {
				bit = 1 << i
			}
		}
		if bit == 0 || set&bit != 0 {
			return 0, false
		}
		set |= bit
	}
	return set, true
}

// familySegment stands in front of the sets in the second of their two
// addresses.
const familySegment = "deviceManagement"

// A Followed is what a NotificationSubscription follows.
type Followed struct {
	Family string   // "deviceManagement/", or "" for the set at the root
	Set    Resource // whose objects' changes are told
	ID     ID       // of the one object that is followed or whose children are; "" for all
}

// ParseFollowed reads the resource of a NotificationSubscription: an address
// below /beta in any spelling that a request may have. ok is false where that
// cannot be followed.
func ParseFollowed(resource string) (f Followed, ok bool) {
	segments, err := odata.ResourcePath(resource)
	if err != nil {
		return f, false
	}
	for _, s := range segments {
		if s.Call {
			return f, false
		}
	}
	if len(segments) > 0 && strings.EqualFold(segments[0].Name, familySegment) {
		f.Family, segments = familySegment+"/", segments[1:]
	}
	if len(segments) == 0 || !f.followSet(segments[0].Name) {
		return f, false
	}
	if len(segments) == 1 {
		return f, true
	}
	if f.ID = ID(segments[1].Text); !f.ID.Valid() || f.Set == ResourceAlerts { // nobody waits for a single alert
		return f, false
	}
	if len(segments) == 2 {
		return f, true
	}
	if len(segments) > 3 || f.Set != ResourceSubscriptions {
		return f, false
	}
	for _, r := range []Resource{ResourceRuns, ResourceAuthorities, ResourceCertificates} {
		if strings.EqualFold(segments[2].Name, string(r)) {
			f.Set = r
			return f, true
		}
	}
	return f, false
}

// followSet sets Set to the one with the name, if there is one in the family.
func (f *Followed) followSet(name string) bool {
	sets := []Resource{ResourceSubscriptions}
	if f.Family != "" {
		sets = append(sets, ResourceBundles, ResourceAlerts)
	}
	for _, r := range sets {
		if strings.EqualFold(name, string(r)) {
			f.Set = r
			return true
		}
	}
	return false
}

// Address returns where an object is found below /beta, in the family that is
// followed. sub is the subscription that it is or belongs to, "" for none.
func (f Followed) Address(sub, object ID) string {
	if sub == "" {
		return f.Family + string(f.Set) + "/" + string(object)
	}
	address := f.Family + string(ResourceSubscriptions) + "/" + string(sub)
	if f.Set != ResourceSubscriptions {
		address += "/" + string(f.Set) + "/" + string(object)
	}
	return address
}

// EntityName is the name of the entity type of r's objects.
func (r Resource) EntityName() string {
	switch r {
	case ResourceRuns:
		return RunType().Name
	case ResourceAuthorities:
		return AuthorityType().Name
	case ResourceCertificates:
		return CertificateType().Name
	case ResourceBundles:
		return TrustBundleType().Name
	case ResourceAlerts:
		return AlertType().Name
	default:
		return SubscriptionType().Name
	}
}

// NotificationStore keeps NotificationSubscriptions. Like a Store's, its
// methods are safe for concurrent use, and a row of another tenant does not
// exist.
type NotificationStore interface {
	// AdmitNotificationSubscription reports what CreateNotificationSubscription
	// would refuse n for, and stores nothing.
	AdmitNotificationSubscription(ctx context.Context, n NotificationSubscription, most int) error

	// CreateNotificationSubscription stores n. CodeNotFound where what it
	// follows does not exist, CodeQuota where the tenant has most already.
	CreateNotificationSubscription(ctx context.Context, n NotificationSubscription, most int, e AuditEvent) error

	// NotificationSubscription returns one, or CodeNotFound.
	NotificationSubscription(ctx context.Context, t TenantID, id ID) (NotificationSubscription, error)

	// NotificationSubscriptions returns a page of those that match q, without
	// what is sealed.
	NotificationSubscriptions(ctx context.Context, t TenantID, q odata.Query) (Page[NotificationSubscription], error)

	// UpdateNotificationSubscription calls change on the stored row inside a
	// transaction and stores it. CodeNotFound, or what change returns.
	UpdateNotificationSubscription(ctx context.Context, t TenantID, id ID, change func(*NotificationSubscription) error, e AuditEvent) (NotificationSubscription, error)

	// DeleteNotificationSubscription removes the row if check agrees; nothing is
	// delivered any more, and what waits is removed by Tend. CodeNotFound.
	DeleteNotificationSubscription(ctx context.Context, t TenantID, id ID, check func(NotificationSubscription) error, e AuditEvent) error

	// DeadLetters returns a page of the notifications of n that were given up.
	DeadLetters(ctx context.Context, n NotificationSubscription, q odata.Query) (Page[DeadLetter], error)
}
