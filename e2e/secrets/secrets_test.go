// Package secrets plants secrets in the running program and looks for them
// everywhere: in every answer after the 201, in the log at its most talkative,
// in the database with its write-ahead log, and in every other file.
package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cloudpki/e2e/program"
	"cloudpki/internal/casim"
)

// A canary is one planted secret.
type canary struct{ name, text string }

// plant returns the three secrets of a subscription.
func plant(round string) []canary {
	var out []canary
	for _, name := range []string{"adminPassword", "authenticationCertificate", "authenticationCertificatePassword"} {
		out = append(out, canary{name, "canary+" + round + "/" + name + "~0f8d11c2"})
	}
	return out
}

// spellings returns the forms in which a secret could lie about.
func (c canary) spellings() map[string][]byte {
	raw := []byte(c.text)
	return map[string][]byte{
		"plain":        raw,
		"base64":       []byte(base64.StdEncoding.EncodeToString(raw)),
		"base64url":    []byte(base64.RawURLEncoding.EncodeToString(raw)),
		"hex":          []byte(hex.EncodeToString(raw)),
		"URL-escaped":  []byte(url.QueryEscape(c.text)),
		"JSON-escaped": bytes.ReplaceAll(raw, []byte("/"), []byte(`\/`)),
		"byte values":  fmt.Appendf(nil, "%v", raw),
	}
}

func search(t *testing.T, where string, text []byte, planted []canary) {
	t.Helper()
	for _, c := range planted {
		for spelling, form := range c.spellings() {
			if bytes.Contains(text, form) {
				t.Errorf("%s holds %s (%s)", where, c.name, spelling)
			}
		}
	}
}

