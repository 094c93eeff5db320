package oidc_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/oidc"
	"cloudpki/internal/secret"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestHostileTokens: nobody signs in by tokens that do not vouch for this person
// to this client in this attempt. Each case changes one thing of a good answer.
func TestHostileTokens(t *testing.T) {
	other := newKey(t)
	claim := func(name string, value any) func(*provider) {
		return func(p *provider) { p.id = func(o object) { o[name] = value } }
	}
	access := func(name string, value any) func(*provider) {
		return func(p *provider) { p.access = func(o object) { o[name] = value } }
	}
	sign := func(method jwt.SigningMethod, key any) func(*provider) {
		return func(p *provider) {
			p.sign = func(c jwt.MapClaims) string { return signed(p.t, method, key, c) }
		}
	}
	answer := func(name string, value any) func(*provider) {
		return func(p *provider) { p.answer = func(o object) { o[name] = value } }
	}
	for name, test := range map[string]struct {
		lie  func(*provider)
		want string // in the error
	}{
		"alg none":       {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), "The signature algorithm is not accepted."},
		"alg HS256":      {sign(jwt.SigningMethodHS256, []byte("k")), "The signature algorithm is not accepted."},
		"another key":    {sign(jwt.SigningMethodES256, other), "Invalid signature."},
		"another issuer": {claim("iss", "https://evil.example"), "another issuer"},
		"another client": {claim("aud", "another"), "another client"},
		"no client":      {claim("aud", nil), "another client"},
		"several clients, none of them the one that asked": {claim("aud", []string{clientID, "another"}), "azp"},
		"another client that asked":                        {claim("azp", "another"), "azp"},
		"another attempt":                                  {claim("nonce", "another"), "another attempt"},
		"no attempt":                                       {claim("nonce", nil), "another attempt"},
		"another access token":                             {claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "at_hash"},
		"another person":                                   {claim("sub", "eve"), "another person"},
		"nobody":                                           {claim("sub", nil), "nobody"},
		"no end":                                           {claim("exp", nil), "no exp claim"},
		"no beginning":                                     {claim("iat", nil), "no iat claim"},
		"expired":                                          {func(p *provider) { p.id = func(o object) { o["exp"] = p.Now().Unix() - 61 } }, "expired"},
		"made in the future":                               {func(p *provider) { p.id = func(o object) { o["iat"] = p.Now().Unix() + 61 } }, "not yet valid"},
		"not an ID token":                                  {answer("id_token", "x.y.z"), auth.ErrIDToken.Error()},
		"no ID token":                                      {answer("id_token", ""), auth.ErrIDToken.Error()},
		"an endless ID token":                              {answer("id_token", strings.Repeat("a", 33<<10)), auth.ErrIDToken.Error()},
		"no access token":                                  {answer("access_token", ""), "verify the access token"},
		"an access token for another":                      {access("aud", "another"), "verify the access token"},
		"an access token of another":                       {access("iss", "https://evil.example"), "verify the access token"},
		"an access token of nobody":                        {access("sub", nil), "another person"},
		"an application's access token":                    {access("idtyp", "app"), "application's"},
		"an access token of another type":                  {answer("token_type", "DPoP"), "not Bearer"},
		"an endless answer":                                {answer("x", strings.Repeat("a", 128<<10)), "more than"},
		"members told twice":                               {instead("/token", http.StatusOK, `{"access_token":"a","access_token":"b"}`), "read the answer"},
		"no JSON":                                          {instead("/token", http.StatusOK, "<html>"), "read the answer"},
		"a failure":                                        {instead("/token", http.StatusInternalServerError, "away"), "answers 500"},
		"a failure that looks like none":                   {instead("/token", http.StatusAccepted, `{}`), "answers 202"},
		"another proof that is wanted":                     {func(p *provider) { p.prove = func(*http.Request) bool { return false } }, `answers 401 "invalid_client"`},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			c := p.client(oidc.Credential{})
			test.lie(p)
			attempt, back := p.begin(c)
			_, _, err := c.Finish(t.Context(), attempt, back)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			for _, private := range []string{back.Get("code"), attempt.State, attempt.Nonce, attempt.Verifier} {
				if strings.Contains(err.Error(), private) {
					t.Errorf("the error %q tells a secret", err)
				}
			}
		})
	}
}

