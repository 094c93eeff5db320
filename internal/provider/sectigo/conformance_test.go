package sectigo_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/sectigo"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/provider/sectigo"
	"cloudpki/internal/secret"
)

// A world is a simulated SCM whose answers can be changed.
type world struct {
	*casim.CA
	answer atomic.Pointer[casim.Answerer] // in the CA's place
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
			(*f)(rw, r, honest)
			return
		}
		honest.ServeHTTP(rw, r)
	})
}

func (w *world) tlsConfig() *tls.Config {
	conf := w.TLSConfig()
	conf.ClientAuth = tls.VerifyClientCertIfGiven
	return conf
}

// replaces answers a path with what change makes of the honest answer.
func (w *world) replaces(part string, change func(rw http.ResponseWriter, r *http.Request, honest *httptest.ResponseRecorder)) {
	f := func(rw http.ResponseWriter, r *http.Request, honest http.Handler) {
		if !strings.Contains(r.URL.Path+"?"+r.URL.RawQuery, part) {
			honest.ServeHTTP(rw, r)
			return
		}
		rec := httptest.NewRecorder()
		honest.ServeHTTP(rec, r)
		for name, v := range rec.Header() {
			if name != "Content-Length" {
				rw.Header()[name] = v
			}
		}
		change(rw, r, rec)
	}
	w.answer.Store(&f)
}

// details changes the members of all details.
func (w *world) details(change func(d map[string]any)) {
	w.replaces("/ssl/v1/1", func(rw http.ResponseWriter, _ *http.Request, rec *httptest.ResponseRecorder) {
		d := map[string]any{}
		_ = json.Unmarshal(rec.Body.Bytes(), &d)
		change(d)
		_ = json.NewEncoder(rw).Encode(d)
	})
}

func (w *world) login() provider.Credentials {
	return provider.Credentials{UserName: w.Login().User, Password: secret.NewString(w.Login().Password)}
}

func (w *world) certificate(t testing.TB) provider.Credentials {
	t.Helper()
	pfx, password, err := w.IssueRA("ra.example", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return provider.Credentials{UserName: w.Login().User, Certificate: secret.New(pfx), CertificatePassword: secret.NewString(password)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func fixture(t testing.TB, w *world, serials []string) providertest.Fixture {
	f := providertest.Fixture{
		Handler: w.handler(),
		TLS:     w.tlsConfig(),
		Path:    "/",
		Config: provider.Config{
			ServerCAs: w.ServerCAs(), Credentials: w.login(), Settings: map[string]string{"customerUri": sim.CustomerURI, "pageSize": "40"},
		},
		Spoil:   func(c *provider.Config) { c.Credentials.Password = secret.NewString("wrong") },
		Serials: serials,
		Unreadable: func() {
			w.replaces("/collect/10004?", func(rw http.ResponseWriter, _ *http.Request, _ *httptest.ResponseRecorder) {
				_, _ = rw.Write([]byte("no certificate"))
			})
		},
		Issue: func(n int) []string {
			fresh, err := w.CA.Issue(n)
			must(t, err)
			return fresh
		},
		Revoke: func(serial string) { must(t, w.CA.Revoke(serial, "Superseded")) },
		Odd:    oddities(w),
	}
	if len(serials) > 0 { // else nothing tells of roots
		f.Roots = []*x509.Certificate{w.Root()}
	}
	return f
}

func oddities(w *world) []providertest.Oddity {
	format := func(name, format string) providertest.Oddity {
		return providertest.Oddity{Name: name, Apply: func() {
			w.replaces("/collect/", func(rw http.ResponseWriter, r *http.Request, _ *httptest.ResponseRecorder) {
				q := r.URL.Query()
				q.Set("format", format)
				r.URL.RawQuery = q.Encode()
				sim.Handler(w.CA).ServeHTTP(rw, r)
			})
		}}
	}
	return []providertest.Oddity{
		format("PKCS#7 in PEM", "base64"),
		format("PKCS#7 in DER", "bin"),
		format("with the chain", "x509"),
		{Name: "no total", Apply: func() {
			w.replaces("size=", func(rw http.ResponseWriter, _ *http.Request, rec *httptest.ResponseRecorder) {
				rw.Header().Del("X-Total-Count")
				_, _ = rw.Write(rec.Body.Bytes())
			})
		}},
		{Name: "serials without colons, with zeros", Apply: func() {
			w.replaces("size=", func(rw http.ResponseWriter, _ *http.Request, rec *httptest.ResponseRecorder) {
				var list []map[string]any
				_ = json.Unmarshal(rec.Body.Bytes(), &list)
				for _, i := range list {
					i["serialNumber"] = "00" + strings.ToLower(strings.ReplaceAll(i["serialNumber"].(string), ":", ""))
				}
				_ = json.NewEncoder(rw).Encode(list)
			})
		}},
		{Name: "what may be null is null", Apply: func() {
			w.details(func(d map[string]any) {
				for name := range d {
					d[name] = nil
				}
			})
		}},
		{Name: "members of other types", Apply: func() {
			w.details(func(d map[string]any) {
				d["requester"], d["certType"], d["reasonCode"], d["issued"] = 7, "x", "", 12
			})
		}},
	}
}

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.CA{
		Kind: sectigo.Kind(),
		Serve: func(t testing.TB, pw providertest.World) providertest.Fixture {
			w, serials := newWorld(t, pw.Issued, casim.Options{PageSize: 200})
			return fixture(t, w, serials)
		},
		Lacks: map[providertest.Feature]string{
			providertest.Revocations: "the API has no call for revocation lists; the inventory tells the status",
			providertest.Resuming:    "Sectigo does not take revocations back",
			providertest.Bulk:        "a certificate costs two calls; the session keeps nothing between pages",
		},
	})
}

// A server that gives less than is asked for tells so by its total.
func TestServerWithALowerMaximum(t *testing.T) {
	w, serials := newWorld(t, 25, casim.Options{PageSize: 10})
	if got := all(t, open(t, serve(t, w))); len(got) != len(serials) {
		t.Errorf("%d records of %d", len(got), len(serials))
	}
}
