package symantec_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/symantec"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// session opens a session to ca, over real TLS.
func session(t *testing.T, ca *casim.CA, settings map[string]string) provider.Session {
	t.Helper()
	return connect(t, ca, settings, credentials(t, ca, time.Hour))
}

func connect(t *testing.T, ca *casim.CA, settings map[string]string, c provider.Credentials) provider.Session {
	t.Helper()
	srv, err := ca.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := symantec.Kind().Open(t.Context(), provider.Config{
		ServiceURI: srv.URL, Settings: settings, ServerCAs: ca.ServerCAs(), Credentials: c, Now: time.Now,
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 5 * time.Second}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// list reads an inventory to its end; between is called after each page.
func list(ctx context.Context, s provider.Session, between func()) (records []provider.Record, skipped []provider.Skipped, err error) {
	var after provider.Cursor
	for {
		p, err := s.(provider.Inventory).List(ctx, provider.Scan{}, after)
		if err != nil {
			return records, skipped, err
		}
		records, skipped = append(records, p.Records...), append(skipped, p.Skipped...)
		if !p.More {
			return records, skipped, nil
		}
		after = p.Next
		if between != nil {
			between()
		}
	}
}

func wantCode(t *testing.T, err error, code provider.Code, says string) *provider.Error {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Error(), says) {
		t.Errorf("got %v, want %s ... %q", err, code, says)
		return new(provider.Error)
	}
	return e
}

func TestFaultsAreClassified(t *testing.T) {
	ca, _ := newCA(t, 3, casim.Options{})
	s := session(t, ca, nil)
	password := "canary-of-adminPassword"
	tests := []struct {
		name   string
		answer casim.Answerer
		code   provider.Code
		says   string
	}{
		{"fault", casim.Fails("E17", "Unexpected\n error"), provider.CodeUpstreamFault, "Unexpected error (E17)"},
		{"fault on authentication", casim.Fails("AUTH", "Client authentication failed"), provider.CodeCredentialInvalid, "AUTH"},
		{"fault on permission", casim.Fails("X", "The administrator is not authorized"), provider.CodePermission, "not authorized"},
		{"fault on a profile", casim.Fails("X", "A request element is not understood"), provider.CodeProfileUnknown, "not understood"},
		{"fault on an account", casim.Fails("X", "Your account is disabled"), provider.CodeAccountDisabled, "disabled"},
		{"fault that repeats a secret", casim.Fails(password, "sent "+password), provider.CodeUpstreamFault, "REDACTED"},
		{"fault of great length", casim.Fails(strings.Repeat("x", 1000), strings.Repeat("y", 100_000)), provider.CodeUpstreamFault, "…"},
		{"fault of SOAP 1.2", answer(500, `<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code><e:Reason><e:Text>no luck</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>`), provider.CodeUpstreamFault, "no luck"},
		{"fault with HTTP 200", answer(200, `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>x</faultcode><faultstring>sorry</faultstring></e:Fault></e:Body></e:Envelope>`), provider.CodeUpstreamFault, "sorry"},
		{"fault with HTTP 403", answer(403, `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultstring>sorry</faultstring></e:Fault></e:Body></e:Envelope>`), provider.CodePermission, "sorry"},
		{"HTML 503", casim.Status(503, "<html>"), provider.CodeUpstream5xx, "503"},
		{"HTML 500", casim.Status(500, "<html>"), provider.CodeUpstream5xx, "500"},
		{"fault with HTTP 401", answer(401, `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultstring>sorry</faultstring></e:Fault></e:Body></e:Envelope>`), provider.CodeCredentialInvalid, "sorry"},
		{"HTML 401", casim.Status(401, "<html>"), provider.CodeCredentialInvalid, "401"},
		{"HTML 403", casim.Status(403, "<html>"), provider.CodePermission, "403"},
		{"410", casim.Status(410, ""), provider.CodeRetired, "410"},
		{"HTML 200", casim.Status(200, "<html><body>Sign in</body></html>"), provider.CodeProtocol, "does not answer with SOAP"},
		{"nothing", casim.Status(200, ""), provider.CodeProtocol, "does not answer with SOAP"},
		{"JSON", casim.Status(200, `{"ok":true}`), provider.CodeProtocol, "does not answer with SOAP"},
		{"broken XML", casim.Body(func(b []byte) []byte { return b[:len(b)-20] }), provider.CodeParse, "broken XML"},
		{"another answer", answer(200, `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><other/></e:Body></e:Envelope>`), provider.CodeProtocol, "other"},
		{"another namespace", casim.Body(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("pkiservices"), []byte("elsewhere")) }), provider.CodeProtocol, "the answer is"},
		{"17 MiB", answer(200, "<Envelope>"+strings.Repeat(" ", 17<<20)), provider.CodeProtocol, "larger than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ca.Misbehave(casim.Fault{Answer: tt.answer})
			_, probe := s.Probe(t.Context())
			_, roots := s.(provider.RootSource).Authorities(t.Context())
			_, page := s.(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
			for _, err := range []error{probe, roots, page} {
				e := wantCode(t, err, tt.code, tt.says)
				if len(e.Error()) > 1024 || len(e.UpstreamCode) > 64 || strings.Contains(e.Error(), password) {
					t.Errorf("unfit to show: %v", e)
				}
			}
		})
	}
}

