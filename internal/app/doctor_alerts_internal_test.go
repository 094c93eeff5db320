package app

import (
	"strings"
	"testing"
	"time"

	"cloudpki/internal/config"
	"cloudpki/internal/odata"
	"cloudpki/internal/store"
)

// What the doctor says of each way out for alerts.
func TestDoctorOnAlerts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	ago := func(days int) odata.DateTimeOffset { return odata.FromTime(now.AddDate(0, 0, -days)) }
	never := odata.Never()
	d := &doctor{cfg: config.Config{Alerts: config.Alerts{WebhookURL: "https://receiver.example"}}, now: func() time.Time { return now }}
	for _, c := range []struct {
		sink store.AlertSink
		want string // status and message; "" for no finding
	}{
		{store.AlertSink{Name: "webhook", Waiting: 1, Oldest: ago(0), Delivered: never, Failed: never, DroppedAt: never}, "ok: 1 wait, none was tried yet"},
		{store.AlertSink{Name: "webhook", Delivered: ago(1), Failed: ago(2), Error: "down", DroppedAt: never}, "ok: delivered the last one at 2026-03-09T12:00:00Z"},
		{store.AlertSink{Name: "webhook", Waiting: 2, Delivered: ago(2), Failed: ago(1), Error: "down", DroppedAt: never}, "warning: the last delivery failed at 2026-03-09T12:00:00Z: down; 2 wait, 0 were given up so far"},
		{store.AlertSink{Name: "webhook", Delivered: ago(1), Failed: ago(2), Dropped: 3, DroppedAt: ago(2)}, "warning: 3 were given up so far, the last at 2026-03-08T12:00:00Z"},
		{store.AlertSink{Name: "webhook", Delivered: ago(1), Failed: ago(9), Dropped: 3, DroppedAt: ago(9)}, "ok: delivered the last one"},
		{store.AlertSink{Name: "smtp", Waiting: 2, Oldest: ago(3), Delivered: ago(4), Failed: never, DroppedAt: never}, "warning: 2 wait for it since 2026-03-07T12:00:00Z, and it is not in the configuration"},
		{store.AlertSink{Name: "smtp", Oldest: never, Delivered: ago(9), Failed: never, Dropped: 2, DroppedAt: ago(1)}, "warning: it is not in the configuration; 2 were given up so far"},
		{store.AlertSink{Name: "smtp", Oldest: never, Delivered: ago(9), Failed: never, Dropped: 2, DroppedAt: ago(8)}, ""},
	} {
		got := ""
		for _, f := range d.alerts([]store.AlertSink{c.sink}) {
			got = string(f.Status) + ": " + f.Message
		}
		if !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%+v: found %q, want %q", c.sink, got, c.want)
		}
	}
}
