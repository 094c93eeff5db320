package digicertone_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/digicertone"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/digicertone"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

// open serves a handler and opens a session to it by API key.
func open(t *testing.T, h http.Handler, settings map[string]string) provider.Session {
	t.Helper()
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	s, err := digicertone.Kind().Open(t.Context(), provider.Config{
		ServiceURI: srv.URL, ServerCAs: srv.Certificate().Raw, Settings: settings, Now: time.Now,
		Credentials: provider.Credentials{Password: secret.NewString("canary-of-the-key")},
		Transport:   provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
	})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// says answers every call with a status and a body.
func says(status int, body string, header ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func TestErrorsOfTheAPI(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		code   provider.Code
		retry  provider.RetryClass
		after  time.Duration
		text   string // is in the report
	}{
		{"wrong key", 401, `{"errors":[{"code":"invalid_api_key","message":"The API key is invalid."}]}`, provider.CodeCredentialInvalid, provider.RetryCredentials, 0, "invalid_api_key"},
		{"wrong key, other shape", 401, `{"error":{"code":"invalid_api_key","message":"Bad key"}}`, provider.CodeCredentialInvalid, provider.RetryCredentials, 0, "Bad key"},
		{"expired key", 401, `{"error":{"code":"invalid_api_key","message":"API key has expired"}}`, provider.CodeCredentialExpired, provider.RetryCredentials, 0, "has expired"},
		{"disabled user", 401, `{"error":{"code":"invalid_api_key","message":"Service user is disabled"}}`, provider.CodeAccountDisabled, provider.RetryCredentials, 0, "disabled"},
		{"no permission", 403, `{"errors":[{"code":"access_denied","message":"Permission VIEW_EM_CERTIFICATE is missing"}]}`, provider.CodePermission, provider.RetryCredentials, 0, "VIEW_EM_CERTIFICATE"},
		{"no access", 403, `{"errors":[{"code":"no_access","message":"no"}]}`, provider.CodePermission, provider.RetryCredentials, 0, "no_access"},
		{"403 of a proxy", 403, `<html>Forbidden</html>`, provider.CodePermission, provider.RetryNever, 0, "proxy"},
		{"403 of a proxy in JSON", 403, `{"message":"Forbidden"}`, provider.CodePermission, provider.RetryNever, 0, "proxy"},
		{"401 of a proxy", 401, `{}`, provider.CodeCredentialInvalid, provider.RetryNever, 0, ""},
		{"bad request", 400, `{"errors":[{"code":"invalid_request","message":"valid_from is not a date"}]}`, provider.CodeUpstreamFault, provider.RetryBackOff, 0, "valid_from"},
		{"too many calls", 429, `{"error":{"code":"rate_limit","message":"slow down"}}`, provider.CodeRateLimited, provider.RetryBackOff, 7 * time.Second, "slow down"},
		{"maintenance", 503, `{"error":{"code":"unavailable","message":"maintenance"}}`, provider.CodeUpstream5xx, provider.RetryBackOff, 7 * time.Second, "maintenance"},
		{"fault", 500, `{"error":{"code":"internal","message":"oops"}}`, provider.CodeUpstreamFault, provider.RetryBackOff, 7 * time.Second, "oops"},
		{"withdrawn", 410, `{"error":{"code":"gone","message":"retired"}}`, provider.CodeRetired, provider.RetryNever, 0, "retired"},
		{"the key comes back", 400, `{"error":{"code":"invalid_request","message":"key canary-of-the-key?"}}`, provider.CodeUpstreamFault, provider.RetryBackOff, 0, "key REDACTED?"},
		{"odd error", 400, `{"errors":[{"code":12,"message":null}]}`, provider.CodeUpstreamFault, provider.RetryBackOff, 0, "(12)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := open(t, says(tt.status, tt.body, "Retry-After", "7"), nil).Probe(t.Context())
			var e *provider.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Code != tt.code || e.RetryClass() != tt.retry || e.RetryAfter != tt.after || !strings.Contains(e.Text(), tt.text) || strings.Contains(e.Error(), "canary") {
				t.Errorf("got %v (%s, after %v), want %s (%s, after %v) with %q", e, e.RetryClass(), e.RetryAfter, tt.code, tt.retry, tt.after, tt.text)
			}
		})
	}
}