// instead has the provider give one answer.
func instead(path string, status int, body string) func(*provider) {
	return func(p *provider) {
		p.instead[path] = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
}

// TestHostileAnswers: what comes back with the browser counts for the attempt
// and the provider that it belongs to (RFC 9207: no mix-up of providers).
func TestHostileAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		change func(url.Values)
		want   error
	}{
		"as it should be":     {func(url.Values) {}, nil},
		"another state":       {func(q url.Values) { q.Set("state", "another") }, oidc.ErrForeign},
		"no state":            {func(q url.Values) { q.Del("state") }, oidc.ErrForeign},
		"of another provider": {func(q url.Values) { q.Set("iss", "https://evil.example") }, oidc.ErrForeign},
		"of no provider":      {func(q url.Values) { q.Del("iss") }, oidc.ErrForeign},
		"an error of another": {func(q url.Values) {
			q.Set("iss", "https://evil.example")
			q.Set("error", "access_denied")
		}, oidc.ErrForeign},
	} {
		p := newProvider(t)
		c := p.client(oidc.Credential{})
		attempt, back := p.begin(c)
		test.change(back)
		if _, _, err := c.Finish(t.Context(), attempt, back); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
		if n := p.wasAsked("/token"); test.want != nil && n != 0 {
			t.Errorf("%s: the code was shown to the provider", name)
		}
	}
	p := newProvider(t)
	c := p.client(oidc.Credential{})
	attempt, back := p.begin(c)
	if _, _, err := c.Finish(t.Context(), oidc.Attempt{}, url.Values{"code": back["code"], "iss": back["iss"]}); !errors.Is(err, oidc.ErrForeign) {
		t.Errorf("an answer to no attempt: %v", err)
	}
	other, _ := p.begin(c)
	if _, _, err := c.Finish(t.Context(), other, url.Values{"code": back["code"], "iss": back["iss"], "state": {other.State}}); err == nil {
		t.Error("the code of another attempt is good")
	}
	back.Set("error", "access_denied")
	back.Set("error_description", "not you")
	var refusal *oidc.Refusal
	if _, _, err := c.Finish(t.Context(), attempt, back); !errors.As(err, &refusal) || refusal.Code != "access_denied" || refusal.Description != "not you" {
		t.Errorf("a refusal: %v", err)
	}
}

// TestHostileDiscovery: a provider that says of itself what it may not is none.
func TestHostileDiscovery(t *testing.T) {
	const document = "/realm/.well-known/openid-configuration"
	say := func(name string, value any) func(*provider) {
		return func(p *provider) { p.document = func(o object) { o[name] = value } }
	}
	for name, lie := range map[string]func(*provider){
		"another issuer":        say("issuer", "https://evil.example"),
		"no issuer":             say("issuer", nil),
		"no place to sign in":   say("authorization_endpoint", ""),
		"a script to sign in":   say("authorization_endpoint", "javascript:alert(1)"),
		"tokens without TLS":    say("token_endpoint", "http://127.0.0.1/token"),
		"a way out without TLS": say("end_session_endpoint", "http://127.0.0.1/logout"),
		"endless":               say("x", strings.Repeat("a", 512<<10)),
		"no JSON":               instead(document, http.StatusOK, "<html>"),
		"a failure":             instead(document, http.StatusNotFound, "{}"),
		"that leads to somebody else": func(p *provider) {
			p.instead[document] = http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP
		},
		"that never comes": func(p *provider) { p.instead[document] = never },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			lie(p)
			c := p.client(oidc.Credential{}, within(200*time.Millisecond))
			if _, address, err := c.Begin(t.Context()); !errors.Is(err, oidc.ErrUnavailable) || address != "" {
				t.Errorf("%s, %v", address, err)
			}
			if p.wasAsked("/elsewhere") != 0 {
				t.Error("the redirect was followed")
			}
		})
	}
}

// never answers after who asked has gone.
func never(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// within bounds the time that a provider is given.
func within(d time.Duration) func(*oidc.Options, *auth.Issuer) {
	return func(o *oidc.Options, _ *auth.Issuer) { o.Timeout = d }
}

// TestTokensThatNeverCome: the provider's time is bounded.
func TestTokensThatNeverCome(t *testing.T) {
	t.Parallel() // it waits more than it works
	p := newProvider(t)
	p.instead["/token"] = func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // or nobody notices that who asked has gone
		never(w, r)
	}
	c := p.client(oidc.Credential{}, within(2*time.Second)) // which the good steps need not
	attempt, back := p.begin(c)
	if _, _, err := c.Finish(t.Context(), attempt, back); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

// TestTokenEndpointThatLeadsAway: neither code nor secret go where an answer
// points to.
func TestTokenEndpointThatLeadsAway(t *testing.T) {
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		p := newProvider(t)
		p.instead["/token"] = http.RedirectHandler("/elsewhere", status).ServeHTTP
		c := p.client(oidc.Credential{Secret: secret.NewString(clientSecret)})
		attempt, back := p.begin(c)
		if _, _, err := c.Finish(t.Context(), attempt, back); err == nil || !strings.Contains(err.Error(), "answers 30") {
			t.Errorf("%d: error %v", status, err)
		}
		if p.wasAsked("/elsewhere") != 0 {
			t.Errorf("%d: the redirect was followed", status)
		}
	}
}
