package vault_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sim "cloudpki/internal/casim/vault"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/provider/vault"
	"cloudpki/internal/secret"

	"github.com/google/go-cmp/cmp"
)

// A session is all that a session of the kind can do.
type session interface {
	provider.Session
	provider.RootSource
	provider.Inventory
	provider.RevocationSource
}

// listen serves a fixture whose configuration logs in by token.
func listen(t *testing.T, issued int, o sim.Options) stand {
	t.Helper()
	s := fixture(t, providertest.World{Issued: issued}, o)
	byToken(t, &s.Config, s.ca)
	srv := httptest.NewUnstartedServer(s.Handler)
	srv.TLS = s.TLS
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	s.Config.ServiceURI, s.Config.Now = srv.URL, time.Now
	s.Config.Transport = provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	return s
}

func (s stand) open(t *testing.T) session {
	t.Helper()
	opened, err := vault.Kind().Open(t.Context(), s.Config)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened.(session)
}

// list reads an inventory to its end; between is called after each page.
func list(t *testing.T, open func() session, scan provider.Scan, between func()) (out provider.Page) {
	t.Helper()
	inv := open()
	var after provider.Cursor
	for {
		p, err := inv.List(t.Context(), scan, after)
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		out.Records = append(out.Records, p.Records...)
		out.Seen = append(out.Seen, p.Seen...)
		out.Skipped = append(out.Skipped, p.Skipped...)
		if !p.More {
			out.Full, out.Total = p.Full, p.Total
			return out
		}
		after = p.Next
		if between != nil {
			between()
			inv = open() // as after a restart
		}
	}
}

func serialsOf(p provider.Page) []string {
	var out []string
	for _, r := range p.Records {
		out = append(out, r.Serial)
	}
	out = append(out, p.Seen...)
	slices.Sort(out)
	return out
}

func known(stored map[string]provider.Status) provider.Scan {
	return provider.Scan{Known: func(_ context.Context, serials []string) (map[string]provider.Status, error) {
		found := map[string]provider.Status{}
		for _, serial := range serials {
			if status, ok := stored[serial]; ok {
				found[serial] = status
			}
		}
		return found, nil
	}}
}

func all(serials []string, status provider.Status) map[string]provider.Status {
	out := map[string]provider.Status{}
	for _, s := range serials {
		out[s] = status
	}
	return out
}

// However the server pages, and whatever is issued meanwhile, nothing that was
// there is passed over, and what is known costs nothing.
func TestListingIsComplete(t *testing.T) {
	for _, issued := range []int{0, 1, 500, 501} {
		for name, o := range map[string]sim.Options{"all at once": {}, "by pages": {Paging: true}} {
			s := listen(t, issued, o)
			scan := known(all(s.Serials, provider.StatusValid))
			got := list(t, func() session { return s.open(t) }, scan, func() { s.Issue(3) })
			for _, serial := range s.Serials {
				if !slices.Contains(got.Seen, serial) {
					t.Fatalf("%d, %s: certificate %s is passed over", issued, name, serial)
				}
			}
			if !got.Full || len(got.Skipped) > 0 {
				t.Errorf("%d, %s: full %v, skipped %d", issued, name, got.Full, len(got.Skipped))
			}
		}
	}
}

// A server that passes over after, and sends as many as were asked for, is
// asked for all: what it sent may be a part.
func TestListThatLooksLikeAPage(t *testing.T) {
	s := listen(t, 499, sim.Options{}) // with the root of the mount, 500 are listed
	got := list(t, func() session { return s.open(t) }, known(all(s.Serials, provider.StatusValid)), nil)
	if diff := cmp.Diff(slices.Sorted(slices.Values(s.Serials)), serialsOf(got)); diff != "" || !got.Full {
		t.Errorf("full %v; listed (-want +got):\n%s", got.Full, diff)
	}
	if n := s.made("/pki/certs"); n > 4 {
		t.Errorf("%d lists were asked for", n)
	}
}

// A sync that finds nothing new is a few calls, whatever the length.
func TestUnchangedMountIsAFewCalls(t *testing.T) {
	s := listen(t, 600, sim.Options{})
	inv := s.open(t)
	s.forget()
	got := list(t, func() session { return inv }, known(all(s.Serials, provider.StatusValid)), nil)
	if n := s.made("/v1/"); len(got.Seen) != 600 || n > 8 || s.made("/cert/") != 0 {
		t.Errorf("%d seen by %d calls: %q", len(got.Seen), n, s.calls)
	}
	if got.Total != 600 {
		t.Errorf("total %d, want 600", got.Total)
	}
}

