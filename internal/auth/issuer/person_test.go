package issuer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"

	"github.com/google/go-cmp/cmp"
)

const (
	public   = "aaaaaaaa-0000-0000-0000-000000000005"
	webApp   = "aaaaaaaa-0000-0000-0000-000000000006"
	loopback = "http://localhost:4711/"
	webURI   = "https://console.example.com/callback?lane=1"
	password = "correct horse battery staple"

	// passwordSum is the sum of password under the salt saltsaltsalt.
	passwordSum = "GfSKr180UiCm+CVgrdPrzbKelEmaJB+EQ2B9mhVifyg"
	verifier    = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
)

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// A browser keeps cookies, follows no redirect, and fills in forms.
type browser struct {
	t      *testing.T
	s      *server
	client *http.Client
}

// A view is what a browser has got: a page, or a redirect.
type view struct {
	status   int
	text     string
	location *url.URL
	header   http.Header
	at       *url.URL
}

func (s *server) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *s.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t, s, &client}
}

func (b *browser) get(path string) view {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.s.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

func (b *browser) do(req *http.Request) view {
	b.t.Helper()
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	v := view{status: resp.StatusCode, text: string(body), header: resp.Header, at: req.URL}
	if to := resp.Header.Get("Location"); to != "" {
		if v.location, err = url.Parse(to); err != nil {
			b.t.Fatal(err)
		}
	}
	return v
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// form returns the action and hidden fields of a page's form.
func (v view) form(t testing.TB) (string, url.Values) {
	t.Helper()
	action := formAction.FindStringSubmatch(v.text)
	if action == nil {
		t.Fatalf("status %d, no form on the page: %s", v.status, v.text)
	}
	fields := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(v.text, -1) {
		fields.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return html.UnescapeString(action[1]), fields
}

// submit sends the form of a page with further fields.
func (b *browser) submit(v view, fields ...string) view {
	b.t.Helper()
	action, values := v.form(b.t)
	for n := 0; n < len(fields); n += 2 {
		values.Set(fields[n], fields[n+1])
	}
	return b.post(action, values)
}

func (b *browser) post(path string, values url.Values, change ...func(*http.Request)) view {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.s.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range change {
		c(req)
	}
	return b.do(req)
}

func (b *browser) signIn(v view) view {
	b.t.Helper()
	return b.submit(v, "username", "Ada", "password", password)
}

// authorizePath is a good request of the web application, with changes.
func authorizePath(changes ...string) string {
	q := url.Values{
		"client_id": {webApp}, "response_type": {"code"}, "redirect_uri": {webURI}, "state": {"st&te"}, "nonce": {"n-1"},
		"scope": {"openid profile offline_access .default"}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}
	for n := 0; n < len(changes); n += 2 {
		q.Del(changes[n])
		if changes[n+1] != "" {
			q.Set(changes[n], changes[n+1])
		}
	}
	return "/" + tenant + "/oauth2/v2.0/authorize?" + q.Encode()
}

// redeem redeems a code of the web application, with changes.
func (s *server) redeem(t testing.TB, code string, changes ...string) (int, map[string]any) {
	t.Helper()
	resp, body := s.token(t, tenant, s.form(append([]string{
		"client_id", webApp, "grant_type", "authorization_code", "scope", "", "code", code, "redirect_uri", webURI, "code_verifier", verifier,
	}, changes...)...))
	return resp.StatusCode, body
}

func (s *server) refresh(t testing.TB, refreshToken string, changes ...string) (int, map[string]any) {
	t.Helper()
	resp, body := s.token(t, tenant, s.form(append([]string{
		"client_id", webApp, "grant_type", "refresh_token", "scope", "", "refresh_token", refreshToken,
	}, changes...)...))
	return resp.StatusCode, body
}

// code signs a new browser in and returns the code that the web application gets.
func (s *server) code(t *testing.T, changes ...string) string {
	t.Helper()
	b := s.browser(t)
	v := b.signIn(b.get(authorizePath(changes...)))
	if v.location == nil || v.location.Query().Get("code") == "" {
		t.Fatalf("status %d, no code: %v %s", v.status, v.location, v.text)
	}
	return v.location.Query().Get("code")
}

// number returns the AADSTS number of an error.
func number(body map[string]any) float64 {
	codes, _ := body["error_codes"].([]any)
	if len(codes) != 1 {
		return 0
	}
	n, _ := codes[0].(float64)
	return n
}

func TestAuthorizationCode(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	page := b.get(authorizePath())
	if page.status != http.StatusOK || !strings.Contains(page.text, "to continue to <strong>Console</strong>") {
		t.Fatalf("%d %s", page.status, page.text)
	}
	v := b.signIn(page)
	if v.status != http.StatusSeeOther {
		t.Fatalf("%d %s", v.status, v.text)
	}
	q := v.location.Query()
	if got := v.location.Scheme + "://" + v.location.Host + v.location.Path; got != "https://console.example.com/callback" {
		t.Errorf("sent to %s", got)
	}
	if q.Get("lane") != "1" || q.Get("state") != "st&te" || q.Get("iss") != s.URL+"/"+tenant+"/v2.0" {
		t.Errorf("parameters %v", q)
	}
	status, body := s.redeem(t, q.Get("code"))
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, body)
	}
	access := payload(t, body["access_token"].(string))
	id := payload(t, body["id_token"].(string))
	now := float64(startOfTime.Unix())
	want := map[string]any{
		"aud": s.URL, "iss": s.URL + "/" + tenant + "/v2.0", "iat": now, "nbf": now, "exp": now + 3599,
		"app_displayname": "Console", "appid": webApp, "azp": webApp, "azpacr": "1", "idtyp": "user", "name": "Ada Lovelace",
		"preferred_username": "ada", "scp": "openid profile " + auth.ScopeRead + " " + auth.ScopeReadWrite,
		"oid": access["oid"], "sub": access["oid"], "tid": tenant, "uti": access["uti"], "ver": "2.0",
	}
	if diff := cmp.Diff(want, access); diff != "" {
		t.Errorf("access token (-want +got):\n%s", diff)
	}
	want = map[string]any{
		"aud": webApp, "iss": s.URL + "/" + tenant + "/v2.0", "iat": now, "nbf": now, "exp": now + 3599, "auth_time": now,
		"nonce": "n-1", "name": "Ada Lovelace", "preferred_username": "ada", "oid": access["oid"], "sub": access["oid"], "tid": tenant, "ver": "2.0",
	}
	if diff := cmp.Diff(want, id); diff != "" {
		t.Errorf("ID token (-want +got):\n%s", diff)
	}
	p := s.verify(t, s.issuer.Trusted(), body["access_token"].(string))
	if p.AppOnly || p.Client != webApp || p.Name != "Ada Lovelace" || p.Allows(auth.Write) != nil {
		t.Errorf("principal %+v", p)
	}
	known, ok := s.issuer.Principal(tenant, "Ada", webApp)
	p.TokenID, p.Scopes = "", []string{auth.ScopeReadWrite} // beside those of OpenID
	if diff := cmp.Diff(p, known); !ok || diff != "" {
		t.Errorf("known without a token (-by token +known):\n%s", diff)
	}
	if body["scope"] != "openid profile offline_access .default" || body["token_type"] != "Bearer" || body["expires_in"] != 3599.0 {
		t.Errorf("answer %v", body)
	}
}

func TestDeviceCode(t *testing.T) {
	s := newServer(t)
	start := func() map[string]any {
		t.Helper()
		resp, body := s.postForm(t, "/"+tenant+"/oauth2/v2.0/devicecode", url.Values{
			"client_id": {public}, "scope": {s.URL + "/.default openid profile offline_access"},
		})
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %v", resp.Status, body)
		}
		return body
	}
	poll := func(code any) (int, map[string]any) {
		t.Helper()
		resp, body := s.postForm(t, "/"+tenant+"/oauth2/v2.0/token", url.Values{
			"client_id": {public}, "grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {code.(string)},
		})
		return resp.StatusCode, body
	}
	open := func(code any) (*browser, view) {
		t.Helper()
		b := s.browser(t)
		v := b.signIn(b.submit(b.get("/devicelogin"), "code", " "+strings.ToLower(code.(string))+" "))
		if !strings.Contains(v.text, "<strong>Tool</strong>, on the device that shows the code <strong>"+code.(string)+"</strong>") {
			t.Fatalf("%d %s", v.status, v.text)
		}
		return b, v
	}
	d := start()
	if got := d["user_code"].(string); !regexp.MustCompile(`^[B-DF-HJ-NP-TV-Z]{4}-[B-DF-HJ-NP-TV-Z]{4}$`).MatchString(got) {
		t.Errorf("user code %q", got)
	}
	if want := "To sign in, use a web browser to open the page " + s.URL + "/devicelogin and enter the code " + d["user_code"].(string) + " to authenticate."; d["message"] != want {
		t.Errorf("message %q", d["message"])
	}
	if d["verification_uri"] != s.URL+"/devicelogin" || d["expires_in"] != 900.0 || d["interval"] != 5.0 {
		t.Errorf("answer %v", d)
	}
	if _, body := poll(d["device_code"]); body["error"] != "authorization_pending" {
		t.Errorf("before: %v", body)
	}
	if _, body := poll(d["device_code"]); body["error"] != "slow_down" {
		t.Errorf("at once again: %v", body)
	}
	if log := s.log.String(); strings.Contains(log, "refuses") {
		t.Errorf("each poll is told: %s", log)
	}
	b, confirm := open(d["user_code"])
	if done := b.submit(confirm, "answer", "accept"); done.status != http.StatusOK || !strings.Contains(done.text, "signed in on your device") {
		t.Fatalf("%d %s", done.status, done.text)
	}
	s.Move(10 * time.Second)
	status, body := poll(d["device_code"])
	if status != http.StatusOK || body["refresh_token"] == nil || body["id_token"] == nil {
		t.Fatalf("%d %v", status, body)
	}
	if p := s.verify(t, s.issuer.Trusted(), body["access_token"].(string)); p.Client != public || p.Allows(auth.Write) != nil {
		t.Errorf("principal %+v", p)
	}
	if status, body := poll(d["device_code"]); status != http.StatusBadRequest || body["error"] != "bad_verification_code" {
		t.Errorf("a second time: %v", body)
	}

	refused := start()
	b, confirm = open(refused["user_code"])
	b.submit(confirm, "answer", "deny")
	if _, body := poll(refused["device_code"]); body["error"] != "authorization_declined" {
		t.Errorf("declined: %v", body)
	}
	late := start()
	s.Move(15 * time.Minute)
	if _, body := poll(late["device_code"]); body["error"] != "expired_token" || number(body) != 70019 {
		t.Errorf("expired: %v", body)
	}
}
