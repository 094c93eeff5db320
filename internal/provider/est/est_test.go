package est_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/casim"
	casimest "cloudpki/internal/casim/est"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/est"
	"cloudpki/internal/secret"
)

// A server is a simulated CA that listens.
type server struct {
	*httptest.Server

	ca   *casim.CA
	mu   sync.Mutex
	seen []string // requests: "GET /.well-known/est/cacerts Basic"
}

func newServer(t *testing.T, conf func(*tls.Config), answers map[string]http.HandlerFunc) *server {
	t.Helper()
	s := &server{ca: newCA(t, 0)}
	honest := casimest.Dialect().Handler(s.ca)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		login, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		s.mu.Lock()
		s.seen = append(s.seen, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+login))
		s.mu.Unlock()
		if h, ok := answers[r.URL.Path]; ok {
			h(w, r)
			return
		}
		honest.ServeHTTP(w, r)
	}))
	s.TLS = serverTLS(s.ca)
	if conf != nil {
		conf(s.TLS)
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Server.Close)
	return s
}

// requests returns what was asked for so far.
func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func (s *server) config() provider.Config {
	return provider.Config{
		ServiceURI: s.URL, ServerCAs: s.ca.ServerCAs(), Settings: map[string]string{}, Now: time.Now,
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
	}
}

// A session is all that a session of EST can do.
type session interface {
	provider.Session
	provider.RootSource
	provider.RevocationSource
}

func open(t *testing.T, c provider.Config) session {
	t.Helper()
	s, err := est.Kind().Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // it has nothing to lose
	full, ok := s.(session)
	if !ok {
		t.Fatalf("%T lacks a capability that its kind declares", s)
	}
	return full
}

// The requests are those of RFC 7030. The password goes with the call that may
// ask for it, and with no other.
func TestRequests(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		uri, label string
		want       string
	}{
		"host":                      {"", "", "GET /.well-known/est/cacerts|GET /.well-known/est/csrattrs Basic"},
		"label":                     {"", "user", "GET /.well-known/est/user/cacerts|GET /.well-known/est/user/csrattrs Basic"},
		"well-known path":           {"/.well-known/est", "", "GET /.well-known/est/cacerts|GET /.well-known/est/csrattrs Basic"},
		"well-known path and label": {"/.well-known/est/", "device", "GET /.well-known/est/device/cacerts|GET /.well-known/est/device/csrattrs Basic"},
		"label in the path":         {"/.well-known/est/device", "", "GET /.well-known/est/device/cacerts|GET /.well-known/est/device/csrattrs Basic"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil, nil)
			c := s.config()
			c.ServiceURI += test.uri
			c.Settings["label"] = test.label
			c.Credentials = basic(s.ca)
			p, err := open(t, c).Probe(t.Context())
			if err != nil || p.Account != s.ca.Login().User {
				t.Fatalf("account %q, %v", p.Account, err)
			}
			if got := strings.Join(s.requests(), "|"); got != test.want {
				t.Errorf("requests\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestLogins(t *testing.T) {
	t.Parallel()
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, nil, nil)
		if _, err := open(t, s.config()).Probe(t.Context()); err != nil || s.ca.Calls("csrattrs") != 0 {
			t.Errorf("%v, with %d calls for attributes that nobody can make", err, s.ca.Calls("csrattrs"))
		}
	})
	t.Run("client certificate", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, func(conf *tls.Config) { conf.ClientAuth = tls.RequireAndVerifyClientCert }, nil)
		c := s.config()
		_, err := open(t, c).Probe(t.Context())
		wantFault(t, err, provider.CodeTLSClientRejected, "")
		c.Credentials = byCertificate(t, s.ca)
		if p, err := open(t, c).Probe(t.Context()); err != nil || !strings.Contains(p.Account, "ra.example") {
			t.Errorf("account %q, %v", p.Account, err)
		}
	})
	t.Run("server that has no attributes", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{204, 404, 405, 501} {
			s := newServer(t, nil, map[string]http.HandlerFunc{"/.well-known/est/csrattrs": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }})
			c := s.config()
			c.Credentials = basic(s.ca)
			if _, err := open(t, c).Probe(t.Context()); err != nil {
				t.Errorf("HTTP %d: %v", status, err)
			}
		}
	})
}

func TestRootFingerprint(t *testing.T) {
	t.Parallel()
	pki := newPKI(t)
	cacerts := map[string]http.HandlerFunc{"/.well-known/est/cacerts": pki.cacerts}
	own := func(conf *tls.Config) { conf.Certificates = []tls.Certificate{pki.server} }
	sum := sha256.Sum256(pki.root.Raw)
	right := hex.EncodeToString(sum[:])
	for name, test := range map[string]struct {
		conf        func(*tls.Config)
		fingerprint string
		fault       string // of code tls_server; "" is success
	}{
		"right":                           {own, right, ""},
		"with colons, in upper case":      {own, strings.ToUpper(right[:2] + ":" + right[2:]), ""},
		"wrong":                           {own, strings.Repeat("00", 32), "fingerprint"},
		"server under another CA":         {nil, right, "is not signed under the root"},
		"server that wants a certificate": {func(conf *tls.Config) { own(conf); conf.ClientAuth = tls.RequireAnyClientCert }, right, "serverCertificateAuthorities in its place"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, test.conf, cacerts)
			c := s.config()
			c.ServerCAs, c.Settings["rootFingerprint"] = nil, test.fingerprint
			c.Credentials = basic(s.ca)
			opened, err := est.Kind().Open(t.Context(), c)
			if err == nil {
				defer func() { _ = opened.Close() }()
				_, err = opened.Probe(t.Context())
			}
			if test.fault != "" {
				wantFault(t, err, provider.CodeTLSServer, test.fault)
			} else if err != nil {
				t.Fatal(err)
			}
			for _, r := range s.requests() {
				if test.fault != "" && strings.HasSuffix(r, "Basic") {
					t.Errorf("the password was sent to a server that is not trusted: %s", r)
				}
			}
		})
	}
}

