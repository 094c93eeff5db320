package dev

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"cloudpki/internal/graph"
)

// poll is how often a run is looked at; firstSync is the longest that one of
// the CAs on this machine may take.
const (
	poll      = 100 * time.Millisecond
	firstSync = 2 * time.Minute
)

// mainJob is what the product is for, through the public API with a real
// token: create a subscription, wait for its first sync, and report.
func (s *session) mainJob(ctx context.Context) error {
	api, err := s.client()
	if err != nil {
		return err
	}
	failed := false
	for _, src := range s.sources {
		id, run, err := s.subscribe(ctx, api, src)
		if err != nil {
			return fmt.Errorf("subscribe to %s: %w", src.name, err)
		}
		ended, err := s.follow(ctx, api, id, run)
		if err != nil {
			return fmt.Errorf("follow the sync of %s: %w", src.name, err)
		}
		if err := s.report(ctx, api, src, id, ended); err != nil {
			return fmt.Errorf("report on %s: %w", src.name, err)
		}
		failed = failed || ended.Status != "succeeded"
	}
	s.printCommands()
	if failed {
		return ErrSyncFailed
	}
	return nil
}

// client returns a client of the API that trusts the service's CA and logs in
// as the admin of dev.json.
func (s *session) client() (*graph.Client, error) {
	text, err := os.ReadFile(s.connection.CA)
	if err != nil {
		return nil, fmt.Errorf("read the CA of the service: %w", err)
	}
	client, err := trusting(text)
	if err != nil {
		return nil, err
	}
	s.closeIdle = client.CloseIdleConnections
	tokens := &graph.TokenSource{
		URL:      s.connection.Authority + "/" + s.connection.Tenant + "/oauth2/v2.0/token",
		ClientID: s.connection.ClientID, Secret: func() []byte { return []byte(s.connection.ClientSecret) },
		Scope: s.running.Origin + "/.default", HTTP: client, Now: time.Now,
	}
	return &graph.Client{Origin: s.running.Origin, Token: tokens.Token, HTTP: client}, nil
}

// subscribe creates the subscription of a source, or syncs the one that an
// earlier start has made, and returns its id and the run to follow.
func (s *session) subscribe(ctx context.Context, api *graph.Client, src source) (id, run string, err error) {
	id = s.state.Subscriptions[src.key]
	if id != "" {
		run, err = s.resume(ctx, api, src, id)
		var refused *graph.ResponseError
		if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
			return id, run, err
		}
		// Its database is another one, or it was deleted: begin anew.
	}
	s.out.step("Creating a subscription to %s", src.login())
	created, err := api.CreateSubscription(ctx, "", src.draft())
	if err != nil {
		return "", "", err
	}
	s.state.Subscriptions[src.key] = created.ID
	if err := s.state.save(s.Data); err != nil {
		return "", "", err
	}
	for first, err := range api.Runs(ctx, created.ID, graph.ListOptions{Top: 1}) {
		return created.ID, first.ID, err
	}
	return "", "", errors.New("the service made no first run")
}

// resume gives an existing subscription the CA's address and a fresh RA
// certificate, which starts a sync.
func (s *session) resume(ctx context.Context, api *graph.Client, src source, id string) (string, error) {
	s.out.step("Updating the subscription to %s", src.login())
	before, err := api.Subscription(ctx, id)
	if err != nil {
		return "", err
	}
	if _, err := api.UpdateSubscription(ctx, id, before.ETag, src.draft()); err != nil {
		return "", err
	}
	return api.Sync(ctx, id)
}

// login names a source with how the service logs in there.
func (src source) login() string {
	if src.pfx == nil {
		return src.name
	}
	return src.name + " with a fresh RA certificate"
}

// draft is the body of a create or an update.
func (src source) draft() map[string]any {
	d := map[string]any{
		"@odata.type":      "#microsoft.graph.cloudPkiSubscription",
		"cloudPkiProvider": src.provider,
		"displayName":      src.name,
		"description":      "Made by cloudpki dev",
		"serviceUri":       src.uri,
	}
	if src.serverCA != nil {
		d["serverCertificateAuthorities"] = src.serverCA
	}
	if src.pfx != nil {
		d["credentials"] = map[string]any{
			"adminUserName":                     "dev",
			"authenticationCertificate":         src.pfx,
			"authenticationCertificatePassword": src.password,
		}
	}
	var settings []map[string]string
	for name, value := range src.settings {
		settings = append(settings, map[string]string{"name": name, "value": value})
	}
	if settings != nil {
		d["providerSettings"] = settings
	}
	return d
}

