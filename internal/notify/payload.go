package notify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// A message is the body of one delivery (changeNotificationCollection).
type message struct {
	Value []any `json:"value"`
}

// A common part stands in each notification.
type common struct {
	ID             string  `json:"id"`
	SubscriptionID string  `json:"subscriptionId"`
	Expiration     string  `json:"subscriptionExpirationDateTime"`
	ClientState    *string `json:"clientState"`
	TenantID       string  `json:"tenantId"`
}

// A change is a changeNotification.
type change struct {
	common

	ChangeType string `json:"changeType"`
	Resource   string `json:"resource"`
	Data       data   `json:"resourceData"`
}

// A data names the object that has changed.
type data struct {
	Type string `json:"@odata.type"`
	Path string `json:"@odata.id"`
	ETag string `json:"@odata.etag,omitempty"`
	ID   string `json:"id"`
}

// A lifecycleEvent is a lifecycle notification.
type lifecycleEvent struct {
	common

	Event string `json:"lifecycleEvent"`
}

// payload writes the body of a delivery.
func payload(v *pki.Delivery, clientState secret.Text) (string, error) {
	n := &v.Subscription
	followed, ok := pki.ParseFollowed(n.Resource)
	if !ok {
		return "", fmt.Errorf("subscription %s follows nothing", n.ID)
	}
	var state *string
	if n.ClientState != nil {
		state = new(string(clientState.Reveal()))
	}
	m := message{Value: make([]any, 0, len(v.Batch))}
	for i := range v.Batch {
		b := &v.Batch[i]
		c := common{
			ID: notificationID(n, b), SubscriptionID: string(n.ID), Expiration: odata.DateTimeOffset{Ticks: n.Expires.Ticks}.String(),
			ClientState: state, TenantID: string(n.Tenant),
		}
		if v.Lease.Lane == pki.LaneLifecycle {
			m.Value = append(m.Value, lifecycleEvent{c, b.Event})
			continue
		}
		address := followed.Address(b.Subscription, b.Object)
		m.Value = append(m.Value, change{c, b.Event, address, data{
			Type: "#" + odata.Namespace + "." + followed.Set.EntityName(), Path: address, ETag: b.ETag, ID: string(b.Object),
		}})
	}
	text, err := json.Marshal(m)
	return string(text), err
}

// notificationID is the same each time a notification is delivered.
func notificationID(n *pki.NotificationSubscription, b *pki.Notification) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s/%s/%d", n.Tenant, n.ID, b.Number)).String()
}

// messageID is the same each time the same batch is delivered.
func messageID(v *pki.Delivery) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s/%s/%d", v.Subscription.Tenant, v.Subscription.ID, v.Lease.Lane)
	for i := range v.Batch {
		fmt.Fprintf(h, "/%d", v.Batch[i].Number)
	}
	const size = 18
	return "msg_" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:size])
}
