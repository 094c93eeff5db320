package app_test

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"cloudpki/internal/app"
	"cloudpki/internal/config"
	"cloudpki/internal/secret"
)

// A person signs in to the console with the embedded issuer's password, without
// any setting for the console; another by the link that was asked for at the
// start.
func TestConsole(t *testing.T) {
	cfg := settings(t)
	cfg.Listen.PublicOrigin = ""
	hash, err := secret.HashPassword(secret.NewString("a password"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Issuer.Users = []config.User{{
		Name: "ada", DisplayName: "Ada", Tenant: cfg.Issuer.Clients[0].Tenant, PasswordHash: config.PasswordHash(hash.String()),
		Scopes: []string{"DeviceManagementConfiguration.Read.All"},
	}}
	cfg.Alerts.WebhookURL = "https://192.0.2.1/CANARY"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started, ended := make(chan app.Running, 1), make(chan error, 1)
	go func() {
		ended <- app.Run(ctx, cfg, app.Options{LinkFor: "ada", Started: func(r app.Running) { started <- r }})
	}()
	var r app.Running
	select {
	case err := <-ended:
		t.Fatal(err)
	case r = <-started:
	}
	person := trusting(t, r.CAFile)
	signIn := visit(t, person, http.MethodGet, r.Origin+"/", nil)
	m := regexp.MustCompile(`name="flow" value="([^"]*)"`).FindStringSubmatch(signIn)
	if m == nil {
		t.Fatalf("no page to sign in: %s", signIn)
	}
	address := r.Origin + "/" + cfg.Issuer.Clients[0].Tenant + "/oauth2/v2.0/signin"
	home := visit(t, person, http.MethodPost, address, url.Values{"flow": {html.UnescapeString(m[1])}, "username": {"ada"}, "password": {"a password"}})
	if !strings.Contains(home, "<h1>Overview</h1>") || !strings.Contains(home, "Ada (may read)") {
		t.Errorf("after the sign-in: %s", home)
	}
	facts := visit(t, person, http.MethodGet, r.Origin+"/console/settings", nil)
	for _, want := range []string{"<dd>(devel)</dd>", "<dd>" + r.Origin + "/beta</dd>", "<dd>every 6 hours</dd>", "webhook", "vault"} {
		if !strings.Contains(facts, want) {
			t.Errorf("the settings lack %q: %s", want, facts)
		}
	}
	if strings.Contains(facts, "CANARY") {
		t.Errorf("the settings tell a secret: %s", facts)
	}
	other := trusting(t, r.CAFile)
	if home := visit(t, other, http.MethodPost, r.ConsoleLink, url.Values{}); !strings.Contains(home, "<h1>Overview</h1>") {
		t.Errorf("by the link: %s", home)
	}
	person.CloseIdleConnections()
	other.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// visit returns the page that a browser arrives at.
func visit(t *testing.T, client *http.Client, method, address string, form url.Values) string {
	t.Helper()
	if client.Jar == nil {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		client.Jar = jar
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// Nobody is given a link who is no user.
func TestConsoleLinkForNobody(t *testing.T) {
	if err := app.Run(t.Context(), settings(t), app.Options{LinkFor: "eve"}); err == nil || !strings.Contains(err.Error(), "issuer.users") {
		t.Errorf("err = %v", err)
	}
}
