package issuer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/issuer"
)

// TestAuthorizeShowsErrorsThatCannotBeRedirected covers requests whose client
// or address is not known good: nobody may be sent anywhere.
func TestAuthorizeShowsErrorsThatCannotBeRedirected(t *testing.T) {
	s := newServer(t)
	for name, test := range map[string]struct {
		path   string
		number string
	}{
		"no client":                    {authorizePath("client_id", ""), "AADSTS900144"},
		"unknown client":               {authorizePath("client_id", "nobody"), "AADSTS700016"},
		"client of another tenant":     {authorizePath("client_id", elsewhere), "AADSTS700016"},
		"unknown tenant":               {strings.Replace(authorizePath(), tenant, "fabrikam", 1), "AADSTS90002"},
		"common, with several tenants": {strings.Replace(authorizePath(), tenant, "common", 1), "AADSTS90002"},
		"no address":                   {authorizePath("redirect_uri", ""), "AADSTS900144"},
		"another address":              {authorizePath("redirect_uri", "https://evil.example.com/callback"), "AADSTS50011"},
		"a longer address":             {authorizePath("redirect_uri", webURI+"&more=1"), "AADSTS50011"},
		"without its query":            {authorizePath("redirect_uri", "https://console.example.com/callback"), "AADSTS50011"},
		"a folder above":               {authorizePath("redirect_uri", "https://console.example.com/x/../callback?lane=1"), "AADSTS50011"},
		"a user in the address":        {authorizePath("redirect_uri", "https://console.example.com@evil.example.com/callback?lane=1"), "AADSTS50011"},
		"loopback of a web client":     {authorizePath("redirect_uri", loopback), "AADSTS50011"},
		"another name of loopback":     {authorizePath("client_id", public, "redirect_uri", "http://localhost.example.com:4711/"), "AADSTS50011"},
		"another path on loopback":     {authorizePath("client_id", public, "redirect_uri", "http://localhost:4711/other"), "AADSTS50011"},
		"loopback over https":          {authorizePath("client_id", public, "redirect_uri", "https://localhost:4711/"), "AADSTS50011"},
		"script in the address":        {authorizePath("redirect_uri", "javascript:alert(1)"), "AADSTS50011"},
		"parameter twice":              {authorizePath() + "&scope=openid", "AADSTS90100"},
		"too long":                     {authorizePath("pad", strings.Repeat("x", 8<<10)), "AADSTS90100"},
		"not a form":                   {authorizePath() + "&%zz", "AADSTS90100"},
	} {
		v := s.browser(t).get(test.path)
		if v.location != nil || v.status != http.StatusBadRequest || !strings.Contains(v.text, test.number+":") {
			t.Errorf("%s: %d, to %v, %s", name, v.status, v.location, v.text)
		}
	}
}

// TestAuthorizeTellsClientsOfErrors covers errors that go back to the client.
func TestAuthorizeTellsClientsOfErrors(t *testing.T) {
	s := newServer(t)
	for name, test := range map[string]struct {
		changes []string
		code    string
		number  int
	}{
		"no response type":          {[]string{"response_type", ""}, "invalid_request", 900144},
		"implicit":                  {[]string{"response_type", "token"}, "unsupported_response_type", 700054},
		"hybrid":                    {[]string{"response_type", "code id_token"}, "unsupported_response_type", 700054},
		"unknown mode":              {[]string{"response_mode", "web_message"}, "invalid_request", 90100},
		"no scope":                  {[]string{"scope", ""}, "invalid_request", 900144},
		"no challenge":              {[]string{"code_challenge", ""}, "invalid_request", 50147},
		"plain":                     {[]string{"code_challenge_method", "plain"}, "invalid_request", 50147},
		"no method, which is plain": {[]string{"code_challenge_method", ""}, "invalid_request", 50147},
		"short challenge":           {[]string{"code_challenge", "abc"}, "invalid_request", 501491},
		"a request object":          {[]string{"request", "a.b.c"}, "invalid_request", 90100},
		"unknown prompt":            {[]string{"prompt", "create"}, "invalid_request", 90100},
		"none and another":          {[]string{"prompt", "none login"}, "invalid_request", 90100},
		"nobody signed in":          {[]string{"prompt", "none"}, "login_required", 50058},
		"negative age":              {[]string{"max_age", "-1"}, "invalid_request", 90100},
	} {
		v := s.browser(t).get(authorizePath(test.changes...))
		if v.location == nil {
			t.Errorf("%s: %d %s", name, v.status, v.text)
			continue
		}
		q := v.location.Query()
		if v.location.Host != "console.example.com" || q.Get("error") != test.code || q.Get("state") != "st&te" || q.Get("code") != "" ||
			!strings.HasPrefix(q.Get("error_description"), "AADSTS"+strconv.Itoa(test.number)+":") {
			t.Errorf("%s: %v", name, v.location)
		}
	}
	for name, test := range map[string]struct {
		scope, code string
		number      string
	}{
		"unknown scope":     {"openid User.Read", "invalid_scope", "AADSTS650053"},
		"unknown resource":  {"https://vault.azure.net/.default", "invalid_resource", "AADSTS500011"},
		"two resources":     {graph + "/.default " + s.URL + "/.default", "invalid_scope", "AADSTS28000"},
		"more than she may": {auth.ScopeReadWrite, "access_denied", "AADSTS50105"},
	} {
		b := s.browser(t)
		v := b.submit(b.get(authorizePath("scope", test.scope)), "username", "reader", "password", password)
		if v.location == nil || v.location.Query().Get("error") != test.code || !strings.HasPrefix(v.location.Query().Get("error_description"), test.number) {
			t.Errorf("%s: %d, %v", name, v.status, v.location)
		}
	}
}

