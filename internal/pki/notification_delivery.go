package pki

import "cloudpki/internal/odata"

// A Lane is one of the two addresses that a NotificationSubscription has. Each
// is served by itself and in order.
type Lane int8

// The lanes.
const (
	LaneChanges   Lane = 0 // notificationUrl
	LaneLifecycle Lane = 1 // lifecycleNotificationUrl
)

// The lifecycle events of Microsoft Graph.
const (
	EventReauthorize = "reauthorizationRequired"
	EventRemoved     = "subscriptionRemoved"
	EventMissed      = "missed"
)

// A Notification is one event that one receiver is to be told of.
type Notification struct {
	Number       int64  // place in the queue; of one object in the order of its changes
	Event        string // change type or lifecycle event
	Subscription ID     // the cloudPkiSubscription that the object is or belongs to; "" for none
	Object       ID
	ETag         string // "" for none
	Created      odata.DateTimeOffset
}

// A ReceiverLease gives one worker one lane of a NotificationSubscription.
type ReceiverLease struct {
	Tenant TenantID
	Key    int64 // of the NotificationSubscription
	Lane   Lane
	Owner  string
	Fence  int64
}

// A Delivery is what a worker has to bring to a receiver.
type Delivery struct {
	Lease        ReceiverLease
	Subscription NotificationSubscription
	Failures     int // attempts in a row that failed
	Batch        []Notification
}

// Address is where the delivery goes.
func (d *Delivery) Address() string {
	if d.Lease.Lane == LaneLifecycle {
		return d.Subscription.LifecycleURL
	}
	return d.Subscription.URL
}

// A Settlement ends a ReceiverLease.
type Settlement struct {
	Delivered []Notification       // removed from the queue
	Due       odata.DateTimeOffset // before which the receiver is left in peace
	Failures  int                  // attempts in a row that failed
	Poor      bool                 // failed or slow: served apart from the others
}

// A NotificationBacklog is what a store knows of notifications, over all
// tenants, for the operator's monitoring.
type NotificationBacklog struct {
	Subscriptions int64
	Queued        int64
	Oldest        odata.DateTimeOffset // of those queued; Never for none
}
