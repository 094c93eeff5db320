package notify_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/notify"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func TestANotificationTellsWhatChanged(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(accept)
	n := w.follow(tenantA, r.server.URL+"/hook?key=1", func(d *pki.NotificationDraft) {
		d.Resource = pki.Given("/deviceManagement/cloudPkiSubscriptions")
	})
	w.create(tenantA, "x")
	s := w.change(tenantA, "x")
	w.remove(tenantA, "x")
	w.deliver("one")
	items := r.take(3)
	if got := story(items); got != "created x;updated x;deleted x;" {
		t.Errorf("told %s", got)
	}
	got := items[1]
	want := item{
		ID: got.ID, SubscriptionID: string(n.ID), SubscriptionExpirationDateTime: n.Expires.String(), ClientState: new("state of " + string(tenantA)),
		ChangeType: "updated", Resource: "deviceManagement/cloudPkiSubscriptions/x", TenantID: string(tenantA),
		ResourceData: map[string]string{
			"@odata.type": "#microsoft.graph.cloudPkiSubscription", "@odata.id": "deviceManagement/cloudPkiSubscriptions/x",
			"@odata.etag": s.ETag(), "id": "x",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notification (-want +got):\n%s", diff)
	}
	if _, tagged := items[2].ResourceData["@odata.etag"]; tagged || items[0].ID == items[1].ID {
		t.Errorf("notifications are %+v", items)
	}
	requests, _ := r.await(func(list []request, _ []item) bool { return len(list) > 0 })
	if q := requests[0]; q.path != "/hook" || q.header.Get("Content-Type") != "application/json; charset=utf-8" || q.header.Get("User-Agent") != "cloudpki" {
		t.Errorf("request is %s %v", q.path, q.header)
	}
}

func TestDeliveriesAreSigned(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(accept)
	w.follow(tenantA, r.server.URL)
	w.create(tenantA, "x")
	w.deliver("one")
	requests, _ := r.await(func(list []request, _ []item) bool { return len(list) > 0 })
	published := httptest.NewRecorder()
	w.signer.ServeHTTP(published, httptest.NewRequest(http.MethodGet, notify.KeysPath, nil))
	var set struct {
		Keys []struct{ Kty, Crv, X, Kid, Use, Alg string }
	}
	if err := json.Unmarshal(published.Body.Bytes(), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("keys are %s: %v", published.Body, err)
	}
	k := set.Keys[0]
	if k.Kty != "OKP" || k.Crv != "Ed25519" || k.Use != "sig" || k.Alg != "EdDSA" || k.Kid == "" {
		t.Errorf("key is %+v", k)
	}
	public, err := base64.RawURLEncoding.DecodeString(k.X)
	if err != nil {
		t.Fatal(err)
	}
	q := requests[0]
	encoded, ok := strings.CutPrefix(q.header.Get("webhook-signature"), "v1a,")
	signature, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !ok {
		t.Fatalf("signature is %q: %v", q.header.Get("webhook-signature"), err)
	}
	signed := q.header.Get("webhook-id") + "." + q.header.Get("webhook-timestamp") + "." + string(q.body)
	if !ed25519.Verify(public, []byte(signed), signature) {
		t.Error("the signature does not verify")
	}
	if ed25519.Verify(public, []byte(signed+" "), signature) {
		t.Error("the signature verifies for another body")
	}
	refused := httptest.NewRecorder()
	w.signer.ServeHTTP(refused, httptest.NewRequest(http.MethodPost, notify.KeysPath, nil))
	if refused.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST of the keys gives %d", refused.Code)
	}
}

