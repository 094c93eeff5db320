package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"cloudpki/internal/pki"
)

// SinkWebhook is the name of the webhook among the sinks of alerts.
const SinkWebhook = "webhook"

// A WebhookSink posts alerts as CloudEvents 1.0 in structured mode (CloudEvents
// HTTP Protocol Binding, 3.2), signed as notifications are. The signature's
// webhook-id is the id of the event.
type WebhookSink struct {
	Sender *Sender
	Signer *Signer
	URL    string // https
	Origin string // of this service
	Now    func() time.Time
}

// Name is part of AlertSink.
func (*WebhookSink) Name() string { return SinkWebhook }

// Deliver is part of AlertSink. Every status of 2xx says that the alert was taken.
func (s *WebhookSink) Deliver(ctx context.Context, a *pki.Alert) error {
	body, err := json.Marshal(newCloudEvent(s.Origin, a))
	if err != nil {
		return &failure{text: "the alert cannot be written", cause: err}
	}
	now := s.Now()
	header := http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}
	s.Signer.sign(header, string(a.ID), now, string(body))
	return s.Sender.post(ctx, s.URL, header, string(body), func(resp *http.Response) error {
		if resp.StatusCode >= 200 && resp.StatusCode < 300 {
			return nil
		}
		return &failure{text: "the receiver answers HTTP " + strconv.Itoa(resp.StatusCode), wish: retryAfter(resp.Header, now)}
	})
}

// A cloudEvent is an alert in the JSON Event Format of CloudEvents 1.0.
type cloudEvent struct {
	SpecVersion string         `json:"specversion"`
	ID          pki.ID         `json:"id"`
	Source      string         `json:"source"`
	Type        string         `json:"type"`
	Subject     string         `json:"subject"`
	Time        string         `json:"time"`
	ContentType string         `json:"datacontenttype"`
	Data        cloudEventData `json:"data"`
}

type cloudEventData struct {
	Tenant       pki.TenantID `json:"tenantId"`
	Subscription pki.ID       `json:"subscriptionId"`
	Name         string       `json:"displayName"`
	Authority    pki.ID       `json:"certificateAuthorityId,omitempty"`
	Stage        string       `json:"expiryStage,omitempty"`
	Ends         time.Time    `json:"expirationDateTime,omitzero"`
	Count        int64        `json:"certificateCount,omitempty"`
	Severity     string       `json:"severity"`
	Title        string       `json:"title"`
	Detail       string       `json:"detail"`
	Action       string       `json:"action"`
	Link         string       `json:"link"`
	Console      string       `json:"consoleUrl"`
	Help         string       `json:"helpUrl"`
}

func newCloudEvent(origin string, a *pki.Alert) cloudEvent {
	return cloudEvent{
		SpecVersion: "1.0", ID: a.ID, Source: origin, Type: "cloudpki." + string(a.Kind), Subject: a.Path,
		Time: a.At.UTC().Format(time.RFC3339Nano), ContentType: "application/json",
		Data: cloudEventData{
			Tenant: a.Tenant, Subscription: a.Subscription, Name: a.Name, Authority: a.Object, Stage: a.Stage,
			Ends: a.Ends, Count: a.Count, Severity: a.Severity.String(), Title: a.Title, Detail: a.Detail, Action: a.Action,
			Link: origin + a.Path, Console: origin + a.Console, Help: origin + a.Page,
		},
	}
}
