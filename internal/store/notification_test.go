package store_test

import (
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// A process is woken by what another has put into the outbox.
func TestPostgresTellsOtherProcesses(t *testing.T) {
	url := cluster.Database(t)
	one, other := open(t, url), open(t, url)
	<-other.NotificationWake() // it listens
	n := pki.NotificationSubscription{
		Tenant: "t", ID: "n", Key: 1, ChangeType: "created", Resource: "cloudPkiSubscriptions", URL: "https://receiver.example/",
		LatestTLS: "v1_2", Expires: odata.FromTime(time.Now().Add(time.Hour)), RemindAt: odata.Never(),
	}
	if err := one.CreateNotificationSubscription(t.Context(), n, 1, pki.AuditEvent{ID: "e"}); err != nil {
		t.Fatal(err)
	}
	if err := one.CreateSubscription(t.Context(), subscription("a", 0), pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	<-other.NotificationWake()
}
