package entrustgateway_test

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
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/entrustgateway"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/entrustgateway"
	"cloudpki/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

// open serves a handler in the place of ca's and opens a session to it.
func open(t *testing.T, ca *casim.CA, h http.Handler, settings map[string]string) provider.Session {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = ca.TLSConfig()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	s, err := entrustgateway.Kind().Open(t.Context(), provider.Config{
		ServiceURI: srv.URL + "/cagw/", ServerCAs: ca.ServerCAs(), Settings: settings, Now: time.Now, Credentials: credentials(t, ca),
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
	})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func newCA(t *testing.T, issued int) (*casim.CA, []string) {
	t.Helper()
	ca, err := casim.New(casim.Options{})
	must(t, err)
	serials, err := ca.Issue(issued)
	must(t, err)
	return ca, serials
}

// list reads a scan to its end.
func list(t *testing.T, s provider.Session, scan provider.Scan) (pages []provider.Page) {
	t.Helper()
	var after provider.Cursor
	for more := true; more; {
		p, err := s.(provider.Inventory).List(t.Context(), scan, after)
		must(t, err)
		pages = append(pages, p)
		after, more = p.Next, p.More
	}
	return pages
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

func TestErrorsOfTheGateway(t *testing.T) {
	ca, _ := newCA(t, 0)
	said := func(code, message string) string {
		return fmt.Sprintf(`{"type":"ErrorResponse","error":{"code":%q,"message":%q,"target":null,"details":[{"message":"secret backend"}]}}`, code, message)
	}
	for _, tt := range []struct {
		name   string
		status int
		body   string
		code   provider.Code
		retry  provider.RetryClass
		after  time.Duration
		text   string
	}{
		{"not known", 401, said("unauthorized", "Client is not known"), provider.CodeCredentialInvalid, provider.RetryCredentials, 0, "Client is not known"},
		{"not permitted", 403, said("forbidden", "Not for this CA"), provider.CodePermission, provider.RetryCredentials, 0, "forbidden"},
		{"disabled", 403, said("forbidden", "The tenant is disabled"), provider.CodeAccountDisabled, provider.RetryCredentials, 0, "disabled"},
		{"expired", 401, said("unauthorized", "Certificate expired"), provider.CodeCredentialExpired, provider.RetryCredentials, 0, "expired"},
		{"403 of a proxy", 403, "<html>", provider.CodePermission, provider.RetryNever, 0, "proxy"},
		{"403 of a proxy in JSON", 403, `{"message":"Forbidden"}`, provider.CodePermission, provider.RetryNever, 0, "proxy"},
		{"401 of a proxy", 401, `{"error":"no"}`, provider.CodeCredentialInvalid, provider.RetryNever, 0, ""},
		{"too many calls", 429, said("throttled", "slow down"), provider.CodeRateLimited, provider.RetryBackOff, 7 * time.Second, "slow down"},
		{"maintenance", 503, said("down", "maintenance"), provider.CodeUpstream5xx, provider.RetryBackOff, 7 * time.Second, "maintenance"},
		{"CA is down", 500, said("ca-error", "The CA does not answer"), provider.CodeUpstreamFault, provider.RetryBackOff, 7 * time.Second, "ca-error"},
		{"withdrawn", 410, said("gone", "API v1 is retired"), provider.CodeRetired, provider.RetryNever, 0, "retired"},
		{"bad request", 400, said("invalid-parameter", "no"), provider.CodeUpstreamFault, provider.RetryBackOff, 0, "invalid-parameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := open(t, ca, says(tt.status, tt.body, "Retry-After", "7"), nil).Probe(t.Context())
			var e *provider.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Code != tt.code || e.RetryClass() != tt.retry || e.RetryAfter != tt.after || !strings.Contains(e.Text(), tt.text) || strings.Contains(e.Error(), "secret backend") {
				t.Errorf("got %v (%s, after %v), want %s (%s, after %v) with %q", e, e.RetryClass(), e.RetryAfter, tt.code, tt.retry, tt.after, tt.text)
			}
		})
	}
}

// An answer that is not what it should be is no end of the feed.
func TestAnswersThatTellNothing(t *testing.T) {
	ca, _ := newCA(t, 0)
	for body, code := range map[string]provider.Code{
		`{}`:                           provider.CodeParse,
		`[]`:                           provider.CodeParse,
		`{"events":[]}`:                provider.CodeParse,
		`{"events":{},"hasMore":true}`: provider.CodeParse,
		`{"events":[],"hasMore":true}`: provider.CodeIncompleteListing,
		`{"events":[],"hasMore":true,"nextPageIndex":"same"}`: provider.CodeIncompleteListing,
		`{"events":[],"hasMore":"no"}`:                        provider.CodeParse,
		`{"error":{"message":"in a success"}}`:                provider.CodeParse,
	} {
		p, err := open(t, ca, says(200, body), map[string]string{"caIds": "x"}).(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
		var e *provider.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: %+v, %v; want %s", body, p, err, code)
		}
	}
}

// A position is good for the settings it was made for, and as long as the
// gateway takes its indexes.
func TestPositionsThatAreLost(t *testing.T) {
	ca, _ := newCA(t, 3)
	h := sim.Handler(ca)
	all := list(t, open(t, ca, h, nil), provider.Scan{})
	scan := provider.Scan{Mode: provider.ScanEvents, Position: all[len(all)-1].Position}
	if p := list(t, open(t, ca, h, nil), scan); len(p[0].Records) != 0 {
		t.Errorf("%d records behind the end", len(p[0].Records))
	}
	for name, tt := range map[string]struct {
		h        http.Handler
		settings map[string]string
		position provider.Cursor
	}{
		"another page size":    {h, map[string]string{"pageSize": "20"}, scan.Position},
		"another first day":    {h, map[string]string{"eventsFrom": "2020-01-01"}, scan.Position},
		"the gateway is other": {sim.Handler(ca), nil, scan.Position},
		"none":                 {h, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, ca, tt.h, tt.settings).(provider.Inventory).List(t.Context(), provider.Scan{Mode: provider.ScanEvents, Position: tt.position}, nil)
			if !errors.Is(err, provider.ErrPositionLost) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// With follow=full, there are no events to follow and no position.
func TestFollowFull(t *testing.T) {
	ca, serials := newCA(t, 3)
	s := open(t, ca, sim.Handler(ca), map[string]string{"follow": "full"})
	all := list(t, s, provider.Scan{})
	if last := all[len(all)-1]; s.(provider.Inventory).Mode() != provider.InventoryFull || !last.Full || last.Position != nil {
		t.Errorf("mode %s, last page %+v", s.(provider.Inventory).Mode(), last)
	}
	if n := len(all[0].Records) + len(all[len(all)-1].Records); n != len(serials) {
		t.Errorf("%d records, want %d", n, len(serials))
	}
	if _, err := s.(provider.Inventory).List(t.Context(), provider.Scan{Mode: provider.ScanEvents}, nil); err == nil {
		t.Error("events can be asked for")
	}
}

// Reading the whole feed again neither tells known certificates anew nor asks
// for those whose revocation is known.
func TestTheFeedIsReadAgain(t *testing.T) {
	ca, serials := newCA(t, 20)
	must(t, ca.Revoke(serials[2], "KeyCompromise"))
	must(t, ca.Suspend(serials[5]))
	must(t, ca.Resume(serials[5]))
	s := open(t, ca, sim.Handler(ca), nil)
	stored := map[string]provider.Status{}
	for _, p := range list(t, s, provider.Scan{}) {
		for _, r := range p.Records {
			stored[r.Serial] = r.Status
		}
	}
	if len(stored) != 20 || stored[serials[2]] != provider.StatusRevoked || stored[serials[5]] != provider.StatusValid {
		t.Fatalf("stored %v", stored)
	}
	ca.Misbehave(casim.Fault{}) // counts anew
	var told, seen []string
	known := func(context.Context, []string) (map[string]provider.Status, error) { return stored, nil }
	for _, p := range list(t, s, provider.Scan{Known: known}) {
		for _, r := range p.Records {
			told = append(told, r.Serial)
		}
		seen = append(seen, p.Seen...)
	}
	// That the suspended one is valid again only the gateway can tell.
	if !slices.Equal(told, serials[5:6]) || len(seen) != 19 || ca.Calls("certificates") != 1 {
		t.Errorf("told %v, %d seen, %d certificates asked for", told, len(seen), ca.Calls("certificates"))
	}
}

// A revoked certificate that the gateway does not have any more is told as the
// event tells it.
func TestCertificateThatIsGone(t *testing.T) {
	ca, serials := newCA(t, 2)
	must(t, ca.Revoke(serials[0], "KeyCompromise"))
	honest := sim.Handler(ca)
	s := open(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/certificates/") {
			says(404, `{"type":"ErrorResponse","error":{"code":"certificate-not-found","message":"no"}}`).ServeHTTP(w, r)
			return
		}
		honest.ServeHTTP(w, r)
	}), nil)
	records := map[string]provider.Record{}
	for _, p := range list(t, s, provider.Scan{}) {
		for _, r := range p.Records {
			records[r.Serial] = r
		}
	}
	if r := records[serials[0]]; r.Status != provider.StatusRevoked || r.Reason != 1 || time.Since(r.RevokedAt).Abs() > time.Minute {
		t.Errorf("%+v", r)
	}
}