// follow shows a run as it goes until it has ended.
func (s *session) follow(ctx context.Context, api *graph.Client, id, run string) (graph.Run, error) {
	ctx, stop := context.WithTimeout(ctx, firstSync)
	defer stop()
	shown := ""
	for {
		r, err := api.Run(ctx, id, run)
		if err != nil {
			return r, err
		}
		if n := len(r.Stages); n > 0 && r.Stages[n-1].Name != shown {
			shown = r.Stages[n-1].Name
			s.out.step("Syncing: %s", shown)
		}
		if r.IsOver() {
			return r, nil
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(poll):
		}
	}
}

func (s *session) report(ctx context.Context, api *graph.Client, src source, id string, run graph.Run) error {
	sub, err := api.Subscription(ctx, id, "id", "syncStatus", "lastSyncError", "trustedRootCertificate", "credentialInfo", "nextSyncDateTime")
	if err != nil {
		return err
	}
	s.out.heading(src.name)
	if sub.SyncStatus == "succeeded" {
		s.out.good("syncStatus     succeeded")
	} else {
		s.out.bad("syncStatus     %s", sub.SyncStatus)
	}
	s.out.field("id", "%s", sub.ID)
	if sub.LastError != nil {
		s.out.field("lastSyncError", "%s", *sub.LastError)
	}
	if root, err := x509.ParseCertificate(sub.TrustedRoot); err == nil {
		sum := sha256.Sum256(root.Raw)
		s.out.field("root", "%s, valid until %s", root.Subject, root.NotAfter.Format(time.DateOnly))
		s.out.field("thumbprint", "SHA-256 %s", hex.EncodeToString(sum[:]))
	}
	s.out.field("certificates", "%d found: %d new, %d changed, %d unchanged, %d skipped; %d became revoked",
		run.Found, run.New, run.Changed, run.Unchanged, run.Skipped, run.Revoked)
	if sub.Info != nil && sub.Info.NotAfter != nil {
		s.out.field("RA certificate", "valid until %s", sub.Info.NotAfter.Format(time.DateOnly))
	}
	if sub.NextSync != nil {
		s.out.field("next sync", "%s", sub.NextSync.Local().Format("2006-01-02 15:04 MST"))
	}
	return nil
}

// printConsole tells how to sign in to the console.
func (s *session) printConsole() {
	s.out.heading("Console")
	s.out.line("  %s", s.running.ConsoleLink)
	s.out.line("  signs %s in, once, within ten minutes; after that %s asks for the password in %s", userName, s.running.Origin, passwordFile(s.Data))
}

// printCommands prints what an engineer can paste.
func (s *session) printCommands() {
	c := s.connection
	set := c.BaseURL + "/deviceManagement/cloudPkiSubscriptions"
	if !s.Once {
		s.printConsole()
	}
	s.out.heading("Try it")
	s.out.line("  # a token (the secret is read from %s)", filepath.Join(s.Data, connectionFile))
	s.out.line("  export CA=%s", c.CA)
	s.out.line("  export TOKEN=$(curl -sS --cacert $CA %s/%s/oauth2/v2.0/token -d grant_type=client_credentials -d client_id=%s --data-urlencode client_secret@%s -d scope=%s/.default | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')",
		c.Authority, c.Tenant, c.ClientID, s.state.Clients[0].secretFile(s.Data), s.running.Origin)
	s.out.line("  # sign in as a person: %s, with the password in %s", userName, passwordFile(s.Data))
	s.out.line("  %s login --device --connection %s", s.Program, filepath.Join(s.Data, connectionFile))
	s.out.line("  # the documentation's own example, and the list")
	s.out.line("  curl -sS -w '\\n' --cacert $CA -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' %s -d @%s", c.BaseURL+"/cloudPkiSubscriptions/%7Bid%7D", filepath.Join(s.Data, exampleFile))
	s.out.line("  curl -sS -w '\\n' --cacert $CA -H \"Authorization: Bearer $TOKEN\" '%s?$select=id,displayName,syncStatus,lastSyncError'", set)
	if id := s.state.Subscriptions[simulated]; id != "" {
		s.out.line("  # a sync now; the answer's Location is its run")
		s.out.line("  curl -sS -w '\\n' --cacert $CA -H \"Authorization: Bearer $TOKEN\" -X POST -i %s/%s/sync", set, id)
	}
}
