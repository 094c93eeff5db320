package notify_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"cloudpki/internal/notify"
	"cloudpki/internal/provider"
)

func TestDelay(t *testing.T) {
	for _, c := range []struct {
		failures    int
		wish        time.Duration
		least, most time.Duration
	}{
		{1, 0, 800 * time.Millisecond, 1200 * time.Millisecond},
		{2, 0, 1600 * time.Millisecond, 2400 * time.Millisecond},
		{5, 0, 12800 * time.Millisecond, 19200 * time.Millisecond},
		{11, 0, 8 * time.Minute, 12 * time.Minute},
		{1000, 0, 8 * time.Minute, 12 * time.Minute},
		{1, 30 * time.Second, 30 * time.Second, 30 * time.Second},
		{1, 48 * time.Hour, time.Hour, time.Hour},
		{11, time.Second, 8 * time.Minute, 12 * time.Minute},
	} {
		for range 100 {
			if got := notify.Delay(c.failures, c.wish); got < c.least || got > c.most {
				t.Errorf("after %d failures and a wish of %s: %s, want %s to %s", c.failures, c.wish, got, c.least, c.most)
			}
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for field, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "2.5": 0, "99999999999999999999": 0,
		"Mon, 23 Nov 2026 12:01:00 GMT": time.Minute, "Mon, 23 Nov 2026 11:00:00 GMT": 0, "soon": 0,
	} {
		if got := notify.RetryAfter(http.Header{"Retry-After": {field}}, now); got != want {
			t.Errorf("Retry-After %q is %s, want %s", field, got, want)
		}
	}
}

// A receiver that never ends its answer holds nobody longer than its time.
func TestAReceiverHasItsTime(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request, []byte) bool{
		"hangs":    hang(entered, release),
		"trickles": trickle(make(chan struct{})),
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r, nil) }))
			defer server.Close()
			roots := x509.NewCertPool()
			roots.AddCert(server.Certificate())
			sender := notify.NewSender(provider.Dialer([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}).DialContext, roots)
			defer func() { _ = sender.Close() }()
			sender.SetPatience(50 * time.Millisecond)
			refusedWith(t, notify.NewHandshake(sender).Validate(t.Context(), tenantA, server.URL), "Subscription validation request timed out.")
		})
	}
}