// A receiver that is down for a while misses nothing, and can tell a repeated
// delivery by its id.
func TestNothingIsLostWhileAReceiverIsDown(t *testing.T) {
	for _, status := range []int{http.StatusInternalServerError, http.StatusNotFound, http.StatusGone, http.StatusNotModified} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.receiver(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				w.WriteHeader(status)
				return false
			})
			n := w.follow(tenantA, r.server.URL)
			w.create(tenantA, "x")
			stop := w.deliver("one")
			w.await(notify.OutcomeFailed, 1)
			stop()
			w.change(tenantA, "x")
			r.set(accept)
			w.deliver("two")
			if got := story(r.take(2)); got != "created x;updated x;" {
				t.Errorf("told %s", got)
			}
			if w.counts.get(notify.OutcomeFailed) != 1 {
				t.Errorf("%d attempts failed", w.counts.get(notify.OutcomeFailed))
			}
			if page, err := w.notifications.DeadLetters(t.Context(), tenantA, "", n.ID, odata.Query{Top: 9}); err != nil || len(page.Items) != 0 {
				t.Errorf("dead letters are %v, %v", page.Items, err)
			}
		})
	}
}

func TestARepeatedBatchHasTheSameID(t *testing.T) {
	w := newWorld(t)
	tries := 0
	r := w.receiver(nil)
	r.set(func(w http.ResponseWriter, q *http.Request, body []byte) bool {
		if tries++; tries == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		}
		return accept(w, q, body)
	})
	w.follow(tenantA, r.server.URL)
	w.create(tenantA, "x")
	w.deliver("one")
	r.take(1)
	w.change(tenantA, "x")
	r.take(2)
	requests, _ := r.await(func(list []request, _ []item) bool { return len(list) == 3 })
	id := func(i int) string { return requests[i].header.Get("webhook-id") }
	if id(0) != id(1) || id(1) == id(2) || string(requests[0].body) != string(requests[1].body) || requests[0].taken {
		t.Errorf("ids are %s, %s and %s", id(0), id(1), id(2))
	}
}

// What is older than the retention when its delivery fails is given up, can be
// read, and is told of.
func TestWhatIsTooOldIsGivenUp(t *testing.T) {
	w := newWorld(t)
	w.ahead = 5 * time.Hour
	r := w.receiver(func(w http.ResponseWriter, q *http.Request, body []byte) bool {
		if q.URL.Path == "/lifecycle" {
			return accept(w, q, body)
		}
		w.WriteHeader(http.StatusTeapot)
		return false
	})
	n := w.follow(tenantA, r.server.URL, func(d *pki.NotificationDraft) { d.LifecycleURL = pki.Given(r.server.URL + "/lifecycle") })
	w.create(tenantA, "x")
	w.deliver("one")
	items := r.take(1)
	if got := items[0]; got.LifecycleEvent != "missed" || got.SubscriptionID != string(n.ID) || got.Resource != "" || *got.ClientState != "state of "+string(tenantA) {
		t.Errorf("lifecycle notification is %+v", got)
	}
	page, err := w.notifications.DeadLetters(t.Context(), tenantA, "app", n.ID, odata.Query{Top: 9})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("dead letters are %v, %v", page.Items, err)
	}
	if got := page.Items[0]; got.Event != "created" || got.Object != "x" || got.Reason != "the receiver answers HTTP 418" {
		t.Errorf("dead letter is %+v", got)
	}
	if w.counts.get(notify.OutcomeDropped) != 1 {
		t.Errorf("%d were dropped", w.counts.get(notify.OutcomeDropped))
	}
}