// Both certificates of a rollover reach the caller, so that it can see that the
// old root vouches for the new.
func TestRolloverCertificatesArePassedOn(t *testing.T) {
	t.Parallel()
	pki := newPKI(t)
	s := newServer(t, nil, map[string]http.HandlerFunc{"/.well-known/est/cacerts": pki.cacerts})
	found, err := open(t, s.config()).Authorities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	crossed := map[string]bool{}
	for _, a := range found.List {
		for _, c := range a.Chain {
			if a.Issuing == nil && c.CheckSignatureFrom(a.Root) == nil {
				crossed[string(c.Raw)] = true
			}
		}
	}
	if !crossed[string(pki.newWithOld.Raw)] || !crossed[string(pki.oldWithNew.Raw)] || len(crossed) != 2 {
		t.Errorf("%d rollover certificates in the chains, want NewWithOld and OldWithNew", len(crossed))
	}
}

func TestAuthoritiesFaults(t *testing.T) {
	t.Parallel()
	pki := newPKI(t)
	const path = "/.well-known/est/cacerts"
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		code   provider.Code
		text   string
	}{
		"no EST service":    {http.NotFound, provider.CodeProtocol, "no EST service at " + path},
		"a page":            {body("<html>"), provider.CodeProtocol, "page for people"},
		"nothing":           {body(""), provider.CodeParse, "cacerts"},
		"no PKCS#7":         {body("AAAA"), provider.CodeParse, "PKCS#7"},
		"an issuer hangs":   {pki.answer(pki.old, pki.issuing), provider.CodeUpstreamFault, "CN=Issuing"},
		"no CA certificate": {pki.answer(pki.leaf), provider.CodeUpstreamFault, "no certificate of a CA"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil, map[string]http.HandlerFunc{path: test.answer})
			_, err := open(t, s.config()).Authorities(t.Context())
			wantFault(t, err, test.code, test.text)
		})
	}
}

// A server that leaves out its root tells at least who issues.
func TestWithoutARoot(t *testing.T) {
	t.Parallel()
	pki := newPKI(t)
	s := newServer(t, nil, map[string]http.HandlerFunc{"/.well-known/est/cacerts": pki.answer(pki.issuing)})
	found, err := open(t, s.config()).Authorities(t.Context())
	if err != nil || len(found.List) != 1 || !found.List[0].Issuing.Equal(pki.issuing) || found.List[0].Root != nil {
		t.Errorf("%+v, %v", found.List, err)
	}
}

func TestCRLs(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	serials, err := s.ca.Issue(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ca.Revoke(serials[0], "KeyCompromise"); err != nil {
		t.Fatal(err)
	}
	c := s.config()
	if lists, err := open(t, c).CRLs(t.Context()); err != nil || lists != nil {
		t.Errorf("%d lists where none is set, %v", len(lists), err)
	}
	c.Settings["crlUrls"] = "crl/user.crl"
	lists, err := open(t, c).CRLs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(lists) != 1 || lists[0].RevokedCertificateEntries[0].SerialNumber.Text(16) != serials[0] {
		t.Errorf("%d lists, want 1 with %s", len(lists), serials[0])
	}
	c.Settings["label"] = "device" // whose issuer did not sign it
	_, err = open(t, c).CRLs(t.Context())
	wantFault(t, err, provider.CodeUpstreamFault, "not signed by any")
}

func TestValidateFindsAllFaults(t *testing.T) {
	t.Parallel()
	found := est.Kind().Validate(provider.Config{
		ServiceURI: "http://x", ServerCAs: []byte("none"), Now: time.Now,
		Settings:    map[string]string{"label": "a/b", "rootFingerprint": "xyz", "crlUrls": "http://x/y"},
		Credentials: provider.Credentials{UserName: "user", Certificate: secret.NewString("none")},
	})
	targets := map[string]int{}
	for _, p := range found {
		targets[p.Target]++
	}
	for target, n := range map[string]int{
		"serviceUri": 1, "serverCertificateAuthorities": 1, "providerSettings/label": 1, "providerSettings/rootFingerprint": 2,
		"providerSettings/crlUrls": 1, "credentials/adminPassword": 1, "credentials/authenticationCertificate": 1,
	} {
		if targets[target] != n {
			t.Errorf("%d faults in %s, want %d", targets[target], target, n)
		}
	}
	for name, c := range map[string]provider.Config{
		"no address":               {},
		"password without a name":  {ServiceURI: "https://x", Credentials: provider.Credentials{Password: secret.NewString("x")}},
		"name with a colon":        {ServiceURI: "https://x", Credentials: provider.Credentials{UserName: "a:b", Password: secret.NewString("x")}},
		"an operation for a label": {ServiceURI: "https://x", Settings: map[string]string{"label": "cacerts"}},
	} {
		c.Now = time.Now
		if n := len(est.Kind().Validate(c)); n != 1 {
			t.Errorf("%s: %d faults, want 1", name, n)
		}
	}
}

func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func wantFault(t *testing.T, err error, code provider.Code, text string) {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Error(), text) {
		t.Fatalf("got %v, want %s with %q", err, code, text)
	}
}