func TestCAs(t *testing.T) {
	ca, _ := newCA(t, 0)
	h := sim.Handler(ca)
	for _, tt := range []struct {
		name string
		h    http.Handler
		ids  string
		want int
		code provider.Code
	}{
		{"all", h, "", 2, ""},
		{"one", h, sim.CADevice, 1, ""},
		{"unknown", h, "other~ca", 0, provider.CodeProfileUnknown},
		{"none", says(200, `{"caList":[]}`), "", 0, provider.CodeIncompleteListing},
		{"no list", says(200, `{}`), "", 0, provider.CodeParse},
		{"id that is a path", says(200, `{"caList":[{"id":"../x"}]}`), "", 0, provider.CodeParse},
		{"no certificate", says(200, `{"ca":{"certificate":null,"chain":[]}}`), "x", 0, provider.CodeRootInvalid},
		{"chain that is none", says(200, `{"ca":{"certificate":{"certificateData":"AAAA"},"chain":null}}`), "x", 0, provider.CodeRootInvalid},
		{"404 of a proxy", says(404, `<html>`), "x", 0, provider.CodeProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, ca, tt.h, map[string]string{"caIds": tt.ids})
			got, err := s.(provider.RootSource).Authorities(t.Context())
			var e *provider.Error
			if len(got.List) != tt.want || (tt.code != "" && (!errors.As(err, &e) || e.Code != tt.code)) || (tt.code == "" && err != nil) {
				t.Errorf("%d authorities, %v; want %d, %s", len(got.List), err, tt.want, tt.code)
			}
			if tt.code != provider.CodeProfileUnknown {
				return
			}
			if _, err := s.Probe(t.Context()); !errors.As(err, &e) || e.Code != tt.code {
				t.Errorf("Probe: %v", err)
			}
		})
	}
}

