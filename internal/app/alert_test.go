package app_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"cloudpki/internal/casim"
)

// TestAlerts: credentials that end soon are told to the webhook, after a
// restart too, while the mail server is down; and not twice.
func TestAlerts(t *testing.T) {
	type event struct {
		ID, Type, Subject string
		Data              struct{ ExpiryStage, DisplayName, Link, ConsoleURL, HelpURL string }
	}
	came := make(chan event, 10)
	hook := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e event
		text, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(text, &e)
		}
		if err != nil || r.Header.Get("webhook-signature") == "" {
			t.Errorf("%v: %s", err, text)
		}
		came <- e
	}))
	t.Cleanup(hook.Close)
	cfg := settings(t)
	cfg.Outbound.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	cfg.Notifications.CAFile = filepath.Join(t.TempDir(), "receiver.pem")
	write(t, cfg.Notifications.CAFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw})), 0o600)
	cfg.Alerts.WebhookURL = hook.URL + "/alerts"
	cfg.Alerts.SMTPAddress, cfg.Alerts.SMTPFrom, cfg.Alerts.SMTPTo = "127.0.0.1:1", "cloudpki@example.com", []string{"ops@example.com"}

	ca, err := casim.New(casim.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	pfx, password, err := ca.IssueRA("admin", 5*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, cfg, nil)
	s.login()("POST", "cloudPkiSubscriptions/x", fmt.Sprintf(`{"displayName":"Device CA","serviceUri":"https://127.0.0.1:1","credentials":{"authenticationCertificate":%q,"authenticationCertificatePassword":%q}}`,
		base64.StdEncoding.EncodeToString(pfx), password), 201)
	restart := func() { // at each start the alerts are looked at
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		s = start(t, cfg, nil)
	}
	restart()
	got := <-came
	if got.Type != "cloudpki.credentialExpiring" || got.Data.ExpiryStage != "days7" || got.Data.DisplayName != "Device CA" {
		t.Errorf("told: %+v", got)
	}
	origin := "https://localhost:8443"
	if got.Data.Link != origin+got.Subject || got.Data.ConsoleURL != origin+"/console/subscriptions/x" || got.Data.HelpURL != origin+"/docs/credentials" {
		t.Errorf("links: %+v", got)
	}
	if code, _ := s.get("/docs/credentials"); code != http.StatusOK {
		t.Errorf("the page answers %d", code)
	}
	console := *s.client
	console.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := console.Get(s.base + "/console/subscriptions/x")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if to := resp.Header.Get("Location"); to != "/console/signin?return=%2Fconsole%2Fsubscriptions%2Fx" {
		t.Errorf("the console answers %s, to %q: it has no such page", resp.Status, to)
	}
	s.login()("GET", got.Subject[len("/beta/"):], "", 200)
	s.awaitFigure(`cloudpki_alerts_total{outcome="failed",sink="smtp"}`)
	restart()
	s.awaitFigure("cloudpki_store_up")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	expect(t, examined(t, cfg), map[string]string{
		"alerts by webhook": "ok: delivered the last one at ", "alerts by smtp": "warning: the last delivery failed at ",
	})
	cfg.Alerts.SMTPAddress = ""
	expect(t, examined(t, cfg), map[string]string{"alerts by smtp": "warning: 1 wait for it since "})
	for len(came) > 0 {
		if e := <-came; e.ID != got.ID {
			t.Errorf("told again: %+v", e)
		}
	}
}