// An answer that is not what it should be is no empty inventory.
func TestAnswersThatTellNothing(t *testing.T) {
	for body, code := range map[string]provider.Code{
		`{}`:                             provider.CodeParse,
		`[]`:                             provider.CodeParse,
		`null`:                           provider.CodeParse,
		`{"total":null,"items":[]}`:      provider.CodeParse,
		`{"total":-1,"items":[]}`:        provider.CodeParse,
		`{"total":7,"items":[]}`:         provider.CodeIncompleteListing,
		`{"total":7,"items":null}`:       provider.CodeIncompleteListing,
		`{"total":0,"items":{}}`:         provider.CodeParse,
		`{"total":1,"items":[{"status":`: provider.CodeParse,
	} {
		p, err := open(t, says(200, body), nil).(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
		var e *provider.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: %+v, %v; want %s", body, p, err, code)
		}
	}
}

// Records that cannot be read are told, the others are not lost.
func TestRecordsOfAnotherShape(t *testing.T) {
	s := open(t, says(200, `{"total":4,"items":[null,7,{"serial_number":"0A","certificate":null},{"certificate":"AAAA"}]}`), nil)
	p, err := s.(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
	if err != nil || len(p.Skipped) != 4 || !p.Full {
		t.Fatalf("%+v, %v", p, err)
	}
	for _, skipped := range p.Skipped {
		if len(skipped.Raw) == 0 || skipped.Reason == "" {
			t.Errorf("%+v", skipped)
		}
	}
	if p.Skipped[2].Serial != "0A" {
		t.Errorf("serial %q", p.Skipped[2].Serial)
	}
}

func TestProfiles(t *testing.T) {
	ca, err := casim.New(casim.Options{})
	must(t, err)
	h := keyless(ca)
	nested := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/profile") {
			_, _ = fmt.Fprintf(w, `[[{"id":%q}],[{"id":%q}]]`, sim.ProfileUser, sim.ProfileDevice)
			return
		}
		h.ServeHTTP(w, r)
	})
	for _, tt := range []struct {
		name     string
		h        http.Handler
		profiles string
		want     int
		code     provider.Code
	}{
		{"all", h, "", 2, ""},
		{"one", h, sim.ProfileDevice, 1, ""},
		{"nested list", nested, "", 2, ""},
		{"unknown", h, "0000", 0, provider.CodeProfileUnknown},
		{"none", says(200, `[]`), "", 0, provider.CodeIncompleteListing},
		{"without id", says(200, `[{"name":"x"}]`), "", 0, provider.CodeParse},
		{"id that is a path", says(200, `[{"id":"../x"}]`), "", 0, provider.CodeParse},
		{"chain that is none", says(200, `{"certificate":{"issuer":{"certificate":"AAAA"}}}`), "a", 0, provider.CodeRootInvalid},
		{"404 of a proxy", says(404, `<html>`), "a", 0, provider.CodeProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := open(t, tt.h, map[string]string{"profileIds": tt.profiles}).(provider.RootSource).Authorities(t.Context())
			var e *provider.Error
			if len(got.List) != tt.want || (tt.code != "" && (!errors.As(err, &e) || e.Code != tt.code)) || (tt.code == "" && err != nil) {
				t.Errorf("%d authorities, %v; want %d, %s", len(got.List), err, tt.want, tt.code)
			}
		})
	}
}

// keyless serves the simulator to any key.
func keyless(ca *casim.CA) http.Handler {
	h := sim.Handler(ca, sim.Options{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Api-Key", ca.Login().APIKey)
		h.ServeHTTP(w, r)
	})
}

// The golden file was checked by eye against the vendor's OpenAPI document.
func TestRequests(t *testing.T) {
	ca, err := casim.New(casim.Options{PageSize: 20})
	must(t, err)
	_, err = ca.Issue(30)
	must(t, err)
	var sent strings.Builder
	h := keyless(ca)
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(&sent, "%s %s\n    Accept: %s\n    x-api-key: %d bytes\n", r.Method, r.URL, r.Header.Get("Accept"), len(r.Header.Get("X-Api-Key")))
		h.ServeHTTP(w, r)
	}), map[string]string{
		"accountId": sim.AccountID, "businessUnitId": sim.BusinessUnitID, "profileIds": sim.ProfileUser + "," + sim.ProfileDevice, "pageSize": "10",
	})
	_, err = s.Probe(t.Context())
	must(t, err)
	_, err = s.(provider.RootSource).Authorities(t.Context())
	must(t, err)
	for _, scan := range []provider.Scan{{}, {Mode: provider.ScanIssued, Since: time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC)}, {Mode: provider.ScanRevoked}} {
		fmt.Fprintf(&sent, "-- scan %q\n", scan.Mode)
		var after provider.Cursor
		for more := true; more; {
			p, err := s.(provider.Inventory).List(t.Context(), scan, after)
			must(t, err)
			after, more = p.Next, p.More
		}
	}
	golden(t, "requests.txt", sent.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("got:\n%s\nwant (%v):\n%s", got, err, want)
	}
}

