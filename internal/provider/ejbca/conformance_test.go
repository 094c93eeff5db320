package ejbca_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/ejbca"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/ejbca"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/secret"
)

// A twist changes one certificate of a search's answer.
type twist func(certificate map[string]any)

// A world is a simulated EJBCA whose answers can be changed.
type world struct {
	*casim.CA
	twist  atomic.Pointer[twist]
	answer atomic.Pointer[http.HandlerFunc] // in the CA's place
}

func newWorld(t testing.TB, issued int, o casim.Options) (*world, []string) {
	t.Helper()
	ca, err := casim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	serials, err := ca.Issue(issued)
	if err != nil {
		t.Fatal(err)
	}
	return &world{CA: ca}, serials
}

func (w *world) handler() http.Handler {
	honest := w.Front(sim.Handler(w.CA))
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if f := w.answer.Load(); f != nil {
			(*f)(rw, r)
			return
		}
		change := w.twist.Load()
		if change == nil || !strings.HasSuffix(r.URL.Path, "/search") {
			honest.ServeHTTP(rw, r)
			return
		}
		rec := httptest.NewRecorder()
		honest.ServeHTTP(rec, r)
		var body map[string]any
		d := json.NewDecoder(rec.Body)
		d.UseNumber()
		if err := d.Decode(&body); err == nil && rec.Code == http.StatusOK {
			for _, c := range body["certificates"].([]any) {
				(*change)(c.(map[string]any))
			}
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(rec.Code)
		_ = json.NewEncoder(rw).Encode(body)
	})
}

// tlsConfig asks for a client certificate and does without, as EJBCA does
// where tokens are taken too.
func (w *world) tlsConfig() *tls.Config {
	conf := w.TLSConfig()
	conf.ClientAuth = tls.VerifyClientCertIfGiven
	return conf
}

