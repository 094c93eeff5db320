package generic_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/generic"
)

// A site serves the files of two CAs: /a/ and /b/.
type site struct {
	*httptest.Server

	a, b *casim.CA

	mu    sync.Mutex
	calls []string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{a: newCA(t, 1), b: newCA(t, 1)}
	mux := http.NewServeMux()
	mux.Handle("/a/", http.StripPrefix("/a", files(t, s.a)))
	mux.Handle("/b/", http.StripPrefix("/b", files(t, s.b)))
	both := append(encode(s.a.Root()), encode(s.b.Root())...)
	mux.HandleFunc("/both.pem", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(both) })
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(" <html>")) })
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls = append(s.calls, r.Method+" "+r.URL.RequestURI())
		s.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Server.Close)
	return s
}

func encode(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// config returns settings of pairs of name and value, below the site's address.
func (s *site) config(settings ...string) provider.Config {
	c := provider.Config{
		ServiceURI: s.URL, ServerCAs: encode(s.Certificate()), Settings: map[string]string{}, Now: time.Now,
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
	}
	for i := 0; i+1 < len(settings); i += 2 {
		c.Settings[settings[i]] = settings[i+1]
	}
	return c
}

// A session is all that a session of the kind can do.
type session interface {
	provider.Session
	provider.RootSource
	provider.RevocationSource
}

func open(t *testing.T, c provider.Config) session {
	t.Helper()
	s, err := generic.Kind().Open(t.Context(), c)
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

// Each file is read once in a session, and nothing but GET is sent.
func TestRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	open := open(t, s.config("rootUrls", "a/root.crt", "chainUrls", s.URL+"/a/chain.p7b?v=1", "crlUrls", "a/user.crl,a/device.crl"))
	if _, err := open.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := open.Authorities(t.Context())
	if err != nil || len(found.List) != 3 {
		t.Fatalf("%d authorities, want 3; %v", len(found.List), err)
	}
	lists, err := open.CRLs(t.Context())
	if err != nil || len(lists) != 2 {
		t.Fatalf("%d lists, want 2; %v", len(lists), err)
	}
	if n := len(lists[0].RevokedCertificateEntries) + len(lists[1].RevokedCertificateEntries); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	want := "GET /a/root.crt|GET /a/chain.p7b?v=1|GET /a/user.crl|GET /a/device.crl"
	if got := strings.Join(s.calls, "|"); got != want {
		t.Errorf("requests\n%s\nwant\n%s", got, want)
	}
}

func TestRoots(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.a.Root(), s.b.Root()
	for name, test := range map[string]struct {
		settings []string
		roots    []*x509.Certificate
		fault    string
	}{
		"one":                          {[]string{"rootUrls", "a/root.crt"}, []*x509.Certificate{a}, ""},
		"all of a file":                {[]string{"rootUrls", "both.pem"}, []*x509.Certificate{a, b}, ""},
		"pinned":                       {[]string{"rootUrls", "both.pem", "rootFingerprints", strings.ToUpper(fingerprint(b))}, []*x509.Certificate{b}, ""},
		"two pinned, one there":        {[]string{"rootUrls", "a/root.crt", "rootFingerprints", fingerprint(b) + ", " + fingerprint(a)}, []*x509.Certificate{a}, ""},
		"another than the pinned":      {[]string{"rootUrls", "a/root.crt", "rootFingerprints", fingerprint(b)}, nil, "root_invalid: no root in the files of rootUrls has one of the fingerprints"},
		"chain where roots belong":     {[]string{"rootUrls", "a/chain.p7b"}, nil, "root_invalid: the files of rootUrls hold no root"},
		"a root among the chain":       {[]string{"rootUrls", "a/root.crt", "chainUrls", "both.pem"}, []*x509.Certificate{a}, ""},
		"issuers of another root":      {[]string{"rootUrls", "a/root.crt", "chainUrls", "a/chain.p7b,b/chain.p7b"}, nil, "upstream_fault: 'CN=Simulated"},
		"issuers of a root not pinned": {[]string{"rootUrls", "both.pem", "chainUrls", "a/chain.p7b,b/chain.p7b", "rootFingerprints", fingerprint(a)}, []*x509.Certificate{a, a, a}, ""},
		"file that is not there":       {[]string{"rootUrls", "a/none"}, nil, "/a/none answers HTTP 404"},
		"page":                         {[]string{"rootUrls", "page"}, nil, "/page is a page for people"},
		"a CRL":                        {[]string{"rootUrls", "a/user.crl"}, nil, "/a/user.crl does not hold certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := open(t, s.config(test.settings...)).Authorities(t.Context())
			if test.fault != "" {
				wantFault(t, err, test.fault)
				return
			}
			if err != nil || len(found.List) != len(test.roots) {
				t.Fatalf("%d authorities, want %d; %v", len(found.List), len(test.roots), err)
			}
			for i, want := range test.roots {
				if !found.List[i].Root.Equal(want) {
					t.Errorf("authority %d is under %s", i, found.List[i].Root.Subject)
				}
			}
		})
	}
}

