package notify

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"cloudpki/internal/pki"
)

// send makes one attempt. Every status of 2xx is the receiver's word that it has
// the batch. Its error tells the class of the fault, or is errLate where it is
// after latest.
func (d *Deliverer) send(ctx context.Context, v *pki.Delivery, latest time.Time) error {
	state, err := d.ClientState(ctx, &v.Subscription)
	if err != nil {
		d.Log.Error("notifications: clientState does not open", "subscription", string(v.Subscription.ID), "error", err)
		return &failure{text: "the clientState does not open", cause: err}
	}
	body, err := payload(v, state)
	if err != nil {
		return &failure{text: "the notification cannot be written", cause: err}
	}
	now := d.Now()
	if now.After(latest) {
		return errLate
	}
	id := messageID(v)
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	d.Signer.sign(header, id, now, body)
	return d.Sender.post(ctx, v.Address(), header, body, func(resp *http.Response) error {
		if resp.StatusCode >= 200 && resp.StatusCode < 300 {
			return nil
		}
		return &failure{text: "the receiver answers HTTP " + strconv.Itoa(resp.StatusCode), wish: retryAfter(resp.Header, now)}
	})
}