func (w *world) credentials(t testing.TB) provider.Credentials {
	t.Helper()
	pfx, password, err := w.IssueRA("ra.example", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return provider.Credentials{Certificate: secret.New(pfx), CertificatePassword: secret.NewString(password)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func conformance(w *world, serials []string, t testing.TB) providertest.Fixture {
	odd := func(name string, f twist) providertest.Oddity {
		return providertest.Oddity{Name: name, Apply: func() { w.twist.Store(&f) }}
	}
	return providertest.Fixture{
		Handler: w.handler(),
		TLS:     w.tlsConfig(),
		Path:    sim.Path,
		Config: provider.Config{ServerCAs: w.ServerCAs(), Credentials: w.credentials(t), Settings: map[string]string{
			"issueCa": "Simulated Device CA", "issueEndEntityProfile": sim.EndEntityProfile,
		}},
		Profile: sim.CertificateProfile,
		Spoil:   func(c *provider.Config) { c.Credentials.CertificatePassword = secret.NewString("wrong") },
		Roots:   []*x509.Certificate{w.Root()},
		Serials: serials,
		Unreadable: func() {
			bad := strings.ToUpper(serials[3])
			f := twist(func(c map[string]any) {
				if c["serialNumber"] == bad {
					c["base64Cert"] = base64.StdEncoding.EncodeToString([]byte("no certificate"))
				}
			})
			w.twist.Store(&f)
		},
		Issue: func(n int) []string {
			fresh, err := w.CA.Issue(n)
			must(t, err)
			return fresh
		},
		Revoke: func(serial string) { must(t, w.CA.Revoke(serial, "Superseded")) },
		Resume: func(serial string) { must(t, w.CA.Resume(serial)) },
		Odd: []providertest.Oddity{
			odd("the time of change is spelled right", func(c map[string]any) {
				c["updateTime"] = c["udpateTime"]
				delete(c, "udpateTime")
			}),
			odd("base64 once", func(c map[string]any) { c["base64Cert"] = unwrap(c) }),
			odd("PEM", func(c map[string]any) {
				der, _ := base64.StdEncoding.DecodeString(unwrap(c))
				c["base64Cert"] = base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
			}),
			odd("what may be null is null", func(c map[string]any) {
				for _, name := range []string{"username", "certificateProfile", "certificateProfileId", "endEntityProfile", "cAFingerprint", "subjectDN", "notBefore"} {
					c[name] = nil
				}
			}),
			odd("serials in lower case with zeros and colons", func(c map[string]any) { c["serialNumber"] = "00:" + strings.ToLower(c["serialNumber"].(string)) }),
			odd("members of other types", func(c map[string]any) {
				c["username"], c["certificateProfileId"], c["tag"], c["extra"] = 7, "seven", []string{}, map[string]any{"deep": nil}
			}),
			odd("removed from the CRL", func(c map[string]any) { c["revocationReason"] = 8 }),
			odd("announced to end", func(c map[string]any) { c["status"] = 21 }),
		},
	}
}

func unwrap(c map[string]any) string {
	inner, _ := base64.StdEncoding.DecodeString(c["base64Cert"].(string))
	return string(inner)
}

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.CA{
		Kind: ejbca.Kind(),
		Serve: func(t testing.TB, pw providertest.World) providertest.Fixture {
			w, serials := newWorld(t, pw.Issued, casim.Options{PageSize: 1000})
			f := conformance(w, serials, t)
			f.Config.Settings["pageSize"] = "50"
			return f
		},
	})
}

// A server whose maximum is below the page size never fills a page, and calls
// each the last: all is listed, also while more is issued, and the listing ends.
func TestServerWithALowerMaximum(t *testing.T) {
	w, serials := newWorld(t, 65, casim.Options{PageSize: 20})
	c := serve(t, w)
	c.Credentials = w.credentials(t)
	s := open(t, c)
	missing := map[string]bool{}
	for _, x := range serials {
		missing[x] = true
	}
	var after provider.Cursor
	for n := 0; ; n++ {
		p, err := s.(provider.Inventory).List(t.Context(), provider.Scan{}, after)
		if err != nil || n > 10 {
			t.Fatalf("page %d: %v", n, err)
		}
		for _, r := range p.Records {
			delete(missing, r.Serial)
		}
		if after = p.Next; !p.More {
			break
		}
		_, err = w.CA.Issue(2)
		must(t, err)
	}
	if len(missing) > 0 {
		t.Errorf("%d certificates are passed over", len(missing))
	}
}

// By dates there is a pass by issue and one by revocation.
func TestFollowByDates(t *testing.T) {
	w, serials := newWorld(t, 4, casim.Options{PageSize: 1000})
	c := serve(t, w)
	c.Credentials, c.Settings["followBy"], c.Settings["pageSize"] = w.credentials(t), "dates", "2"
	s := open(t, c)
	if mode := s.(provider.Inventory).Mode(); mode != provider.InventoryIssuedWindow {
		t.Errorf("mode %q", mode)
	}
	if n := len(scan(t, s, provider.Scan{})); n < 4 {
		t.Errorf("%d records of 4", n)
	}
	since := time.Now().Add(-time.Second)
	must(t, w.CA.Revoke(serials[2], "Superseded"))
	revoked := scan(t, s, provider.Scan{Mode: provider.ScanRevoked, Since: since})
	if len(revoked) != 1 || revoked[0].Serial != serials[2] || revoked[0].Status != provider.StatusRevoked {
		t.Errorf("revoked: %+v", revoked)
	}
	// Validity begins an hour before the issue.
	if n := len(scan(t, s, provider.Scan{Mode: provider.ScanIssued, Since: since})); n < 4 {
		t.Errorf("%d issued, want the 4 of this moment", n)
	}
	_, err := s.(provider.Inventory).List(t.Context(), provider.Scan{Mode: provider.ScanChanged, Since: since}, nil)
	wantFault(t, err, provider.CodeUnsupported, provider.RetryNever, "issuedWindow")
}

// serve lets a world listen, and returns a configuration to reach it.
func serve(t testing.TB, w *world) provider.Config {
	t.Helper()
	srv := httptest.NewUnstartedServer(w.handler())
	srv.TLS = w.tlsConfig()
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return provider.Config{
		ServiceURI: srv.URL + sim.Path, ServerCAs: w.ServerCAs(), Now: time.Now, Transport: transport(nil),
		Settings: map[string]string{},
	}
}

func body(t testing.TB, r *http.Request) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return string(b)
}