func TestResponseModes(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	v := b.signIn(b.get(authorizePath("response_mode", "fragment")))
	fragment, err := url.ParseQuery(v.location.EscapedFragment())
	if err != nil || v.location.RawQuery != "lane=1" || fragment.Get("code") == "" || fragment.Get("state") != "st&te" {
		t.Errorf("fragment: %v", v.location)
	}
	v = b.get(authorizePath("response_mode", "form_post", "state", `"><script>alert(1)</script>`))
	action, fields := v.form(t)
	if v.status != http.StatusOK || action != webURI || fields.Get("code") == "" || fields.Get("state") != `"><script>alert(1)</script>` {
		t.Errorf("form_post: %d %s %v", v.status, action, fields)
	}
	if policy := v.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action https://console.example.com") {
		t.Errorf("policy %q", policy)
	}
	if strings.Contains(v.text, "<script>alert") {
		t.Errorf("the state is not escaped: %s", v.text)
	}
	if status, body := s.redeem(t, fields.Get("code")); status != http.StatusOK {
		t.Errorf("%d %v", status, body)
	}
}

func TestSingleSignOn(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	b.signIn(b.get(authorizePath()))
	for name, test := range map[string]struct {
		changes []string
		want    string // "code", or what the page shows
	}{
		"nothing asked":             {nil, "code"},
		"silent":                    {[]string{"prompt", "none"}, "code"},
		"the same user is hinted":   {[]string{"login_hint", "ADA"}, "code"},
		"another user is hinted":    {[]string{"login_hint", "reader"}, `value="reader"`},
		"login":                     {[]string{"prompt", "login"}, "Sign in"},
		"select_account":            {[]string{"prompt", "select_account"}, "Use another account"},
		"consent":                   {[]string{"prompt", "consent"}, "Use another account"},
		"signed in just now":        {[]string{"max_age", "60"}, "code"},
		"a program on this machine": {[]string{"client_id", public, "redirect_uri", loopback}, "Continue to Tool?"},
	} {
		v := b.get(authorizePath(test.changes...))
		if got := v.location != nil && v.location.Query().Get("code") != ""; got != (test.want == "code") || !got && !strings.Contains(v.text, test.want) {
			t.Errorf("%s: %d, %v %s", name, v.status, v.location, v.text)
		}
	}
	if v := b.get(authorizePath("client_id", public, "redirect_uri", loopback, "prompt", "none")); v.location.Query().Get("error") != "consent_required" {
		t.Errorf("silently, a program on this machine: %v", v.location)
	}
	s.Move(time.Minute + time.Second)
	if v := b.get(authorizePath("max_age", "60")); v.location != nil {
		t.Errorf("signed in 61 s ago: %v", v.location)
	}
	s.Move(8 * time.Hour)
	if v := b.get(authorizePath()); v.location != nil {
		t.Errorf("after eight hours: %v", v.location)
	}
}

// TestSessionsEndAtTheirTenant: who has signed in to one tenant is nobody in
// another, even if the name and the hash of the password are the same there.
func TestSessionsEndAtTheirTenant(t *testing.T) {
	s := newServer(t)
	s.restart(t, func(o *issuer.Options) {
		o.Clients = append(slices.Clone(o.Clients), issuer.Client{ID: "its-own", Tenant: otherTenant, Public: true, RedirectURIs: []string{webURI}})
	})
	b := s.browser(t)
	b.signIn(b.get(authorizePath()))
	path := strings.Replace(authorizePath("client_id", "its-own", "prompt", "none"), tenant, otherTenant, 1)
	if v := b.get(path); v.location == nil || v.location.Query().Get("error") != "login_required" {
		t.Errorf("%d %v", v.status, v.location)
	}
}