func body(t *testing.T, planted []canary, more map[string]any) []byte {
	t.Helper()
	credentials := map[string]any{"adminUserName": "ops"}
	for _, c := range planted {
		credentials[c.name] = c.text
		if c.name == "authenticationCertificate" {
			credentials[c.name] = []byte(c.text)
		}
	}
	draft := map[string]any{"credentials": credentials}
	for k, v := range more {
		draft[k] = v
	}
	text, err := json.Marshal(draft)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSecretsStayInside(t *testing.T) {
	binary := program.Build(t, "../..")
	program.EachEngine(t, func(t *testing.T, database string) { stayInside(t, binary, database) })
}

func stayInside(t *testing.T, binary, database string) {
	data := t.TempDir()
	connection := program.Prepare(t, binary, data, database)
	receiver := newReceiver(t)
	service := program.Serve(t, binary, data, connection, "CLOUDPKI_LOG_LEVEL=debug", "CLOUDPKI_NOTIFICATIONS_CA_FILE="+receiver.caFile)
	t.Cleanup(func() { program.Kill(service) })

	w := witness{t: t, api: connection.Login(t), planted: append(append(plant("first"), plant("second")...), state(), devicePassword(), basic())}
	w.follow(receiver)
	w.startCA()
	w.liveOneLife()
	w.enrolDevices(connection.Authority)
	w.everyProvider()
	w.metrics(connection)
	program.Kill(service) // the write-ahead log stays as it is
	text, err := os.ReadFile(filepath.Join(data, "log"))
	if err != nil || len(text) == 0 {
		t.Fatalf("no log was written: %v", err)
	}
	searchFiles(t, data, w.planted)
	if database != "" {
		dump, err := exec.CommandContext(t.Context(), "pg_dump", "--dbname", database).Output()
		if err != nil || !bytes.Contains(dump, []byte("CREATE TABLE")) {
			t.Fatalf("pg_dump: %v", err)
		}
		search(t, "the database", dump, w.planted)
	}
}

// A witness calls the API and looks through every answer.
type witness struct {
	t       *testing.T
	api     program.API
	planted []canary
	ca      *casim.CA
	uri     string
}

func (w witness) call(method, address string, body []byte) program.Answer {
	w.t.Helper()
	got, err := w.api.Do(w.t.Context(), method, address, body)
	if err != nil {
		w.t.Fatal(err)
	}
	search(w.t, method+" "+address, got.Body, w.planted)
	for name, values := range got.Header {
		search(w.t, "header "+name+" of "+method+" "+address, []byte(fmt.Sprint(values)), w.planted)
	}
	return got
}

// liveOneLife creates a subscription with secrets, reads, searches, changes,
// breaks, syncs and deletes.
func (w witness) liveOneLife() {
	first, second := plant("first"), plant("second")
	w.useRealCredentials()
	created := w.api.Must(w.t, http.MethodPost, "/cloudPkiSubscriptions", body(w.t, first, map[string]any{
		"cloudPkiProvider": "symantec", "displayName": "canaries", "serviceUri": "https://127.0.0.1:1/pki-ws/",
	}), http.StatusCreated)
	var object struct{ ID string }
	if err := created.Into(&object); err != nil || !bytes.Contains(created.Body, []byte(first[0].text)) {
		w.t.Fatalf("the 201 does not give back what was sent: %v %s", err, created.Body)
	}
	one := "/deviceManagement/cloudPkiSubscriptions/" + object.ID
	last := w.awaitFailure(one, "")
	for _, address := range []string{
		one, one + "?$select=credentials,credentialInfo", one + "/syncRuns", "/cloudPkiSubscriptions?$count=true",
		"/deviceManagement/auditEvents", "/cloudPkiSubscriptions?$search=ops", "/$metadata",
		"/cloudPkiSubscriptions?$filter=" + url.QueryEscape("credentials/adminPassword eq 'x'"),
		"/cloudPkiSubscriptions?$orderby=credentials/adminPassword", "/cloudPkiSubscriptions?$select=credentials/adminPassword",
	} {
		w.call(http.MethodGet, address, nil)
	}
	w.call(http.MethodPatch, one, body(w.t, second, nil))
	last = w.awaitFailure(one, last)
	w.badRequests(one, second)
	w.exchangeSlots(one, first)
	w.call(http.MethodPost, one+"/sync", nil)
	w.awaitFailure(one, last)
	read := w.call(http.MethodGet, one, nil)
	w.call(http.MethodPatch, one, read.Body)

	doomed := w.api.Must(w.t, http.MethodPost, "/cloudPkiSubscriptions", body(w.t, second, map[string]any{"displayName": "doomed"}), http.StatusCreated)
	if err := doomed.Into(&object); err != nil {
		w.t.Fatal(err)
	}
	w.call(http.MethodDelete, "/cloudPkiSubscriptions/"+object.ID, nil)
	w.call(http.MethodGet, "/cloudPkiSubscriptions/"+object.ID, nil)
}

// exchangeSlots has secrets go through every slot, and through tests.
func (w witness) exchangeSlots(one string, planted []canary) {
	draft := body(w.t, planted, nil)
	for _, c := range []struct {
		action string
		body   []byte
		want   int
	}{
		{"testConnection", nil, http.StatusOK},
		{"testConnection", draft, http.StatusOK},
		{"stageCredentials", draft, http.StatusOK},
		{"testConnection", []byte(`{"slot":"staged"}`), http.StatusOK},
		{"promoteCredentials", nil, http.StatusConflict},
		{"promoteCredentials", []byte(`{"force":true}`), http.StatusNoContent},
		{"rollbackCredentials", nil, http.StatusNoContent},
		{"stageCredentials", draft, http.StatusOK},
	} {
		if got := w.call(http.MethodPost, one+"/"+c.action, c.body); got.Status != c.want {
			w.t.Errorf("%s: %d, want %d: %s", c.action, got.Status, c.want, got.Body)
		}
		w.call(http.MethodGet, one+"?$select=credentials,credentialInfo", nil)
	}
	w.call(http.MethodPost, "/cloudPkiSubscriptions/testConnection", draft)
}

// badRequests sends the secrets in bodies that are refused.
func (w witness) badRequests(one string, planted []canary) {
	good := body(w.t, planted, nil)
	for name, text := range map[string][]byte{
		"cut short":        good[:len(good)-1],
		"trailing data":    append(bytes.Clone(good), good...),
		"wrong type":       []byte(`{"credentials":{"adminPassword":["` + planted[0].text + `"]}}`),
		"wrong base64":     []byte(`{"credentials":{"authenticationCertificate":"` + planted[1].text + `"}}`),
		"unknown member":   []byte(`{"credentials":{"adminPassword":"` + planted[0].text + `","password":"` + planted[2].text + `"}}`),
		"duplicate member": []byte(`{"credentials":{"adminPassword":"` + planted[0].text + `","adminPassword":"` + planted[0].text + `"}}`),
	} {
		if got := w.call(http.MethodPatch, one, text); got.Status != http.StatusBadRequest {
			w.t.Errorf("%s: %d, want 400: %s", name, got.Status, got.Body)
		}
	}
}

// awaitFailure waits for a sync that ended after the time before, checks that
// it failed, and returns its time.
func (w witness) awaitFailure(one, before string) string {
	status, at := w.awaitSync(one, before)
	if status != "failed" {
		w.t.Fatalf("useless credentials gave %s", status)
	}
	return at
}

func (w witness) awaitSync(one, before string) (status, at string) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		got := w.call(http.MethodGet, one+"?$select=syncStatus,lastSyncError,lastSyncDateTime", nil)
		var read struct{ SyncStatus, LastSyncDateTime string }
		if err := got.Into(&read); err != nil {
			w.t.Fatal(err)
		}
		if read.SyncStatus != "unKnown" && read.LastSyncDateTime != before {
			return read.SyncStatus, read.LastSyncDateTime
		}
	}
	w.t.Fatal("no sync ended")
	return "", ""
}

