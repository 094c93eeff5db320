package app

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cloudpki/internal/pki"
)

// metrics are the figures for Prometheus. Labels hold neither tenants nor ids:
// whoever may scrape must not learn who is served.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	syncs    *prometheus.CounterVec
	probes   *prometheus.CounterVec
	syncTime *prometheus.HistogramVec

	notifications *prometheus.CounterVec
	alerts        *prometheus.CounterVec
}

func newMetrics(q *queue, o *outbox) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cloudpki_http_request_duration_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "status"}),
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cloudpki_syncs_total", Help: "Ended syncs; code is empty for success.",
		}, []string{"provider", "outcome", "code"}),
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cloudpki_credential_probes_total", Help: "Ended proofs of credentials between syncs; code is empty for success.",
		}, []string{"provider", "outcome", "code"}),
		syncTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cloudpki_sync_duration_seconds", Help: "Time from the begin of a sync to its end.",
			Buckets: []float64{.1, .5, 1, 5, 15, 60, 300, 900, 1800, 3600},
		}, []string{"provider", "outcome"}),
		notifications: newNotificationCounter(),
		alerts:        newAlertCounter(),
	}
	m.registry.MustRegister(m.requests, m.syncs, m.probes, m.syncTime, m.notifications, m.alerts, q, o,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

func (m *metrics) request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

func (m *metrics) sync(o pki.SyncOutcome) {
	outcome := "succeeded"
	if o.Code != "" {
		outcome = "failed"
	}
	if o.Probe {
		m.probes.WithLabelValues(o.Provider, outcome, string(o.Code)).Inc()
		return
	}
	m.syncs.WithLabelValues(o.Provider, outcome, string(o.Code)).Inc()
	m.syncTime.WithLabelValues(o.Provider, outcome).Observe(o.Duration.Seconds())
}

// queue collects the backlog when Prometheus asks.
type queue struct {
	read func(ctx context.Context) (pki.Backlog, error)
	now  func() time.Time

	subscriptions, due, lag, expiring, first, left, root, up *prometheus.Desc
}

// scrapeTimeout bounds the look into the store for one scrape.
const scrapeTimeout = 5 * time.Second

func newQueue(read func(context.Context) (pki.Backlog, error), now func() time.Time) *queue {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &queue{
		read: read, now: now,
		subscriptions: describe("cloudpki_subscriptions", "Subscriptions in the store."),
		due:           describe("cloudpki_syncs_due", "Subscriptions that are due and not taken up yet."),
		lag:           describe("cloudpki_sync_queue_lag_seconds", "How long the longest due subscription has waited."),
		expiring:      describe("cloudpki_credentials_expiring", "Subscriptions whose credentials (client certificate or API token) end within so many days and not within fewer; 0 counts those that have ended.", "days"),
		first:         describe("cloudpki_credential_first_expiry_timestamp_seconds", "Earliest end of a subscription's credentials; absent where none is known."),
		left:          describe("cloudpki_credential_first_expiry_seconds", "Time until the earliest end of a subscription's credentials, negative once it has come; absent where none is known."),
		root:          describe("cloudpki_root_first_expiry_seconds", "Time until the earliest end of a trusted or retiring root, negative once it has come; absent where there is none."),
		up:            describe("cloudpki_store_up", "Whether the store answered this scrape."),
	}
}

// Describe tells Prometheus what there is, as prometheus.Collector asks.
func (q *queue) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{q.subscriptions, q.due, q.lag, q.expiring, q.first, q.left, q.root, q.up} {
		to <- d
	}
}

// Collect reads the store once, as prometheus.Collector asks.
func (q *queue) Collect(to chan<- prometheus.Metric) {
	ctx, stop := context.WithTimeout(context.Background(), scrapeTimeout)
	defer stop()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	b, err := q.read(ctx)
	if err != nil {
		gauge(q.up, 0)
		return
	}
	gauge(q.up, 1)
	gauge(q.subscriptions, float64(b.Subscriptions))
	gauge(q.due, float64(b.Due))
	var lag time.Duration
	if !b.OldestDue.IsNever() {
		lag = max(0, q.now().Sub(b.OldestDue.Time()))
	}
	gauge(q.lag, lag.Seconds())
	for _, e := range b.Expiring {
		gauge(q.expiring, float64(e.Count), strconv.Itoa(e.Days))
	}
	if !b.FirstExpiry.IsNever() {
		gauge(q.first, float64(b.FirstExpiry.Time().Unix()))
		gauge(q.left, b.FirstExpiry.Time().Sub(q.now()).Seconds())
	}
	if !b.FirstRootExpiry.IsNever() {
		gauge(q.root, b.FirstRootExpiry.Time().Sub(q.now()).Seconds())
	}
}