// Old versions have one issuer and no list of what is revoked.
func TestOldVersion(t *testing.T) {
	s := listen(t, 4, sim.Options{NoIssuers: true, NoRevoked: true})
	inv := s.open(t)
	got, err := inv.Authorities(t.Context())
	if err != nil || len(got.List) != 1 || !got.List[0].Root.Equal(s.ca.Root()) || len(got.List[0].Chain) != 1 {
		t.Errorf("authorities %+v, %v; want one under the root", got.List, err)
	}
	stored := all(s.Serials, provider.StatusValid)
	s.Revoke(s.Serials[0]) // of the issuer whose list an old version has
	page := list(t, func() session { return s.open(t) }, known(stored), nil)
	if len(page.Records) != 1 || page.Records[0].Serial != s.Serials[0] || page.Records[0].Status != provider.StatusRevoked {
		t.Errorf("records %+v, want the one that was revoked", page.Records)
	}
	stored[s.Serials[0]], stored[s.Serials[2]] = provider.StatusRevoked, provider.StatusRevoked
	if page = list(t, func() session { return s.open(t) }, known(stored), nil); len(page.Records) != 0 {
		t.Errorf("%d records: a list that leaves out what has expired takes no revocation back", len(page.Records))
	}
}

// What the CA lies about is kept with a reason, and stops nothing.
func TestLies(t *testing.T) {
	s := listen(t, 3, sim.Options{})
	honest := list(t, func() session { return s.open(t) }, provider.Scan{}, nil)
	for name, lie := range map[string]func(path string, data map[string]any){
		"another certificate": func(path string, data map[string]any) {
			if strings.HasSuffix(path, "/cert/"+key(s.Serials[0])) {
				for _, r := range honest.Records {
					if r.Serial == s.Serials[1] {
						data["certificate"] = pemOf(r.DER)
					}
				}
			}
		},
		"no certificate": func(path string, data map[string]any) {
			if strings.HasSuffix(path, "/cert/"+key(s.Serials[0])) {
				delete(data, "certificate")
			}
		},
		"time of another type": func(path string, data map[string]any) {
			if strings.HasSuffix(path, "/cert/"+key(s.Serials[0])) {
				data["revocation_time"] = map[string]any{}
			}
		},
		"no serial number": func(path string, data map[string]any) {
			if keys, ok := data["keys"].([]any); ok && strings.HasSuffix(path, "/certs") {
				data["keys"] = slices.DeleteFunc(append(keys, "../../sys/seal"+strings.Repeat("x", 1000)), func(k any) bool { return keyText(k) == key(s.Serials[0]) })
			}
		},
	} {
		s.twist(lie)
		got := list(t, func() session { return s.open(t) }, provider.Scan{}, nil)
		if len(got.Records) != 2 || len(got.Skipped) != 1 || got.Skipped[0].Reason == "" || len(got.Skipped[0].Raw) == 0 {
			t.Errorf("%s: %d records, skipped %+v; want 2 and 1", name, len(got.Records), got.Skipped)
		}
	}
}

// The token of a login is replaced in its second half, and ended at the end.
func TestLoginLastsAsLongAsTheSession(t *testing.T) {
	s := listen(t, 1, sim.Options{})
	s.Config.Credentials = provider.Credentials{}
	byUserpass(t, &s.Config, s.ca)
	var ahead atomic.Int64
	s.Config.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	inv := s.open(t)
	ahead.Store(int64(31 * time.Minute)) // of an hour
	for range 2 {
		list(t, func() session { return inv }, provider.Scan{}, nil)
	}
	if n, m := s.made("/login/"), s.api.Open(); n != 2 || m != 1 {
		t.Errorf("%d logins, of which %d live; want 2 and 1", n, m)
	}
	for range 2 {
		if err := inv.Close(); err != nil {
			t.Error(err)
		}
	}
	if n, m := s.made("revoke-self"), s.api.Open(); n != 2 || m != 0 {
		t.Errorf("%d were ended, %d live; want 2 and none", n, m)
	}
}

