package app_test

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
)

// Whoever follows the alerts of a tenant by Graph is told of credentials that
// end soon, without a sink of the operator; the notification names the alert,
// which says what to do.
func TestAlertsAreFollowed(t *testing.T) {
	hook := newWebhook(t)
	cfg := settings(t)
	cfg.Outbound.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	cfg.Notifications.CAFile = filepath.Join(t.TempDir(), "receiver.pem")
	write(t, cfg.Notifications.CAFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.server.Certificate().Raw})), 0o600)
	ca, err := casim.New(casim.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	pfx, password, err := ca.IssueRA("admin", 5*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, cfg, nil)
	call := s.login()
	call("POST", "subscriptions", fmt.Sprintf(`{"changeType":"created","notificationUrl":"https://%s/hook","resource":"deviceManagement/alerts","expirationDateTime":%q,"clientState":%q}`,
		hook.addr, time.Now().Add(time.Hour).UTC().Format(time.RFC3339), clientState), 201)
	call("POST", "cloudPkiSubscriptions/x", fmt.Sprintf(`{"displayName":"Device CA","serviceUri":"https://127.0.0.1:1","credentials":{"authenticationCertificate":%q,"authenticationCertificatePassword":%q}}`,
		base64.StdEncoding.EncodeToString(pfx), password), 201)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, cfg, nil) // at each start the alerts are looked at
	told := hook.await(1)[0]
	resource, ok := strings.CutPrefix(told, "created ")
	if !ok {
		t.Fatalf("told: %s", told)
	}
	alert := s.login()("GET", resource, "", 200)
	if alert["kind"] != "credentialExpiring" || alert["subscriptionId"] != "x" || alert["action"] == "" || alert["resolvedDateTime"] != nil {
		t.Errorf("the alert: %v", alert)
	}
	hook.verify(s)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}