func answer(status int, body string) casim.Answerer { return casim.Status(status, body) }

// Only the service itself can end the schedule, not a proxy before it.
func TestForeignRefusalsAreTriedAgain(t *testing.T) {
	ca, _ := newCA(t, 0, casim.Options{})
	s := session(t, ca, nil)
	const own = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultstring>sorry</faultstring></e:Fault></e:Body></e:Envelope>`
	for name, tt := range map[string]struct {
		answer casim.Answerer
		retry  provider.RetryClass
	}{
		"HTML 401":              {answer(401, "<html>"), provider.RetryNever},
		"HTML 403":              {answer(403, "<html>"), provider.RetryNever},
		"401 with a challenge":  {casim.Status(401, "<html>", "WWW-Authenticate", "Negotiate"), provider.RetryCredentials},
		"fault with HTTP 401":   {answer(401, own), provider.RetryCredentials},
		"fault with HTTP 403":   {answer(403, own), provider.RetryCredentials},
		"fault on a permission": {casim.Fails("X", "The administrator is not authorized"), provider.RetryCredentials},
	} {
		ca.Misbehave(casim.Fault{Answer: tt.answer})
		_, err := s.Probe(t.Context())
		var e *provider.Error
		if !errors.As(err, &e) || e.RetryClass() != tt.retry {
			t.Errorf("%s: %v, want retry class %s", name, err, tt.retry)
		}
	}
}

// A sync asks for the policies once: Authorities takes what Probe was told, and
// asks anew the next time.
func TestProbesAnswerServesAuthorities(t *testing.T) {
	ca, _ := newCA(t, 0, casim.Options{})
	s := session(t, ca, nil)
	if _, err := s.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	for want := 1; want <= 2; want++ {
		if a, err := s.(provider.RootSource).Authorities(t.Context()); err != nil || len(a.List) != 2 {
			t.Errorf("%d authorities, %v", len(a.List), err)
		}
		if n := ca.Calls("requestPolicies"); n != want {
			t.Errorf("requestPolicies was called %d times, want %d", n, want)
		}
	}
}

func TestRefusedClientCertificate(t *testing.T) {
	ca, _ := newCA(t, 0, casim.Options{})
	other, _ := newCA(t, 0, casim.Options{})
	_, err := connect(t, ca, nil, credentials(t, other, time.Hour)).Probe(t.Context())
	wantCode(t, err, provider.CodeTLSClientRejected, "authenticationCertificate")
}

func TestAuthorities(t *testing.T) {
	ca, _ := newCA(t, 0, casim.Options{UpdateHours: 12})
	a, err := session(t, ca, nil).(provider.RootSource).Authorities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(a.List) != 2 || a.NextSync != 12*time.Hour || a.TxID == "" {
		t.Fatalf("%d authorities, hint %v, transaction %q", len(a.List), a.NextSync, a.TxID)
	}
	for i, want := range []struct {
		id, profile string
		chain       int
	}{{"Simulated User CA", casim.ProfileUser, 1}, {"101", casim.ProfileDevice, 0}} {
		got := a.List[i]
		if got.ID != want.id || len(got.Chain) != want.chain || !got.Root.Equal(ca.Root()) || !slices.Equal(got.ProfileIDs, []string{want.profile}) {
			t.Errorf("authority %d: %q, chain of %d, profiles %v", i, got.ID, len(got.Chain), got.ProfileIDs)
		}
	}
	filtered := session(t, ca, map[string]string{"profileOIDs": casim.ProfileDevice})
	if a, err = filtered.(provider.RootSource).Authorities(t.Context()); err != nil || len(a.List) != 1 || a.List[0].ID != "100" {
		t.Errorf("of one profile: %+v, %v", a.List, err)
	}
	unknown := session(t, ca, map[string]string{"profileOIDs": "2.16.840.1.113733.1.16.1.2.3.1.1.9"})
	_, err = unknown.Probe(t.Context())
	wantCode(t, err, provider.CodeProfileUnknown, "POLICY_NOT_FOUND")
}

func TestAuthoritiesAreChecked(t *testing.T) {
	ca, _ := newCA(t, 1, casim.Options{})
	leaf := ca.Certificates()[0].DER
	s, one := session(t, ca, nil), session(t, ca, map[string]string{"profileOIDs": casim.ProfileDevice})
	tests := []struct {
		name string
		s    provider.Session
		bad  func(a *casim.PoliciesAnswer)
		code provider.Code
		says string
	}{
		{"leaf as root", s, func(a *casim.PoliciesAnswer) { a.CAs[0].Root = encode(leaf) }, provider.CodeRootInvalid, `"Simulated User CA": its root is not a self-signed`},
		{"intermediate as root", s, func(a *casim.PoliciesAnswer) { a.CAs[0].Root = a.CAs[0].Intermediates[0] }, provider.CodeRootInvalid, "its root is not a self-signed"},
		{"no root", s, func(a *casim.PoliciesAnswer) { a.CAs[1].Root = "" }, provider.CodeRootInvalid, "root certificate cannot be read"},
		{"broken issuing CA", s, func(a *casim.PoliciesAnswer) { a.CAs[0].Certificate = "AAAA" }, provider.CodeRootInvalid, "its certificate cannot be read"},
		{"without intermediate", s, func(a *casim.PoliciesAnswer) { a.CAs[0].Intermediates = nil }, provider.CodeRootInvalid, "does not chain"},
		{"broken intermediate", s, func(a *casim.PoliciesAnswer) { a.CAs[0].Intermediates = []string{"!"} }, provider.CodeRootInvalid, "intermediate certificate cannot be read"},
		{"leaf as issuing CA", s, func(a *casim.PoliciesAnswer) { a.CAs[0].Certificate = encode(leaf) }, provider.CodeRootInvalid, "does not chain"},
		{"empty list", s, func(a *casim.PoliciesAnswer) { a.CAs = nil }, provider.CodeIncompleteListing, "no issuing CA"},
		{"nothing changed, nothing told", s, func(a *casim.PoliciesAnswer) { a.Response.NotChanged, a.CAs, a.OIDs = true, nil, nil }, provider.CodeIncompleteListing, "no issuing CA"},
		{"profile not told", one, func(a *casim.PoliciesAnswer) { a.OIDs = nil }, provider.CodeProfileUnknown, "no certificate profile"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ca.Misbehave(casim.Fault{Policies: tt.bad})
			_, err := tt.s.(provider.RootSource).Authorities(t.Context())
			wantCode(t, err, tt.code, tt.says)
		})
	}
}

func TestTransactionIDsDiffer(t *testing.T) {
	ca, _ := newCA(t, 0, casim.Options{})
	s := session(t, ca, nil)
	seen := map[string]bool{}
	ca.Misbehave(casim.Fault{Policies: func(a *casim.PoliciesAnswer) { seen[a.ClientTx] = true }})
	for range 5 {
		if _, err := s.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 5 || seen[""] {
		t.Errorf("ids of five calls: %v", seen)
	}
}