// A token that was given is not ended.
func TestGivenTokenIsKept(t *testing.T) {
	s := listen(t, 1, sim.Options{})
	inv := s.open(t)
	if _, err := inv.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := inv.Close(); err != nil || s.made("revoke-self") != 0 {
		t.Errorf("the token was ended; %v", err)
	}
}

// What a server says is told in its words, with what is to be done.
func TestWordsOfFailures(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		code   provider.Code
		retry  provider.RetryClass
		says   string
	}{
		{403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`, provider.CodePermission, provider.RetryCredentials, "permission denied; the token's policies lack"},
		{403, `{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}`, provider.CodeCredentialInvalid, provider.RetryCredentials, "replace credentials/adminPassword"},
		{400, `{"errors":["missing client token"]}`, provider.CodeCredentialInvalid, provider.RetryCredentials, "missing client token"},
		{404, `{"errors":["no handler for route \"pki/issuers/\". route entry not found."]}`, provider.CodeProtocol, provider.RetryNever, "set providerSettings mount"},
		{412, `{"errors":["required index state not present"]}`, provider.CodeUpstreamFault, provider.RetryBackOff, "required index state"},
		{429, `{"errors":["rate limit quota exceeded"]}`, provider.CodeRateLimited, provider.RetryBackOff, "quota exceeded"},
		{472, ``, provider.CodeProtocol, provider.RetryBackOff, "standby"},
		{473, `{}`, provider.CodeProtocol, provider.RetryBackOff, "standby"},
		{500, `{"errors":["internal error"]}`, provider.CodeUpstreamFault, provider.RetryBackOff, "internal error"},
		{502, `{"errors":["bad gateway"]}`, provider.CodeUpstream5xx, provider.RetryBackOff, "bad gateway"},
		{503, `{"errors":["Vault is sealed"]}`, provider.CodeUpstream5xx, provider.RetryBackOff, "unsealed by its operators"},
		{200, `{"data":{"keys":"x"}}`, provider.CodeParse, provider.RetryBackOff, "another type"},
		{200, `{"data":{"keys":[]}}`, provider.CodeUpstreamFault, provider.RetryBackOff, "no issuer yet"},
	} {
		s := listen(t, 0, sim.Options{})
		s.honest = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body)) // the client sees a cut answer
		})
		_, err := s.open(t).List(t.Context(), provider.Scan{}, nil)
		var e *provider.Error
		if !errors.As(err, &e) || e.Code != c.code || e.RetryClass() != c.retry || !strings.Contains(e.Text(), c.says) {
			t.Errorf("%d %s: %v (retry %s), want %s, %s, %q", c.status, c.body, err, e.RetryClass(), c.code, c.retry, c.says)
		}
	}
}

// A configuration is judged without a connection, each member by its name.
func TestValidate(t *testing.T) {
	good := func() provider.Config {
		return provider.Config{
			ServiceURI: "https://vault.example.com:8200", Settings: map[string]string{}, Now: time.Now,
			Credentials: provider.Credentials{Password: secret.NewString("hvs.x\n")},
		}
	}
	for name, c := range map[string]struct {
		change func(*provider.Config)
		want   []string
	}{
		"token":              {func(*provider.Config) {}, nil},
		"nothing":            {func(c *provider.Config) { *c = provider.Config{Now: time.Now} }, []string{"serviceUri", "credentials/adminPassword"}},
		"no token":           {func(c *provider.Config) { c.Credentials.Password = secret.NewString("a\nb") }, []string{"credentials/adminPassword"}},
		"approle by halves":  {func(c *provider.Config) { c.Settings["authMethod"] = "approle" }, []string{"credentials/adminUserName"}},
		"user by halves":     {func(c *provider.Config) { c.Credentials = provider.Credentials{UserName: "u"} }, []string{"credentials/adminPassword"}},
		"cert without one":   {func(c *provider.Config) { c.Settings["authMethod"] = "cert" }, []string{"credentials/authenticationCertificate"}},
		"both":               {func(c *provider.Config) { c.Credentials.Certificate = secret.NewString("x") }, []string{"providerSettings/authMethod", "credentials/authenticationCertificate"}},
		"paths":              {func(c *provider.Config) { c.Settings["mount"], c.Settings["namespace"] = "a/../b", "\n" }, []string{"providerSettings/mount", "providerSettings/namespace"}},
		"slashes around":     {func(c *provider.Config) { c.Settings["mount"] = "/teams/pki/" }, nil},
		"names":              {func(c *provider.Config) { c.Settings["issuer"], c.Settings["authRole"] = "a/b", ".." }, []string{"providerSettings/issuer", "providerSettings/authRole"}},
		"unknown method":     {func(c *provider.Config) { c.Settings["authMethod"] = "github" }, []string{"providerSettings/authMethod", "credentials/adminUserName"}},
		"root that is none":  {func(c *provider.Config) { c.Settings["rootCertificate"] = "x" }, []string{"providerSettings/rootCertificate"}},
		"server certificate": {func(c *provider.Config) { c.ServerCAs = []byte("x") }, []string{"serverCertificateAuthorities"}},
	} {
		config := good()
		c.change(&config)
		var got []string
		for _, p := range vault.Kind().Validate(config) {
			got = append(got, p.Target)
			if p.Msg == "" || p.Code == "" {
				t.Errorf("%s: %+v says too little", name, p)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// The address may be that of the API, and the mount be deep.
func TestAddressAndMount(t *testing.T) {
	s := listen(t, 1, sim.Options{})
	s.Config.ServiceURI += "/v1"
	if _, err := s.open(t).Authorities(t.Context()); err != nil {
		t.Error(err)
	}
	s.Config.Settings["mount"], s.Config.Settings["namespace"] = "/teams/net work/", "ns1"
	s.forget()
	if _, err := s.open(t).Authorities(t.Context()); err == nil || s.made("/v1/teams/net work/issuers") != 1 || !strings.Contains(err.Error(), "namespace 'ns1'") {
		t.Errorf("%v after %q", err, s.calls)
	}
}

// A root that the mount does not have comes from an admin.
func TestGivenRoot(t *testing.T) {
	s := listen(t, 1, sim.Options{Foreign: true})
	got, err := s.open(t).Authorities(t.Context())
	if err != nil || len(got.List) != 2 || got.List[0].Root != nil || got.List[1].Root != nil {
		t.Fatalf("authorities %+v, %v; want two without a root", got.List, err)
	}
	s.Config.Settings["rootCertificate"] = pemOf(s.ca.Root().Raw)
	got, err = s.open(t).Authorities(t.Context())
	if err != nil || len(got.List) != 2 || !got.List[0].Root.Equal(s.ca.Root()) || !got.List[1].Root.Equal(s.ca.Root()) {
		t.Errorf("authorities %+v, %v; want two under the given root", got.List, err)
	}
}

// A certificate logs in by itself, to a role or to any, and a token that may
// not look itself up is proved by the list.
func TestCertificateLogin(t *testing.T) {
	s := listen(t, 1, sim.Options{NoLookup: true})
	pfx, password, err := s.ca.IssueRA("cloudpki.example", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Credentials = provider.Credentials{Certificate: secret.New(pfx), CertificatePassword: secret.NewString(password)}
	for role, good := range map[string]bool{"": true, "ra": true, "another": false} {
		s.Config.Settings["authRole"] = role
		opened, err := vault.Kind().Open(t.Context(), s.Config)
		if err == nil {
			_, err = opened.Probe(t.Context())
			err = errors.Join(err, opened.Close())
		}
		if (err == nil) != good {
			t.Errorf("role %q: %v", role, err)
		}
	}
	if n := s.api.Open(); n != 0 {
		t.Errorf("%d tokens of logins live", n)
	}
}

// A server that sends the same again, or its issuers alone, ends no listing
// early: it is asked for all.
func TestListThatRepeatsItself(t *testing.T) {
	s := listen(t, 3, sim.Options{})
	honest := s.honest
	s.honest = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/certs") || r.URL.Query().Get("limit") == "" {
			honest.ServeHTTP(w, r)
			return
		}
		root := key(s.ca.Root().SerialNumber.Text(16))
		_, _ = w.Write([]byte(`{"data":{"keys":["` + root + strings.Repeat(`","`+root, 99) + `"]}}`)) // the client sees a cut answer
	})
	if got := list(t, func() session { return s.open(t) }, provider.Scan{}, nil); len(got.Records) != 3 || !got.Full {
		t.Errorf("%d records, full %v; want 3", len(got.Records), got.Full)
	}
}
