package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cloudpki/internal/notify"
	"cloudpki/internal/pki"
)

func newNotificationCounter() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cloudpki_notifications_total", Help: "Change notifications delivered and dropped, and attempts to deliver that failed.",
	}, []string{"outcome"})
	for _, outcome := range []string{notify.OutcomeDelivered, notify.OutcomeFailed, notify.OutcomeDropped} {
		c.WithLabelValues(outcome) // so that each is there from the start, as 0
	}
	return c
}

func (m *metrics) notification(outcome string, n int) {
	m.notifications.WithLabelValues(outcome).Add(float64(n))
}

func newAlertCounter() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cloudpki_alerts_total", Help: "Alerts delivered and dropped, and attempts to deliver that failed.",
	}, []string{"sink", "outcome"})
	for _, sink := range []string{notify.SinkWebhook, notify.SinkMail} {
		for _, outcome := range []string{notify.OutcomeDelivered, notify.OutcomeFailed, notify.OutcomeDropped} {
			c.WithLabelValues(sink, outcome)
		}
	}
	return c
}

func (m *metrics) alert(sink, outcome string, n int) {
	m.alerts.WithLabelValues(sink, outcome).Add(float64(n))
}

// outbox collects the notifications that wait when Prometheus asks.
type outbox struct {
	read func(context.Context) (pki.NotificationBacklog, error)
	now  func() time.Time

	subscriptions, queued, oldest *prometheus.Desc
}

func newOutbox(read func(context.Context) (pki.NotificationBacklog, error), now func() time.Time) *outbox {
	return &outbox{
		read: read, now: now,
		subscriptions: prometheus.NewDesc("cloudpki_notification_subscriptions", "Subscriptions to change notifications.", nil, nil),
		queued:        prometheus.NewDesc("cloudpki_notifications_queued", "Change notifications that wait to be delivered.", nil, nil),
		oldest:        prometheus.NewDesc("cloudpki_notification_queue_lag_seconds", "How long the oldest change notification has waited.", nil, nil),
	}
}

// Describe tells Prometheus what there is, as prometheus.Collector asks.
func (o *outbox) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{o.subscriptions, o.queued, o.oldest} {
		to <- d
	}
}

// Collect reads the store once, as prometheus.Collector asks. A store that does
// not answer is told by cloudpki_store_up.
func (o *outbox) Collect(to chan<- prometheus.Metric) {
	ctx, stop := context.WithTimeout(context.Background(), scrapeTimeout)
	defer stop()
	b, err := o.read(ctx)
	if err != nil {
		return
	}
	var lag time.Duration
	if !b.Oldest.IsNever() {
		lag = max(0, o.now().Sub(b.Oldest.Time()))
	}
	for d, v := range map[*prometheus.Desc]float64{
		o.subscriptions: float64(b.Subscriptions), o.queued: float64(b.Queued), o.oldest: lag.Seconds(),
	} {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
}
