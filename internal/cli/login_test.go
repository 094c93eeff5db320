package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/secret"
)

// A spoken writer hands out what is written to it as a whole.
type spoken struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines int           // to wait for
	has   chan struct{} // closed once they are there
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := bytes.Count(s.text.Bytes(), []byte("\n"))
	n, err := s.text.Write(p)
	if before < s.lines && bytes.Count(s.text.Bytes(), []byte("\n")) >= s.lines {
		close(s.has)
	}
	return n, err
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// TestLogin signs in to the real service as a person does, with a browser.
func TestLogin(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	home := t.TempDir()
	said := &spoken{has: make(chan struct{}), lines: 1}
	login := &program{
		in: strings.NewReader(""), out: io.Discard, err: said, now: time.Now,
		environ: []string{"HOME=" + home, "CLOUDPKI_CONNECTION=" + filepath.Join(s.data, "dev.json")},
	}
	done := make(chan int, 1)
	go func() { done <- login.run(t.Context(), []string{"login", "--device"}) }()
	<-said.has
	line := regexp.MustCompile(`open (https://\S+) in a browser and enter the code ([A-Z]{4}-[A-Z]{4})`).FindStringSubmatch(said.String())
	if line == nil {
		t.Fatalf("said %q", said.String())
	}
	if shown := s.walk(line[1], url.Values{"code": {line[2]}}, url.Values{"password": {""}}, url.Values{"answer": {"accept"}}); !strings.Contains(shown, "You are signed in on your device.") {
		t.Fatalf("at the end: %s", shown)
	}
	if exit := <-done; exit != exitOK {
		t.Fatalf("exit %d: %s", exit, said.String())
	}
	file := filepath.Join(home, ".config", "cloudpki", "login.json")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v; want mode 0600", info, err)
	}

	run := func(now func() time.Time, args ...string) (int, string, string) {
		var out, err bytes.Buffer
		p := &program{in: strings.NewReader(""), out: &out, err: &err, now: now, environ: []string{"HOME=" + home}}
		exit := p.run(t.Context(), args)
		return exit, out.String(), err.String()
	}
	if exit, out, err := run(time.Now, "subscription", "list", "-o", "json"); exit != exitOK || !strings.Contains(out, "succeeded") {
		t.Errorf("list: exit %d, %s%s", exit, out, err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	later := func() time.Time { return time.Now().Add(2 * time.Hour) }
	if exit, _, err := run(later, "subscription", "list"); exit != exitOK {
		t.Errorf("once the access token has expired: exit %d, %s", exit, err)
	}
	after, err := os.ReadFile(file)
	if err != nil || bytes.Equal(before, after) {
		t.Errorf("the new tokens were not kept (%v)", err)
	}
	if exit, _, err := run(time.Now, "logout"); exit != exitOK || err != "" {
		t.Errorf("logout: exit %d, %s", exit, err)
	}
	write(t, file, string(after)) // as somebody who has copied it
	if exit, _, err := run(func() time.Time { return later().Add(2 * time.Hour) }, "subscription", "list"); exit != exitDenied || !strings.Contains(err, "AADSTS50173") {
		t.Errorf("a copy of the file after logout: exit %d, %s", exit, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if exit, _, err := run(time.Now, "subscription", "list"); exit != exitUsage {
		t.Errorf("after logout: exit %d, %s", exit, err)
	}
}

// walk is the person at the browser: it opens the page, fills in one form
// after the other, with the person's name and password where a password is
// asked for, and returns what is shown at the end.
func (s *started) walk(page string, forms ...url.Values) string {
	t := s.t
	t.Helper()
	var dev struct {
		CA             string `json:"ca_pem"`
		User, Password string
	}
	text, err := os.ReadFile(filepath.Join(s.data, "dev.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &dev); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(dev.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	b := &http.Client{Jar: jar, Transport: transport}
	at, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	shown := fetch(t, b, http.MethodGet, page, nil)
	for _, fields := range forms {
		action := regexp.MustCompile(`action="([^"]*)"`).FindStringSubmatch(shown)
		flow := regexp.MustCompile(`name="flow" value="([^"]*)"`).FindStringSubmatch(shown)
		if action == nil || flow == nil {
			t.Fatalf("no form: %s", shown)
		}
		fields.Set("flow", html.UnescapeString(flow[1]))
		if fields.Has("password") {
			fields.Set("username", dev.User)
			fields.Set("password", dev.Password)
		}
		shown = fetch(t, b, http.MethodPost, at.Scheme+"://"+at.Host+html.UnescapeString(action[1]), fields)
	}
	return shown
}

func fetch(t *testing.T, client *http.Client, method, at string, form url.Values) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(form.Encode()))
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
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLoginHere signs in with a browser on this machine.
func TestLoginHere(t *testing.T) {
	t.Parallel()
	s := startDev(t)
	for answer, want := range map[string]int{"accept": exitOK, "deny": exitDenied} {
		home := t.TempDir()
		said := &spoken{has: make(chan struct{}), lines: 2}
		login := &program{
			in: strings.NewReader(""), out: io.Discard, err: said, now: time.Now,
			environ: []string{"HOME=" + home, "CLOUDPKI_CONNECTION=" + filepath.Join(s.data, "dev.json")},
		}
		done := make(chan int, 1)
		go func() { done <- login.run(t.Context(), []string{"login"}) }()
		<-said.has
		_, address, _ := strings.Cut(said.String(), "\n")
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil {
			t.Fatalf("said %q", said.String())
		}
		redirect := u.Query().Get("redirect_uri")
		browse := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for _, stray := range []string{"/?code=x", "/?code=x&state=x", "/?code=x&state=" + u.Query().Get("state") + "&iss=https://evil.example.com"} {
			if text := fetch(t, browse, http.MethodGet, redirect+stray, nil); !strings.Contains(text, "not the answer") {
				t.Errorf("%s: %s", stray, text)
			}
		}
		wrote := "The sign-in was refused."
		var shown string
		if answer == "accept" {
			wrote = "You are signed in."
			shown = s.walk(u.String(), url.Values{"password": {""}})
		} else {
			shown = fetch(t, browse, http.MethodGet, redirect+"/?error=access_denied&state="+u.Query().Get("state"), nil)
		}
		if !strings.Contains(shown, wrote) {
			t.Errorf("%s: %s", answer, shown)
		}
		if exit := <-done; exit != want {
			t.Errorf("%s: exit %d: %s", answer, exit, said.String())
		}
	}
}

func TestHashPassword(t *testing.T) {
	t.Parallel()
	const chosen = "correct horse"
	answers := func(texts ...string) terminal {
		return terminal{in: true, readSecret: func(context.Context) ([]byte, error) {
			next := texts[0]
			texts = texts[1:]
			return []byte(next), nil
		}}
	}
	for _, test := range []struct {
		name     string
		stdin    string
		terminal terminal
		exit     int
	}{
		{"a line of standard input", chosen + "\n", terminal{}, exitOK},
		{"typed twice", "", answers(chosen, chosen), exitOK},
		{"typed otherwise the second time", "", answers(chosen, "wrong horse"), exitUsage},
		{"nothing", "\n", terminal{}, exitUsage},
		{"longer than the issuer takes", strings.Repeat("x", secret.MaxPassword+1) + "\n", terminal{}, exitUsage},
	} {
		var out, err bytes.Buffer
		p := &program{in: strings.NewReader(test.stdin), out: &out, err: &err, now: time.Now, terminal: test.terminal}
		if exit := p.run(t.Context(), []string{"hash-password"}); exit != test.exit {
			t.Errorf("%s: exit %d, %s", test.name, exit, &err)
			continue
		}
		if test.exit != exitOK {
			continue
		}
		hash, errHash := secret.ParsePasswordHash(strings.TrimSpace(out.String()))
		if errHash != nil || !hash.Matches(secret.NewString(chosen)) || strings.Contains(out.String()+err.String(), chosen) {
			t.Errorf("%s: printed %s%s (%v)", test.name, &out, &err, errHash)
		}
	}
}

// TestDiscoveryIsNotBelievedBlindly: a document must be about its issuer, and
// name no endpoint where secrets would go in clear.
func TestDiscoveryIsNotBelievedBlindly(t *testing.T) {
	t.Parallel()
	var document atomic.Value
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, document.Load().(string)) // a client that has gone away has seen enough
	}))
	t.Cleanup(server.Close)
	for text, want := range map[string]string{
		`{"issuer":"ISSUER","token_endpoint":"https://login.example.com/token"}`:                                   "",
		`{"issuer":"https://evil.example.com","token_endpoint":"https://evil.example.com/token"}`:                  "about another issuer",
		`{"issuer":"ISSUER","token_endpoint":"http://login.example.com/token"}`:                                    "without https",
		`{"issuer":"ISSUER","authorization_endpoint":"javascript:alert(1)"}`:                                       "without https",
		`{"issuer":"ISSUER","device_authorization_endpoint":"http://login.example.com/device"}`:                    "without https",
		`{"issuer":"ISSUER","token_endpoint":"https://login.example.com/","revocation_endpoint":"http://x.test/"}`: "without https",
	} {
		document.Store(strings.ReplaceAll(text, "ISSUER", server.URL))
		_, err := discover(t.Context(), server.Client(), server.URL)
		if err == nil != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestNoRedirectIsFollowed: what is for the issuer is sent to nobody else.
func TestNoRedirectIsFollowed(t *testing.T) {
	t.Parallel()
	var stolen atomic.Bool
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Store(true) }))
	t.Cleanup(thief.Close)
	issuer := httptest.NewTLSServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	t.Cleanup(issuer.Close)
	err := postForm(t.Context(), issuer.Client(), issuer.URL, url.Values{"refresh_token": {"canary"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "307") || stolen.Load() {
		t.Errorf("%v; sent on: %v", err, stolen.Load())
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var out, err bytes.Buffer
	p := &program{in: strings.NewReader(""), out: &out, err: &err, now: func() time.Time { return now }}
	if exit := p.run(t.Context(), []string{"keys", "rotate", "--data-directory", data}); exit != exitOK {
		t.Fatalf("exit %d: %s", exit, &err)
	}
	for _, name := range []string{"issuer.key", "issuer.key.20261123T121000Z"} {
		if info, err := os.Stat(filepath.Join(data, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
