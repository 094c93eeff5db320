package globalsignatlas_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/globalsignatlas"
	"cloudpki/internal/secret"
)

// A token is renewed before its ten minutes are over, and once where the
// service has forgotten it.
func TestTokenIsRenewed(t *testing.T) {
	t.Parallel()
	s := stand(t, casim.Options{}, 1)
	open := s.open(t)
	for _, step := range []struct {
		after  time.Duration
		logins int
	}{{0, 1}, {8 * time.Minute, 1}, {9 * time.Minute, 2}, {17 * time.Minute, 2}, {time.Hour, 3}} {
		s.clock.Store(int64(step.after))
		if _, err := open.List(t.Context(), provider.Scan{}, nil); err != nil {
			t.Fatalf("after %v: %v", step.after, err)
		}
		if n := s.ca.Calls("login"); n != step.logins {
			t.Errorf("after %v: %d logins, want %d", step.after, n, step.logins)
		}
	}
	forgotten := false
	s.answer = func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if !forgotten {
			forgotten = true
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		honest.ServeHTTP(w, r)
	}
	if _, err := open.List(t.Context(), provider.Scan{}, nil); err != nil || s.ca.Calls("login") != 4 {
		t.Errorf("after a forgotten token: %v, and %d logins, want 4", err, s.ca.Calls("login"))
	}
}

// A token that is refused again and again is asked for once, not for ever.
func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	s := stand(t, casim.Options{}, 1)
	s.answer = func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if r.URL.Path != "/v2/login" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"description":"no"}`))
			return
		}
		honest.ServeHTTP(w, r)
	}
	open := s.open(t)
	for range 2 {
		_, err := open.Probe(t.Context())
		wantCode(t, err, provider.CodeCredentialInvalid, "no")
	}
	if n := s.ca.Calls("login"); n != 2 {
		t.Errorf("%d logins, want 2: the first, and one for the refused token", n)
	}
}

func TestFaultsHaveTheirClass(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path   string
		status int
		body   string
		code   provider.Code
		retry  provider.RetryClass
		text   string
	}{
		"wrong key":            {"/v2/login", 401, `{"description":"invalid API credentials"}`, provider.CodeCredentialInvalid, provider.RetryCredentials, "invalid API credentials"},
		"account disabled":     {"/v2/login", 403, `{"description":"The account is disabled"}`, provider.CodeAccountDisabled, provider.RetryCredentials, "disabled"},
		"not permitted":        {"/v2/trustchain", 403, `{"title":"Forbidden"}`, provider.CodePermission, provider.RetryCredentials, "Forbidden"},
		"bad request":          {"/v2/trustchain", 422, `{"description":"bad"}`, provider.CodeUpstreamFault, provider.RetryBackOff, "bad"},
		"fault of the service": {"/v2/trustchain", 500, `{"description":"internal"}`, provider.CodeUpstreamFault, provider.RetryBackOff, "internal"},
		"come back later":      {"/v2/trustchain", 503, `{"description":"busy"}`, provider.CodeUpstream5xx, provider.RetryBackOff, "busy"},
		"not ready":            {"/v2/trustchain", 202, ``, provider.CodeUpstream5xx, provider.RetryBackOff, "not ready"},
		"too many":             {"/v2/trustchain", 429, `{"description":"slow down"}`, provider.CodeRateLimited, provider.RetryBackOff, "slow down"},
		"no token":             {"/v2/login", 200, `{}`, provider.CodeParse, provider.RetryBackOff, "without a token"},
		"token with a line":    {"/v2/login", 200, `{"access_token":"a\r\nb"}`, provider.CodeParse, provider.RetryBackOff, "without a token"},
		"empty chain":          {"/v2/trustchain", 200, `[]`, provider.CodeProtocol, provider.RetryBackOff, "0 certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stand(t, casim.Options{}, 0)
			s.answer = on(test.path, func(w http.ResponseWriter) {
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			})
			_, err := s.open(t).Probe(t.Context())
			if e := wantCode(t, err, test.code, test.text); e.RetryClass() != test.retry {
				t.Errorf("retry %s, want %s", e.RetryClass(), test.retry)
			}
		})
	}
}

// A service that repeats what it was sent gives nothing away.
func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	s := stand(t, casim.Options{}, 0)
	var sent string
	s.answer = func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if r.URL.Path == "/v2/login" {
			honest.ServeHTTP(w, r)
			return
		}
		sent = r.Header.Get("Authorization")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"description":"not for ` + sent + ` of ` + s.config.Credentials.UserName + `"}`))
	}
	_, err := s.open(t).Probe(t.Context())
	e := wantCode(t, err, provider.CodePermission, "REDACTED")
	for _, canary := range []string{strings.TrimPrefix(sent, "Bearer "), s.config.Credentials.UserName} {
		if canary == "" || strings.Contains(e.Error(), canary) {
			t.Errorf("%q is in %q", canary, e)
		}
	}
}

func TestTrustChain(t *testing.T) {
	t.Parallel()
	s := stand(t, casim.Options{}, 0)
	found, err := s.open(t).Authorities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(found.List) != 3 { // two that issue, and the one between
		t.Errorf("%d authorities, want 3", len(found.List))
	}
	for _, a := range found.List {
		if a.Issuing == nil || !a.Root.Equal(s.ca.Root()) {
			t.Errorf("an authority without issuer or under another root: %+v", a)
		}
	}
}

func TestValidateFindsAllFaults(t *testing.T) {
	t.Parallel()
	found := globalsignatlas.Kind().Validate(provider.Config{
		ServiceURI: "http://x", ServerCAs: []byte("none"), Now: time.Now,
		Credentials: provider.Credentials{UserName: "a b", Certificate: secret.NewString("none")},
	})
	got := map[string]bool{}
	for _, p := range found {
		got[p.Target] = true
		if p.Msg == "" || p.Code == "" {
			t.Errorf("%+v says too little", p)
		}
	}
	for _, target := range []string{
		"serviceUri", "serverCertificateAuthorities", "credentials/adminUserName", "credentials/adminPassword", "credentials/authenticationCertificate",
	} {
		if !got[target] {
			t.Errorf("no fault is found in %s", target)
		}
	}
	if len(found) != 5 {
		t.Errorf("%d faults, want 5: %+v", len(found), found)
	}
}

func wantCode(t *testing.T, err error, code provider.Code, text string) *provider.Error {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Error(), text) {
		t.Fatalf("got %v, want %s with %q", err, code, text)
	}
	return e
}
