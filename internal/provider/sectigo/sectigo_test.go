package sectigo_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/sectigo"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/sectigo"
	"cloudpki/internal/secret"

	"github.com/google/go-cmp/cmp"
)

func serve(t testing.TB, w *world) provider.Config {
	t.Helper()
	srv := httptest.NewUnstartedServer(w.handler())
	srv.TLS = w.tlsConfig()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return provider.Config{
		ServiceURI: srv.URL, ServerCAs: w.ServerCAs(), Now: time.Now, Credentials: w.login(),
		Settings:  map[string]string{"customerUri": sim.CustomerURI},
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
	}
}

func open(t testing.TB, c provider.Config) provider.Session {
	t.Helper()
	s, err := sectigo.Kind().Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func all(t testing.TB, s provider.Session) map[string]provider.Record {
	t.Helper()
	out := map[string]provider.Record{}
	var after provider.Cursor
	for {
		p, err := s.(provider.Inventory).List(t.Context(), provider.Scan{}, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Records {
			out[r.Serial] = r
		}
		if after = p.Next; !p.More {
			return out
		}
	}
}

func wantFault(t testing.TB, err error, code provider.Code, retry provider.RetryClass, says string) {
	t.Helper()
	var e *provider.Error
	switch {
	case !errors.As(err, &e):
		t.Errorf("got %v, want %s", err, code)
	case e.Code != code || e.RetryClass() != retry || !strings.Contains(e.Error(), says):
		t.Errorf("got %v (retry %s), want %s, %s, %q", e, e.RetryClass(), code, retry, says)
	}
}

func TestValidateFindsEveryFault(t *testing.T) {
	w, _ := newWorld(t, 0, casim.Options{})
	good := provider.Config{ServiceURI: sectigo.Kind().DefaultURI, Credentials: w.login(), Settings: map[string]string{"customerUri": "example"}, Now: time.Now}
	for name, tt := range map[string]struct {
		change func(c *provider.Config)
		want   string // targets
	}{
		"password":         {func(*provider.Config) {}, ""},
		"certificate":      {func(c *provider.Config) { c.Credentials = w.certificate(t) }, ""},
		"http":             {func(c *provider.Config) { c.ServiceURI = "http://cert-manager.com/" }, "serviceUri"},
		"server CAs":       {func(c *provider.Config) { c.ServerCAs = []byte("no") }, "serverCertificateAuthorities"},
		"no customer":      {func(c *provider.Config) { c.Settings = nil }, "providerSettings/customerUri"},
		"customer address": {func(c *provider.Config) { c.Settings = map[string]string{"customerUri": "https://x/y"} }, "providerSettings/customerUri"},
		"settings": {func(c *provider.Config) {
			c.Settings = map[string]string{"customerUri": "a\r\nb", "orgId": "all", "pageSize": "201"}
		}, "providerSettings/customerUri providerSettings/orgId providerSettings/pageSize"},
		"no login":            {func(c *provider.Config) { c.Credentials.UserName = "" }, "credentials/adminUserName"},
		"nothing to log in":   {func(c *provider.Config) { c.Credentials.Password = secret.Text{} }, "credentials/adminPassword"},
		"header in passwords": {func(c *provider.Config) { c.Credentials.Password = secret.NewString("a\r\nX: y") }, "credentials/adminPassword"},
		"both":                {func(c *provider.Config) { c.Credentials.Certificate = w.certificate(t).Certificate }, "credentials/authenticationCertificate credentials/authenticationCertificatePassword"},
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			tt.change(&c)
			var got []string
			for _, p := range sectigo.Kind().Validate(c) {
				got = append(got, p.Target)
				if p.Msg == "" || p.Code == "" {
					t.Errorf("a fault without words: %+v", p)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

// Sectigo's own words say what failed; what does not look like Sectigo's is a
// proxy's, and does not stop the schedule.
func TestFaults(t *testing.T) {
	w, _ := newWorld(t, 1, casim.Options{})
	s := open(t, serve(t, w))
	for name, tt := range map[string]struct {
		status int
		body   string
		code   provider.Code
		retry  provider.RetryClass
		says   string
	}{
		"unknown user":        {401, `{"code":-16,"description":"Unknown user"}`, provider.CodeCredentialInvalid, provider.RetryCredentials, "(-16)"},
		"unknown user, 400":   {400, `{"code":-16,"description":"Unknown user"}`, provider.CodeCredentialInvalid, provider.RetryCredentials, "customerUri"},
		"locked":              {403, `{"code":-17,"description":"Account is locked"}`, provider.CodeAccountDisabled, provider.RetryCredentials, "locked"},
		"no API":              {403, `{"code":-7,"description":"Access denied"}`, provider.CodePermission, provider.RetryCredentials, "permission"},
		"organization":        {400, `{"code":-9,"description":"Invalid organization"}`, provider.CodeProfileUnknown, provider.RetryNever, "orgId"},
		"other":               {400, `{"code":-14,"description":"An unknown error occurred!"}`, provider.CodeUpstreamFault, provider.RetryBackOff, "unknown error"},
		"busy":                {429, `{"code":-1,"description":"slow down"}`, provider.CodeRateLimited, provider.RetryBackOff, "slow down"},
		"down":                {503, `{"code":-1,"description":"maintenance"}`, provider.CodeUpstream5xx, provider.RetryBackOff, "maintenance"},
		"401 of a proxy":      {401, `<html></html>`, provider.CodeCredentialInvalid, provider.RetryNever, ""},
		"403 in others' JSON": {403, `{"code":403,"description":"no"}`, provider.CodePermission, provider.RetryNever, ""},
		"null":                {200, `null`, provider.CodeProtocol, provider.RetryBackOff, "null"},
		"object":              {200, `{}`, provider.CodeParse, provider.RetryBackOff, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w.replaces("", func(rw http.ResponseWriter, _ *http.Request, _ *httptest.ResponseRecorder) {
				rw.WriteHeader(tt.status)
				_, _ = rw.Write([]byte(tt.body))
			})
			_, err := s.(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
			wantFault(t, err, tt.code, tt.retry, tt.says)
		})
	}
}

// With a client certificate the address is another, and no password is sent.
func TestClientCertificate(t *testing.T) {
	w, _ := newWorld(t, 1, casim.Options{})
	c := serve(t, w)
	c.Credentials = w.certificate(t)
	for _, suffix := range []string{"", "/", "/api", "/private/api/"} {
		one := c
		one.ServiceURI = strings.TrimSuffix(c.ServiceURI, "/") + suffix
		p, err := open(t, one).Probe(t.Context())
		if err != nil || p.Account != "operator of simulated" {
			t.Errorf("%q: %+v, %v", suffix, p, err)
		}
	}
}

func TestAuthorities(t *testing.T) {
	w, _ := newWorld(t, 4, casim.Options{})
	got, err := open(t, serve(t, w)).(provider.RootSource).Authorities(t.Context())
	if err != nil || len(got.List) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []struct {
		id, profile string
		chain       int
	}{{"Simulated User CA", "501", 1}, {"Simulated Device CA", "502", 0}} {
		if a := got.List[i]; a.ID != want.id || len(a.Chain) != want.chain || !a.Root.Equal(w.Root()) || fmt.Sprint(a.ProfileIDs) != "["+want.profile+"]" {
			t.Errorf("authority %d: %q with a chain of %d and profiles %v", i, a.ID, len(a.Chain), a.ProfileIDs)
		}
	}
}

func TestStates(t *testing.T) {
	w, serials := newWorld(t, 2, casim.Options{})
	must(t, w.CA.Revoke(serials[0], "KeyCompromise"))
	expired, err := w.IssueBetween(1, time.Now().AddDate(-1, 0, 0), time.Now().Add(-time.Hour))
	must(t, err)
	got := all(t, open(t, serve(t, w)))
	for serial, want := range map[string]string{serials[0]: "revoked 1 false 501", serials[1]: "valid -1 true 502", expired[0]: "expired -1 true 501"} {
		if r := got[serial]; fmt.Sprint(r.Status, " ", r.Reason, " ", r.RevokedAt.IsZero(), " ", r.ProfileID) != want {
			t.Errorf("%s: got %+v, want %s", serial, r, want)
		}
	}
}

// Certificates are revoked between all pages, so that what follows moves up:
// none is passed over.
func TestNothingIsPassedOverWhileCertificatesAreRevoked(t *testing.T) {
	w, serials := newWorld(t, 100, casim.Options{PageSize: 200})
	c := serve(t, w)
	c.Settings["pageSize"] = "10"
	s := open(t, c)
	told := map[string]bool{}
	var after provider.Cursor
	for i := 0; ; i++ {
		p, err := s.(provider.Inventory).List(t.Context(), provider.Scan{}, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Records {
			told[r.Serial] = true
		}
		if after = p.Next; !p.More {
			break
		}
		if i < 5 {
			must(t, w.CA.Revoke(serials[i*3], ""))
			must(t, w.CA.Revoke(serials[80+i], ""))
		}
	}
	if len(told) != len(serials) {
		t.Errorf("%d certificates are told of %d", len(told), len(serials))
	}
}

// A certificate that the API lists and does not give is skipped; one that is
// another than the list says, too.
func TestSkipped(t *testing.T) {
	w, _ := newWorld(t, 3, casim.Options{})
	s := open(t, serve(t, w))
	for name, change := range map[string]func(rw http.ResponseWriter, r *http.Request, rec *httptest.ResponseRecorder){
		"gone": func(rw http.ResponseWriter, _ *http.Request, _ *httptest.ResponseRecorder) {
			rw.WriteHeader(http.StatusNotFound)
			_, _ = rw.Write([]byte(`{"code":-105,"description":"The certificate was not found"}`))
		},
		"another": func(rw http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) {
			r.SetPathValue("id", "10003")
			r.URL.Path = strings.Replace(r.URL.Path, "10002", "10003", 1)
			sim.Handler(w.CA).ServeHTTP(rw, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.replaces("/collect/10002?", change)
			p, err := s.(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
			if err != nil || len(p.Records) != 2 || len(p.Skipped) != 1 || !strings.Contains(p.Skipped[0].Reason, "sslId 10002") {
				t.Errorf("%d records, skipped %+v, %v", len(p.Records), p.Skipped, err)
			}
		})
	}
}

var update = flag.Bool("update", false, "write the golden files")

// The requests of a session, without what is secret.
func TestRequestsGolden(t *testing.T) {
	for name, change := range map[string]func(c *provider.Config, w *world){
		"password":    func(c *provider.Config, _ *world) { c.Settings["orgId"], c.Settings["pageSize"] = "1234", "1" },
		"certificate": func(c *provider.Config, w *world) { c.Credentials = w.certificate(t) },
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := newWorld(t, 3, casim.Options{})
			var sent strings.Builder
			f := func(rw http.ResponseWriter, r *http.Request, honest http.Handler) {
				fmt.Fprintf(&sent, "%s %s\nAccept: %s; login: %s; customerUri: %s; password: %d characters\n",
					r.Method, r.URL.RequestURI(), r.Header.Get("Accept"), r.Header.Get("login"), r.Header.Get("customerUri"), len(r.Header.Get("password")))
				honest.ServeHTTP(rw, r)
			}
			w.answer.Store(&f)
			c := serve(t, w)
			change(&c, w)
			s := open(t, c)
			_, err := s.Probe(t.Context())
			must(t, err)
			_, err = s.(provider.RootSource).Authorities(t.Context())
			must(t, err)
			all(t, s)
			golden(t, filepath.Join("testdata", name+".golden"), sent.String())
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		must(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), -update writes it:\n%s", path, diff)
	}
}

// SCM does not give what is revoked. The state is told all the same, under the
// name of the issuer that the certificate had before, also by versions that do
// not know dateFormat.
func TestRevokedWithoutBody(t *testing.T) {
	for name, rewrite := range map[string]func(r *http.Request){
		"dates as asked for": func(*http.Request) {},
		"dates as ever":      func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "dateFormat=ISO_HMS", "", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			w, serials := newWorld(t, 4, casim.Options{})
			f := func(rw http.ResponseWriter, r *http.Request, honest http.Handler) {
				rewrite(r)
				honest.ServeHTTP(rw, r)
			}
			w.answer.Store(&f)
			c := serve(t, w)
			before := all(t, open(t, c))[serials[1]]
			must(t, w.CA.Revoke(serials[1], "KeyCompromise"))
			known := func(context.Context, []string) (map[string]provider.Status, error) {
				return map[string]provider.Status{serials[0]: "valid", serials[1]: "valid", serials[2]: "valid", serials[3]: "valid"}, nil
			}
			s := open(t, c)
			var got []provider.Record
			for p := (provider.Page{More: true}); p.More; {
				var err error
				if p, err = s.(provider.Inventory).List(t.Context(), provider.Scan{Known: known}, p.Next); err != nil {
					t.Fatal(err)
				}
				got = append(got, p.Records...)
			}
			if len(got) != 1 {
				t.Fatalf("%d records, want the revoked one", len(got))
			}
			r, day := got[0], 24*time.Hour
			if r.DER != nil || r.Serial != serials[1] || string(r.RawIssuer) != string(before.RawIssuer) || r.Status != provider.StatusRevoked || r.Reason != 1 || time.Since(r.RevokedAt).Abs() > day {
				t.Errorf("got %+v", r)
			}
		})
	}
}