func TestConfirmation(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	b.signIn(b.get(authorizePath()))
	path := authorizePath("client_id", public, "redirect_uri", "http://localhost:50123")
	if v := b.submit(b.get(path), "answer", "deny"); v.location.Query().Get("error") != "access_denied" || v.location.Host != "localhost:50123" {
		t.Errorf("deny: %v", v.location)
	}
	if v := b.submit(b.get(path), "answer", "switch"); !strings.Contains(v.text, "Password") {
		t.Errorf("switch: %s", v.text)
	}
	v := b.submit(b.get(path), "answer", "accept")
	code := v.location.Query().Get("code")
	resp, body := s.postForm(t, "/"+tenant+"/oauth2/v2.0/token", url.Values{
		"client_id": {public}, "grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"http://localhost:50123"}, "code_verifier": {verifier},
	})
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("accept: %s %v", resp.Status, body)
	}
	if got := payload(t, body["access_token"].(string))["azpacr"]; got != "0" {
		t.Errorf("azpacr %v, want 0", got)
	}

	// A page of a request with prompt=login must not be answered without a password.
	fresh := b.get(authorizePath("client_id", public, "redirect_uri", loopback, "prompt", "login"))
	_, fields := fresh.form(t)
	fields.Set("answer", "accept")
	if v := b.post("/"+tenant+"/oauth2/v2.0/confirm", fields); v.location != nil || !strings.Contains(v.text, "Password") {
		t.Errorf("login skipped: %d %v", v.status, v.location)
	}
}

func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestPagesAreSafe(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	v := b.get(authorizePath("login_hint", `"><img src=x>`))
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Type": "text/html; charset=utf-8",
	} {
		if got := v.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	policy := v.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self' https://console.example.com"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(v.text)
	if style == nil || !strings.Contains(policy, "style-src '"+hashSource(style[1])+"'") {
		t.Errorf("the policy %q does not allow the page's style", policy)
	}
	if strings.Contains(v.text, "<img") || strings.Contains(v.text, "<script") {
		t.Errorf("page: %s", v.text)
	}
	posted := b.signIn(b.get(authorizePath("response_mode", "form_post")))
	script := regexp.MustCompile(`(?s)<script>(.*)</script>`).FindStringSubmatch(posted.text)
	if script == nil || !strings.Contains(posted.header.Get("Content-Security-Policy"), "script-src '"+hashSource(script[1])+"'") {
		t.Errorf("the policy does not allow the page's script: %s", posted.text)
	}
	for _, c := range b.client.Jar.Cookies(v.at) {
		if !strings.HasPrefix(c.Name, "__Host-cloudpki-") {
			t.Errorf("cookie %s", c.Name)
		}
	}
	for _, line := range s.browser(t).get(authorizePath()).header.Values("Set-Cookie") {
		if !strings.HasSuffix(line, "; Path=/; HttpOnly; Secure; SameSite=Lax") {
			t.Errorf("cookie %q", line)
		}
	}
}

// TestOnlyTheBrowserThatWasShownAPageCanAnswerIt is about forms that another
// site makes a browser send.
func TestOnlyTheBrowserThatWasShownAPageCanAnswerIt(t *testing.T) {
	s := newServer(t)
	mine, theirs := s.browser(t), s.browser(t)
	page := theirs.get(authorizePath())
	_, fields := page.form(t)
	fields.Set("username", "ada")
	fields.Set("password", password)
	path := "/" + tenant + "/oauth2/v2.0/signin"
	if v := mine.post(path, fields); v.status != http.StatusBadRequest || !strings.Contains(v.text, "sends no cookies") {
		t.Errorf("without a cookie: %d %s", v.status, v.text)
	}
	mine.get(authorizePath())
	if v := mine.post(path, fields); v.status != http.StatusBadRequest || !strings.Contains(v.text, "another browser") {
		t.Errorf("with the page of another browser: %d %s", v.status, v.text)
	}
	for name, change := range map[string]func(*http.Request){
		"Sec-Fetch-Site": header("Sec-Fetch-Site", "cross-site"),
		"Origin":         header("Origin", "https://evil.example.com"),
	} {
		if v := theirs.post(path, fields, change); v.status != http.StatusBadRequest {
			t.Errorf("from another site by %s: %d", name, v.status)
		}
	}
	if v := theirs.post("/"+otherTenant+"/oauth2/v2.0/signin", fields); v.status != http.StatusBadRequest {
		t.Errorf("at another tenant: %d", v.status)
	}
	s.Move(30 * time.Minute)
	if v := theirs.post(path, fields); v.status != http.StatusBadRequest {
		t.Errorf("half an hour later: %d", v.status)
	}
}