func TestValidateFindsEveryFault(t *testing.T) {
	ca, err := casim.New(casim.Options{})
	must(t, err)
	var withCertificate provider.Config
	byCertificate(t, ca, &withCertificate, true)
	for name, tt := range map[string]struct {
		change func(c *provider.Config)
		want   string // targets
	}{
		"a key":            {func(*provider.Config) {}, ""},
		"a certificate":    {func(c *provider.Config) { c.Credentials = withCertificate.Credentials }, ""},
		"both":             {func(c *provider.Config) { c.Credentials.Certificate = withCertificate.Credentials.Certificate }, "credentials/adminPassword"},
		"neither":          {func(c *provider.Config) { c.Credentials = provider.Credentials{UserName: "x"} }, "credentials/adminPassword"},
		"key of two lines": {func(c *provider.Config) { c.Credentials.Password = secret.NewString("a\r\nX: y") }, "credentials/adminPassword"},
		"password of the file": {func(c *provider.Config) {
			c.Credentials = provider.Credentials{Certificate: withCertificate.Credentials.Certificate}
		}, "credentials/authenticationCertificatePassword"},
		"http": {func(c *provider.Config) { c.ServiceURI = "http://one.digicert.com/" }, "serviceUri"},
		"a key at the other host": {
			func(c *provider.Config) { c.ServiceURI = "https://clientauth.one.digicert.com/" }, "serviceUri",
		},
		"server CAs": {func(c *provider.Config) { c.ServerCAs = []byte("no") }, "serverCertificateAuthorities"},
		"settings": {func(c *provider.Config) {
			c.Settings = map[string]string{"accountId": "a/b", "businessUnitId": "..", "profileIds": "a,b c", "pageSize": "5"}
		}, "providerSettings/accountId providerSettings/businessUnitId providerSettings/profileIds providerSettings/pageSize"},
		"several together": {func(c *provider.Config) { *c = provider.Config{Now: time.Now} }, "serviceUri credentials/adminPassword"},
	} {
		t.Run(name, func(t *testing.T) {
			c := provider.Config{ServiceURI: digicertone.Kind().DefaultURI, Now: time.Now, Credentials: provider.Credentials{Password: secret.NewString("0123_abcdef")}}
			tt.change(&c)
			var got []string
			for _, p := range digicertone.Kind().Validate(c) {
				got = append(got, p.Target)
				if p.Msg == "" || p.Code == "" {
					t.Errorf("a fault without words: %+v", p)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestProbeNamesTheAccount(t *testing.T) {
	f := fixture(t, providertest.World{Issued: 1}, byKey, sim.Options{})
	key := string(f.Config.Credentials.Password.Reveal())
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Api-Key", key)
		f.Handler.ServeHTTP(w, r)
	}), nil)
	if p, err := s.Probe(t.Context()); err != nil || p.Account != "account "+sim.AccountID {
		t.Errorf("%+v, %v", p, err)
	}
}

// A client certificate logs in without a key; one of another CA is refused, and
// not tried again.
func TestClientCertificate(t *testing.T) {
	f := fixture(t, providertest.World{Issued: 60}, byCertificate, sim.Options{})
	srv := httptest.NewUnstartedServer(f.Handler)
	srv.TLS = f.TLS
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	f.Config.ServiceURI, f.Config.Now = srv.URL, time.Now
	f.Config.Transport = provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	s, err := digicertone.Kind().Open(t.Context(), f.Config)
	must(t, err)
	defer s.Close()
	p, err := s.(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
	if err != nil || len(p.Records) != 50 || p.Total != 60 {
		t.Errorf("%d records of %d, %v", len(p.Records), p.Total, err)
	}
	f.Spoil(&f.Config)
	other, err := digicertone.Kind().Open(t.Context(), f.Config)
	must(t, err)
	defer other.Close()
	_, err = other.Probe(t.Context())
	var e *provider.Error
	if !errors.As(err, &e) || e.Code != provider.CodeTLSClientRejected || e.RetryClass() != provider.RetryCredentials {
		t.Errorf("a certificate of another CA: %v", err)
	}
}