// The golden file was checked by eye against the vendor's own clients.
func TestRequests(t *testing.T) {
	ca, serials := newCA(t, 30)
	must(t, ca.Revoke(serials[0], "KeyCompromise"))
	var sent strings.Builder
	h := sim.Handler(ca)
	s := open(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uri := regexp.MustCompile(`nextPageIndex=[^&]+`).ReplaceAllString(r.URL.String(), "nextPageIndex=INDEX")
		uri = strings.ReplaceAll(uri, fmt.Sprintf("%040s", serials[0]), "SERIAL")
		fmt.Fprintf(&sent, "%s %s\n    Accept: %s\n    ca-client-id: %s\n", r.Method, uri, r.Header.Get("Accept"), r.Header.Get("Ca-Client-Id"))
		h.ServeHTTP(w, r)
	}), map[string]string{"clientId": "our id", "pageSize": "10", "eventsFrom": "2019-06-01", "caIds": sim.CAUser})
	_, err := s.Probe(t.Context())
	must(t, err)
	_, err = s.(provider.RootSource).Authorities(t.Context())
	must(t, err)
	fmt.Fprintln(&sent, "-- all")
	all := list(t, s, provider.Scan{})
	fmt.Fprintln(&sent, "-- events")
	list(t, s, provider.Scan{Mode: provider.ScanEvents, Position: all[len(all)-1].Position})
	path := filepath.Join("testdata", "requests.txt")
	if *update {
		must(t, os.WriteFile(path, []byte(sent.String()), 0o600))
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != sent.String() {
		t.Errorf("got:\n%s\nwant (%v):\n%s", sent.String(), err, want)
	}
}