func TestCRLs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, test := range map[string]struct {
		settings []string
		fault    string
	}{
		"of another CA":               {[]string{"rootUrls", "a/root.crt", "chainUrls", "a/chain.p7b", "crlUrls", "b/user.crl"}, "was not signed by any"},
		"of an issuer that is absent": {[]string{"rootUrls", "a/root.crt", "crlUrls", "a/user.crl"}, "was not signed by any"},
		"of a root not pinned":        {[]string{"rootUrls", "both.pem", "chainUrls", "a/chain.p7b,b/chain.p7b", "crlUrls", "b/user.crl", "rootFingerprints", fingerprint(s.a.Root())}, "was not signed by any"},
		"a page":                      {[]string{"rootUrls", "a/root.crt", "crlUrls", "page"}, "/page is a page for people"},
		"a certificate":               {[]string{"rootUrls", "a/root.crt", "crlUrls", "a/root.crt"}, "not a CRL"},
		"not there":                   {[]string{"rootUrls", "a/root.crt", "crlUrls", "none?secret"}, "/none answers HTTP 404"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, s.config(test.settings...)).CRLs(t.Context())
			wantFault(t, err, test.fault)
		})
	}
	if lists, err := open(t, s.config("rootUrls", "a/root.crt")).CRLs(t.Context()); err != nil || lists != nil {
		t.Errorf("%d lists where none is set, %v", len(lists), err)
	}
}

// A list that is out of date stays true.
func TestCRLOutOfDate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ca, err := casim.New(casim.Options{Now: func() time.Time { return now.AddDate(0, -6, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewTLSServer(files(t, ca))
	t.Cleanup(srv.Close)
	s := &site{Server: srv}
	lists, err := open(t, s.config("rootUrls", "root.crt", "chainUrls", "chain.p7b", "crlUrls", "user.crl")).CRLs(t.Context())
	if err != nil || len(lists) != 1 || lists[0].NextUpdate.After(now) {
		t.Errorf("%d lists, want 1 whose time is over; %v", len(lists), err)
	}
}

func TestValidateFindsAllFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config provider.Config
		want   []string // targets
	}{
		"nothing set": {provider.Config{}, []string{"providerSettings/rootUrls"}},
		"all wrong": {
			provider.Config{ServiceURI: "http://x", ServerCAs: []byte("none"), Settings: map[string]string{
				"rootUrls": "http://x/y", "chainUrls": "/x", "crlUrls": "ldap://x", "rootFingerprints": "xyz",
			}},
			[]string{"serviceUri", "providerSettings/rootUrls", "providerSettings/chainUrls", "providerSettings/crlUrls", "providerSettings/rootFingerprints", "serverCertificateAuthorities"},
		},
		"a path without serviceUri": {provider.Config{Settings: map[string]string{"rootUrls": "x"}}, []string{"providerSettings/rootUrls"}},
		"without serviceUri":        {provider.Config{Settings: map[string]string{"rootUrls": "https://x/y"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, p := range generic.Kind().Validate(test.config) {
				got = append(got, p.Target)
			}
			if strings.Join(got, " ") != strings.Join(test.want, " ") {
				t.Errorf("faults in %q, want %q", got, test.want)
			}
		})
	}
}

func wantFault(t *testing.T, err error, text string) {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) || !strings.Contains(e.Error(), text) || strings.Contains(e.Error(), "secret") {
		t.Fatalf("got %v, want %q", err, text)
	}
}