// useRealCredentials has a sync succeed, so that secrets go all the way to a
// CA, and then fail at a CA that misbehaves.
func (w witness) useRealCredentials() {
	created := w.api.Must(w.t, http.MethodPost, "/cloudPkiSubscriptions", body(w.t, w.planted[len(w.planted)-3:], map[string]any{
		"cloudPkiProvider": "symantec", "displayName": "real", "serviceUri": w.uri, "serverCertificateAuthorities": w.ca.ServerCAs(),
	}), http.StatusCreated)
	var object struct{ ID string }
	if err := created.Into(&object); err != nil {
		w.t.Fatal(err)
	}
	one := "/cloudPkiSubscriptions/" + object.ID
	status, last := w.awaitSync(one, "")
	if status != "succeeded" {
		w.t.Fatalf("real credentials gave %s", status)
	}
	for _, fault := range []string{"soap-fault", "login-page", "unauthorized"} {
		f, ok := casim.ByName(fault)
		if !ok {
			w.t.Fatalf("no fault %s", fault)
		}
		w.ca.Misbehave(f)
		w.call(http.MethodPost, one+"/sync", nil)
		last = w.awaitFailure(one, last)
		w.call(http.MethodGet, one+"/syncRuns", nil)
	}
}

// startCA starts a simulated CA and returns its RA certificate as canaries.
func (w *witness) startCA() {
	ca, err := casim.New(casim.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	server, err := ca.Start(w.t.Context(), "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = server.Close() })
	pfx, password, err := ca.IssueRA("canary", time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ca, w.uri = ca, server.URL
	w.planted = append(w.planted, canary{"adminPassword", "canary of a real account 77b1"},
		canary{"authenticationCertificate", string(pfx)}, canary{"authenticationCertificatePassword", password})
}

// searchFiles looks through every file of the data directory.
func searchFiles(t *testing.T, dir string, planted []canary) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		search(t, path, text, planted)
		return nil
	})
	if err != nil || files < 5 {
		t.Fatalf("%d files searched: %v", files, err)
	}
}
