package ejbca_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/ejbca"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/ejbca"
	"cloudpki/internal/secret"

	"github.com/google/go-cmp/cmp"
)

func transport(log *slog.Logger) *provider.Transport {
	return provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Logger: log})
}

func open(t testing.TB, c provider.Config) provider.Session {
	t.Helper()
	s, err := ejbca.Kind().Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func scan(t testing.TB, s provider.Session, sc provider.Scan) []provider.Record {
	t.Helper()
	var out []provider.Record
	var after provider.Cursor
	for {
		p, err := s.(provider.Inventory).List(t.Context(), sc, after)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.Records...)
		if !p.More {
			return out
		}
		after = p.Next
	}
}

func TestValidateFindsEveryFault(t *testing.T) {
	w, _ := newWorld(t, 0, casim.Options{})
	token := map[string]string{"tokenUri": "https://login.example/token"}
	certificate := w.credentials(t)
	good := provider.Config{ServiceURI: "https://ca.example:8443/ejbca/ejbca-rest-api", Credentials: certificate, Now: time.Now}
	for name, tt := range map[string]struct {
		change func(c *provider.Config)
		want   string // targets
	}{
		"certificate":            {func(*provider.Config) {}, ""},
		"OAuth":                  {func(c *provider.Config) { c.Settings, c.Credentials = token, login("id", "secret") }, ""},
		"http":                   {func(c *provider.Config) { c.ServiceURI = "http://ca.example/" }, "serviceUri"},
		"server CAs":             {func(c *provider.Config) { c.ServerCAs = []byte("no") }, "serverCertificateAuthorities"},
		"nothing to log in with": {func(c *provider.Config) { c.Credentials = provider.Credentials{} }, "credentials/authenticationCertificate"},
		"no token endpoint":      {func(c *provider.Config) { c.Credentials = login("id", "secret") }, "providerSettings/tokenUri"},
		"no id":                  {func(c *provider.Config) { c.Settings, c.Credentials = token, login("", "secret") }, "credentials/adminUserName"},
		"no secret":              {func(c *provider.Config) { c.Settings, c.Credentials = token, login("id", "") }, "credentials/adminPassword"},
		"both ways":              {func(c *provider.Config) { c.Settings = token }, "providerSettings/tokenUri"},
		"wrong password":         {func(c *provider.Config) { c.Credentials.CertificatePassword = secret.Text{} }, "credentials/authenticationCertificatePassword"},
		"token endpoint in clear": {func(c *provider.Config) {
			c.Settings, c.Credentials = map[string]string{"tokenUri": "http://login.example/token"}, login("id", "secret")
		}, "providerSettings/tokenUri"},
		"settings": {func(c *provider.Config) {
			c.Settings = map[string]string{"caNames": "a\x00", "certificateProfiles": strings.Repeat("x", 300), "scope": "a\nb", "followBy": "luck", "pageSize": "0"}
		}, "providerSettings/caNames providerSettings/certificateProfiles providerSettings/scope providerSettings/followBy providerSettings/pageSize"},
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			tt.change(&c)
			var got []string
			for _, p := range ejbca.Kind().Validate(c) {
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

func login(id, password string) provider.Credentials {
	return provider.Credentials{UserName: id, Password: secret.NewString(password)}
}

// EJBCA's own words say what failed; what does not look like EJBCA's is a
// proxy's, and does not stop the schedule.
func TestFaults(t *testing.T) {
	w, _ := newWorld(t, 1, casim.Options{})
	c := serve(t, w)
	c.Credentials = w.credentials(t)
	s := open(t, c)
	own := func(code int, message string) string {
		return fmt.Sprintf(`{"error_code":%d,"error_message":%q}`, code, message)
	}
	for name, tt := range map[string]struct {
		status int
		body   string
		code   provider.Code
		retry  provider.RetryClass
		says   string
	}{
		"no role":               {403, own(403, "Authentication failed: no role"), provider.CodeCredentialInvalid, provider.RetryCredentials, "(403)"},
		"no permission":         {403, own(403, "Administrator not authorized to resource /ca/7."), provider.CodePermission, provider.RetryCredentials, "resource /ca/7"},
		"401":                   {401, own(401, "who?"), provider.CodeCredentialInvalid, provider.RetryCredentials, "who?"},
		"403 of a proxy":        {403, `<html>no</html>`, provider.CodePermission, provider.RetryNever, ""},
		"403 in another's JSON": {403, `{"message":"no"}`, provider.CodePermission, provider.RetryNever, ""},
		"unknown CA":            {400, own(400, "Invalid search criteria content, unknown CA."), provider.CodeProfileUnknown, provider.RetryNever, "caNames"},
		"unknown profile":       {400, own(400, "Invalid search criteria content, unknown certificate profile."), provider.CodeProfileUnknown, provider.RetryNever, "certificateProfiles"},
		"old":                   {400, own(400, "Invalid search criteria's property, unrecognized."), provider.CodeUnsupported, provider.RetryNever, "followBy"},
		"older":                 {404, own(404, "RESTEASY003210: Could not find resource for full path"), provider.CodeUnsupported, provider.RetryNever, "too old"},
		"malformed":             {400, own(400, "Malformed request."), provider.CodeUpstreamFault, provider.RetryBackOff, "Malformed"},
		"offline":               {503, own(503, "Device was unavailable."), provider.CodeUpstream5xx, provider.RetryBackOff, "Device was unavailable"},
		"general failure":       {500, own(500, "General failure."), provider.CodeUpstream5xx, provider.RetryBackOff, "General failure"},
		"query too slow":        {500, "", provider.CodeUpstream5xx, provider.RetryBackOff, "HTTP 500"},
		"counts nothing":        {200, `{"certificates":[],"pagination_summary":{}}`, provider.CodeIncompleteListing, provider.RetryBackOff, "does not count"},
		"empty object":          {200, `{}`, provider.CodeParse, provider.RetryBackOff, "lacks certificates"},
		"null":                  {200, `null`, provider.CodeParse, provider.RetryBackOff, "lacks certificates"},
		"another type":          {200, `{"certificates":"all"}`, provider.CodeParse, provider.RetryBackOff, "another type"},
	} {
		t.Run(name, func(t *testing.T) {
			f := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", "application/json")
				rw.WriteHeader(tt.status)
				_, _ = rw.Write([]byte(tt.body))
			})
			w.answer.Store(&f)
			_, err := s.(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
			wantFault(t, err, tt.code, tt.retry, tt.says)
		})
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

// A server that counts more than it lists has not listed all.
func TestIncompleteListing(t *testing.T) {
	w, _ := newWorld(t, 0, casim.Options{})
	c := serve(t, w)
	c.Credentials = w.credentials(t)
	f := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		total := 5
		if strings.Contains(body(t, r), "pagination") {
			total = 0
		}
		_, _ = fmt.Fprintf(rw, `{"certificates":[],"pagination_summary":{"total_certs":%d}}`, total)
	})
	w.answer.Store(&f)
	_, err := open(t, c).(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
	wantFault(t, err, provider.CodeIncompleteListing, provider.RetryBackOff, "counts 5")
}

// The token is got once, renewed before its end, and neither it nor the secret
// is logged or told.
func TestOAuth(t *testing.T) {
	w, serials := newWorld(t, 60, casim.Options{})
	c := serve(t, w)
	base := strings.TrimSuffix(c.ServiceURI, sim.Path)
	var log bytes.Buffer
	c.Transport = transport(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	now := time.Now()
	c.Now = func() time.Time { return now }
	c.Settings = map[string]string{"tokenUri": base + sim.TokenPath}
	c.Credentials = login(w.Login().User, w.Login().Password)
	s := open(t, c)
	p, err := s.Probe(t.Context())
	if err != nil || p.Account != "OAuth client operator" {
		t.Fatalf("%+v, %v", p, err)
	}
	if got := scan(t, s, provider.Scan{}); len(got) < len(serials) {
		t.Errorf("%d records", len(got))
	}
	if n := w.Calls("token"); n != 1 {
		t.Errorf("%d tokens for one session", n)
	}
	now = now.Add(sim.Lifetime)
	if _, err := s.Probe(t.Context()); err != nil || w.Calls("token") != 2 {
		t.Errorf("after the end of the token: %d tokens, %v", w.Calls("token"), err)
	}
	if strings.Contains(log.String(), w.Login().Password) || strings.Contains(log.String(), "Bearer") {
		t.Errorf("a secret is in the log:\n%s", log.String())
	}
	c.Credentials = login(w.Login().User, "another")
	_, err = open(t, c).Probe(t.Context())
	wantFault(t, err, provider.CodeCredentialInvalid, provider.RetryCredentials, "invalid_client")
}

// What an authorization server answers instead of a token.
func TestOAuthFaults(t *testing.T) {
	w, _ := newWorld(t, 0, casim.Options{})
	c := serve(t, w)
	c.Settings = map[string]string{"tokenUri": strings.TrimSuffix(c.ServiceURI, sim.Path) + sim.TokenPath, "scope": "pki"}
	c.Credentials = login("id", "canary-of-the-secret")
	for name, tt := range map[string]struct {
		status int
		body   string
		code   provider.Code
		retry  provider.RetryClass
	}{
		"wrong secret":        {401, `{"error":"invalid_client","error_description":"bad canary-of-the-secret"}`, provider.CodeCredentialInvalid, provider.RetryCredentials},
		"wrong secret as 400": {400, `{"error":"invalid_client"}`, provider.CodeCredentialInvalid, provider.RetryCredentials},
		"scope":               {400, `{"error":"invalid_scope"}`, provider.CodePermission, provider.RetryCredentials},
		"401 of a proxy":      {401, `<html></html>`, provider.CodeCredentialInvalid, provider.RetryNever},
		"busy":                {429, `{"error":"slow_down"}`, provider.CodeRateLimited, provider.RetryBackOff},
		"down":                {503, ``, provider.CodeUpstream5xx, provider.RetryBackOff},
		"no token":            {200, `{"token_type":"Bearer"}`, provider.CodeProtocol, provider.RetryBackOff},
		"header in the token": {200, `{"access_token":"a\r\nX: y","token_type":"Bearer"}`, provider.CodeProtocol, provider.RetryBackOff},
		"another type":        {200, `{"access_token":"a","token_type":"mac"}`, provider.CodeProtocol, provider.RetryBackOff},
		"login page":          {200, `<html></html>`, provider.CodeProtocol, provider.RetryBackOff},
	} {
		t.Run(name, func(t *testing.T) {
			f := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path != sim.TokenPath {
					t.Errorf("%s is called without a token", r.URL.Path)
				}
				rw.WriteHeader(tt.status)
				_, _ = rw.Write([]byte(tt.body))
			})
			w.answer.Store(&f)
			_, err := open(t, c).Probe(t.Context())
			wantFault(t, err, tt.code, tt.retry, "")
			if strings.Contains(fmt.Sprint(err), "canary") {
				t.Errorf("the secret is told: %v", err)
			}
		})
	}
}

func TestAuthorities(t *testing.T) {
	w, _ := newWorld(t, 0, casim.Options{})
	c := serve(t, w)
	c.Credentials = w.credentials(t)
	c.Settings["caNames"] = "Simulated User CA, Simulated Device CA"
	got, err := open(t, c).(provider.RootSource).Authorities(t.Context())
	if err != nil || len(got.List) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []struct {
		id    string
		chain int
	}{{"Simulated User CA", 1}, {"Simulated Device CA", 0}} {
		if a := got.List[i]; a.ID != want.id || len(a.Chain) != want.chain || !a.Root.Equal(w.Root()) {
			t.Errorf("authority %d: %q with a chain of %d", i, a.ID, len(a.Chain))
		}
	}
	c.Settings["caNames"] = "Nobody"
	_, err = open(t, c).Probe(t.Context())
	wantFault(t, err, provider.CodeProfileUnknown, provider.RetryNever, "Nobody")
}

func TestProfilesLimitTheInventory(t *testing.T) {
	w, serials := newWorld(t, 7, casim.Options{})
	c := serve(t, w)
	c.Credentials = w.credentials(t)
	c.Settings = map[string]string{"certificateProfiles": "DEVICE", "caNames": "Simulated Device CA"}
	var got []string
	for _, r := range scan(t, open(t, c), provider.Scan{}) {
		got = append(got, r.Serial)
		if r.ProfileID != "DEVICE" {
			t.Errorf("profile %q", r.ProfileID)
		}
	}
	if want := []string{serials[1], serials[3], serials[5]}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStates(t *testing.T) {
	w, serials := newWorld(t, 5, casim.Options{})
	must(t, w.CA.Revoke(serials[0], "KeyCompromise"))
	must(t, w.CA.Suspend(serials[1]))
	w.tell(serials[2], map[string]any{"status": 60})
	expired, err := w.IssueBetween(1, time.Now().AddDate(-1, 0, 0), time.Now().Add(-time.Hour))
	must(t, err)
	c := serve(t, w)
	c.Credentials = w.credentials(t)
	got := map[string]string{}
	for _, r := range scan(t, open(t, c), provider.Scan{}) {
		got[r.Serial] = fmt.Sprint(r.Status, r.Reason, r.RevokedAt.IsZero())
	}
	for serial, want := range map[string]string{
		serials[0]: "revoked1 false", serials[1]: "suspended6 false", serials[2]: "valid-1 true", serials[3]: "valid-1 true", expired[0]: "expired-1 true",
	} {
		if got[serial] != want {
			t.Errorf("%s: got %s, want %s", serial, got[serial], want)
		}
	}
}

// tell changes the columns of one certificate.
func (w *world) tell(serial string, columns map[string]any) {
	f := twist(func(c map[string]any) {
		if c["serialNumber"] == strings.ToUpper(serial) {
			for k, v := range columns {
				c[k] = v
			}
		}
	})
	w.twist.Store(&f)
}

// Certificates are revoked between all pages, so that what follows moves up in
// EJBCA's order by change: none is passed over. All were issued in one second.
func TestNothingIsPassedOverWhileCertificatesChange(t *testing.T) {
	for name, spread := range map[string]time.Duration{"all in one second": 0, "one in a second": time.Second, "twenty in a second": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			at := time.Now().Add(-time.Hour)
			ca, err := casim.New(casim.Options{PageSize: 1000, Now: func() time.Time { return at }})
			must(t, err)
			w := &world{CA: ca}
			var serials []string
			for range 100 {
				one, err := ca.Issue(1)
				must(t, err)
				serials = append(serials, one...)
				at = at.Add(spread)
			}
			c := serve(t, w)
			c.Credentials, c.Settings["pageSize"], c.Now = w.credentials(t), "10", func() time.Time { return at }
			s := open(t, c)
			missing := map[string]bool{}
			for _, x := range serials {
				missing[x] = true
			}
			var after provider.Cursor
			for i := 0; ; i++ {
				p, err := s.(provider.Inventory).List(t.Context(), provider.Scan{}, after)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range p.Records {
					delete(missing, r.Serial)
				}
				if after = p.Next; !p.More {
					break
				}
				if i < 4 { // once told, once to be told
					at = at.Add(spread)
					must(t, ca.Revoke(serials[i*10+9], ""))
					must(t, ca.Revoke(serials[90-i*10], ""))
				}
			}
			if len(missing) > 0 {
				t.Errorf("%d certificates are passed over", len(missing))
			}
		})
	}
}

var update = flag.Bool("update", false, "write the golden files")

// The requests of a session, without what is secret.
func TestRequestsGolden(t *testing.T) {
	for name, settings := range map[string]map[string]string{
		"updates": {"pageSize": "2"},
		"limited": {"pageSize": "500", "caNames": "Simulated User CA", "certificateProfiles": "ENDUSER,DEVICE"},
		"dates":   {"followBy": "dates", "pageSize": "500"},
	} {
		t.Run(name, func(t *testing.T) {
			at := time.Date(2026, 11, 23, 12, 0, 0, 250e6, time.UTC)
			ca, err := casim.New(casim.Options{PageSize: 500, Now: func() time.Time { return at }})
			must(t, err)
			_, err = ca.Issue(3)
			must(t, err)
			w := &world{CA: ca}
			honest := sim.Handler(ca)
			var sent strings.Builder
			f := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(&sent, "%s %s\nAccept: %s\n%s\n", r.Method, r.URL.RequestURI(), r.Header.Get("Accept"), body(t, r))
				honest.ServeHTTP(rw, r)
			})
			w.answer.Store(&f)
			c := serve(t, w)
			c.Credentials, c.Settings, c.Now = w.credentials(t), settings, func() time.Time { return at }
			s := open(t, c)
			visit(t, s)
			golden(t, filepath.Join("testdata", name+".golden"), sent.String())
		})
	}
}

// visit makes one call of each sort.
func visit(t *testing.T, s provider.Session) {
	ctx := context.WithoutCancel(t.Context())
	_, err := s.Probe(ctx)
	must(t, err)
	_, err = s.(provider.RootSource).Authorities(ctx)
	must(t, err)
	_, err = s.(provider.RevocationSource).CRLs(ctx)
	must(t, err)
	scan(t, s, provider.Scan{})
	since := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, m := range []provider.ScanMode{provider.ScanChanged, provider.ScanIssued, provider.ScanRevoked} {
		if (m == provider.ScanChanged) == (s.(provider.Inventory).Mode() == provider.InventoryUpdatedSince) {
			scan(t, s, provider.Scan{Mode: m, Since: since})
		}
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