func TestTheEndOfASubscriptionIsTold(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(accept)
	n := w.follow(tenantA, r.server.URL, func(d *pki.NotificationDraft) { d.LifecycleURL = pki.Given(r.server.URL + "/lifecycle") })
	w.create(tenantA, "x")
	w.ahead = 99 * time.Hour
	stop := w.deliver("one")
	w.await(notify.OutcomeDelivered, 2)
	stop()
	w.change(tenantA, "x")
	w.ahead = 101 * time.Hour
	w.deliver("two")
	items := r.take(3)
	events := []string{items[0].LifecycleEvent, items[1].LifecycleEvent, items[2].LifecycleEvent}
	slices.Sort(events[:2])
	if diff := cmp.Diff([]string{"", "reauthorizationRequired", "subscriptionRemoved"}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if _, err := w.notifications.Get(t.Context(), tenantA, "", n.ID); pki.CodeOf(err) != pki.CodeNotFound {
		t.Errorf("the subscription is still there: %v", err)
	}
}

// Two processes share the work, and each receiver still gets everything once
// and in order.
func TestTwoProcesses(t *testing.T) {
	w := newWorld(t)
	receivers := []*receiver{w.receiver(accept), w.receiver(accept), w.receiver(accept)}
	for _, r := range receivers {
		w.follow(tenantA, r.server.URL)
	}
	w.create(tenantA, "x")
	stop := w.deliver("one") // alone at first: it takes the other for dead where one process has the store
	w.await(notify.OutcomeDelivered, len(receivers))
	w.deliver("two")
	const changes = 150
	var tags []string
	for range changes {
		s := w.change(tenantA, "x")
		tags = append(tags, s.ETag())
	}
	for _, r := range receivers {
		items := r.take(1 + changes)
		for i, want := range tags {
			if got := items[1+i].ResourceData["@odata.etag"]; got != want {
				t.Fatalf("notification %d tells %s, want %s", i, got, want)
			}
		}
	}
	stop()
}

// A slowQueue is a store that takes its time for the first delivery.
type slowQueue struct {
	notify.Queue

	delay   func()
	settled chan pki.Settlement
}

func (q *slowQueue) TakeDeliveries(ctx context.Context, owner string, now, until odata.DateTimeOffset, poor bool, limit, perTenant int) ([]pki.Delivery, error) {
	list, err := q.Queue.TakeDeliveries(ctx, owner, now, until, poor, limit, perTenant)
	if len(list) > 0 && q.delay != nil {
		q.delay()
		q.delay = nil
	}
	return list, err
}

func (q *slowQueue) SettleDelivery(ctx context.Context, l pki.ReceiverLease, s pki.Settlement) error {
	err := q.Queue.SettleDelivery(ctx, l, s)
	q.settled <- s
	return err
}

// What another worker may have taken by the time it arrives is not sent. The
// receiver is not blamed for that.
func TestADeliveryThatMayOutlastItsLeaseIsNotBegun(t *testing.T) {
	w := newWorld(t)
	q := &slowQueue{Queue: w.store, delay: func() { w.ahead += 15 * time.Second }, settled: make(chan pki.Settlement, 2)}
	w.queue = q
	r := w.receiver(accept)
	w.follow(tenantA, r.server.URL)
	w.create(tenantA, "x")
	w.deliver("one")
	r.take(1)
	w.await(notify.OutcomeDelivered, 1)
	if len(q.settled) != 2 {
		t.Fatal("the late delivery was made")
	}
	late, then := <-q.settled, <-q.settled
	if len(late.Delivered) != 0 || late.Failures != 0 || late.Poor || len(then.Delivered) != 1 {
		t.Errorf("the late delivery ended as %+v, the next as %+v", late, then)
	}
	if n := w.counts.get(notify.OutcomeFailed); n != 0 {
		t.Errorf("%d attempts failed", n)
	}
}

// A busyQueue has more to tend for a while.
type busyQueue struct {
	notify.Queue

	rounds int
	tended chan struct{}
}

func (q *busyQueue) TendNotifications(ctx context.Context, now, forget odata.DateTimeOffset, limit int) (bool, error) {
	more, err := q.Queue.TendNotifications(ctx, now, forget, limit)
	if q.rounds--; q.rounds == 0 {
		close(q.tended)
	}
	return more || q.rounds > 0, err
}

// What a deleted subscription has left is removed without a pause.
func TestTendingGoesOnUntilItIsDone(t *testing.T) {
	w := newWorld(t)
	q := &busyQueue{Queue: w.store, rounds: 100, tended: make(chan struct{})}
	w.queue = q
	w.deliver("one")
	select {
	case <-q.tended:
	case <-time.After(time.Minute):
		t.Error("it rests although there is more")
	}
}