func TestPasswords(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	page := b.get(authorizePath())
	var texts []string
	for _, attempt := range [][2]string{{"ada", "wrong"}, {"nobody-has-this-name", "wrong"}, {"nobody-has-this-name", password}, {"ada", ""}, {"ada", strings.Repeat("x", 300)}} {
		v := b.submit(page, "username", attempt[0], "password", attempt[1])
		if v.status != http.StatusBadRequest || v.location != nil || !strings.Contains(v.text, "invalid username or password") {
			t.Errorf("%q: %d %s", attempt, v.status, v.text)
		}
		texts = append(texts, regexp.MustCompile(`value="[^"]*"`).ReplaceAllString(v.text, ""))
	}
	for _, text := range texts[1:] {
		if text != texts[0] {
			t.Errorf("the pages tell names apart:\n%s\n%s", texts[0], text)
		}
	}
	if log := s.log.String(); strings.Contains(log, "wrong") || strings.Contains(log, password) {
		t.Errorf("the log holds a password: %s", log)
	}
}

func TestGuessesAreLockedOut(t *testing.T) {
	for _, name := range []string{"ada", "nobody-has-this-name"} {
		s := newServer(t)
		b := s.browser(t)
		page := b.get(authorizePath())
		for n := range 10 {
			if v := b.submit(page, "username", name, "password", "guess"); v.status != http.StatusBadRequest {
				t.Fatalf("guess %d: %d", n, v.status)
			}
		}
		if v := b.submit(page, "username", strings.ToUpper(name), "password", password); v.status != http.StatusTooManyRequests || !strings.Contains(v.text, "temporarily locked") {
			t.Errorf("%s, the eleventh: %d %s", name, v.status, v.text)
		}
		if v := b.submit(page, "username", "reader", "password", password); v.status != http.StatusSeeOther {
			t.Errorf("another user suffers: %d", v.status)
		}
		s.Move(time.Minute)
		if v := b.submit(page, "username", "ada", "password", password); v.status != http.StatusSeeOther {
			t.Errorf("a minute later: %d %s", v.status, v.text)
		}
	}
}

// TestManyNamesFromOneAddressAreSlowedDown is about guessing one password for many names.
func TestManyNamesFromOneAddressAreSlowedDown(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	page := b.get(authorizePath())
	for n := range 30 {
		if v := b.submit(page, "username", "user"+strconv.Itoa(n), "password", "guess"); v.status != http.StatusBadRequest {
			t.Fatalf("guess %d: %d", n, v.status)
		}
	}
	if v := b.submit(page, "username", "ada", "password", password); v.status != http.StatusTooManyRequests {
		t.Errorf("the next: %d", v.status)
	}
	s.Move(time.Minute)
	if v := b.submit(page, "username", "ada", "password", password); v.status != http.StatusSeeOther {
		t.Errorf("a minute later: %d", v.status)
	}
}

func TestLogout(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	b.signIn(b.get(authorizePath()))
	stolen := s.browser(t)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	stolen.client.Jar.SetCookies(at, b.client.Jar.Cookies(at))
	path := "/" + tenant + "/oauth2/v2.0/logout?"
	v := b.get(path + url.Values{"post_logout_redirect_uri": {webURI}, "state": {"s"}}.Encode())
	if v.status != http.StatusSeeOther || v.location.String() != webURI+"&state=s" {
		t.Errorf("%d %v", v.status, v.location)
	}
	if v := b.get(authorizePath("prompt", "none")); v.location.Query().Get("error") != "login_required" {
		t.Errorf("after the logout: %v", v.location)
	}
	if v := stolen.get(authorizePath("prompt", "none")); v.location.Query().Get("error") != "login_required" {
		t.Errorf("a copy of the cookie works: %v", v.location)
	}
	for _, uri := range []string{"https://evil.example.com", webURI + "/more", ""} {
		if v := b.get(path + url.Values{"post_logout_redirect_uri": {uri}}.Encode()); v.status != http.StatusOK || v.location != nil {
			t.Errorf("to %q: %d %v", uri, v.status, v.location)
		}
	}
	if v := b.get(path + url.Values{"post_logout_redirect_uri": {webURI}, "client_id": {public}}.Encode()); v.location != nil {
		t.Errorf("to the address of another client: %v", v.location)
	}
	if v := b.get(strings.Replace(path, tenant, otherTenant, 1) + url.Values{"post_logout_redirect_uri": {webURI}}.Encode()); v.location != nil {
		t.Errorf("to an address of another tenant: %v", v.location)
	}
}