func TestValidateFindsEveryFault(t *testing.T) {
	ca, _ := newCA(t, 0)
	good := provider.Config{ServiceURI: "https://cagw.example.com:8444/cagw/", Credentials: credentials(t, ca), Now: time.Now}
	for name, tt := range map[string]struct {
		change func(c *provider.Config)
		want   string // targets
	}{
		"nothing":        {func(*provider.Config) {}, ""},
		"no address":     {func(c *provider.Config) { c.ServiceURI = "" }, "serviceUri"},
		"http":           {func(c *provider.Config) { c.ServiceURI = "http://cagw.example.com/" }, "serviceUri"},
		"server CAs":     {func(c *provider.Config) { c.ServerCAs = []byte("no") }, "serverCertificateAuthorities"},
		"no certificate": {func(c *provider.Config) { c.Credentials.Certificate = secret.Text{} }, "credentials/authenticationCertificate"},
		"wrong password": {func(c *provider.Config) { c.Credentials.CertificatePassword = secret.Text{} }, "credentials/authenticationCertificatePassword"},
		"expired":        {func(c *provider.Config) { c.Now = func() time.Time { return time.Now().Add(2 * time.Hour) } }, "credentials/authenticationCertificate"},
		"settings": {func(c *provider.Config) {
			c.Settings = map[string]string{"caIds": "a/b", "follow": "x", "eventsFrom": "yesterday", "pageSize": "0", "issueActions": "a,,b", "clientId": "a\r\nb"}
		}, "providerSettings/caIds providerSettings/follow providerSettings/eventsFrom providerSettings/pageSize providerSettings/issueActions providerSettings/clientId"},
		"several together": {func(c *provider.Config) { *c = provider.Config{Now: time.Now} }, "serviceUri credentials/authenticationCertificate"},
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			tt.change(&c)
			var got []string
			for _, p := range entrustgateway.Kind().Validate(c) {
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

// The simulator as a program serves it.
func TestAgainstTheDialect(t *testing.T) {
	ca, _ := newCA(t, 3)
	srv, err := ca.StartAs(t.Context(), "127.0.0.1:0", sim.Dialect())
	must(t, err)
	defer srv.Close()
	s, err := entrustgateway.Kind().Open(t.Context(), provider.Config{
		ServiceURI: srv.URL, ServerCAs: ca.ServerCAs(), Now: time.Now, Credentials: credentials(t, ca),
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
	})
	must(t, err)
	defer s.Close()
	records := 0
	for _, p := range list(t, s, provider.Scan{}) {
		records += len(p.Records)
	}
	if p, err := s.Probe(t.Context()); err != nil || p.Account == "" || records != 3 {
		t.Errorf("%+v, %d records, %v", p, records, err)
	}
}
