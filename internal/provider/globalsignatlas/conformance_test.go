package globalsignatlas_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/casim"
	casimatlas "cloudpki/internal/casim/globalsignatlas"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/globalsignatlas"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/secret"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.CA{
		Kind:  globalsignatlas.Kind(),
		Serve: serve,
		Lacks: map[providertest.Feature]string{
			providertest.Revocations: "the API has no revocation lists; the inventory tells the status",
			providertest.Resuming:    "the service knows no hold, and what is revoked stays so",
		},
	})
}

func serve(t testing.TB, w providertest.World) providertest.Fixture {
	t.Helper()
	ca, serials := newCA(t, casim.Options{}, w.Issued)
	handler := &changed{honest: casimatlas.Dialect().Handler(ca)}
	return providertest.Fixture{
		Handler: handler, TLS: ca.TLSConfig(), Path: "/v2/",
		Config:  provider.Config{ServerCAs: ca.ServerCAs(), Credentials: credentials(t, ca)},
		Spoil:   func(c *provider.Config) { c.Credentials.Password = secret.NewString("wrong") },
		Roots:   []*x509.Certificate{ca.Root()},
		Serials: serials,
		Unreadable: func() {
			handler.change(func(r *http.Request, answer map[string]any) {
				if len(serials) > 0 && strings.HasSuffix(r.URL.Path, strings.ToUpper(serials[0])) {
					answer["certificate"] = "not a certificate"
				}
			})
		},
		Issue: func(n int) []string {
			more, err := ca.Issue(n)
			if err != nil {
				t.Error(err)
			}
			return more
		},
		Revoke: func(serial string) {
			if err := ca.Revoke(serial, "Superseded"); err != nil {
				t.Error(err)
			}
		},
		Odd: []providertest.Oddity{
			{Name: "times in milliseconds", Apply: func() {
				handler.change(func(_ *http.Request, answer map[string]any) {
					if at, ok := answer["updated_at"].(float64); ok {
						answer["updated_at"] = at * 1000
					}
				})
			}},
			{Name: "unknown members", Apply: func() {
				handler.change(func(_ *http.Request, answer map[string]any) { answer["order"] = nil })
			}},
		},
	}
}

func newCA(t testing.TB, o casim.Options, issued int) (*casim.CA, []string) {
	t.Helper()
	ca, err := casim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	serials, err := ca.Issue(issued)
	if err != nil {
		t.Fatal(err)
	}
	return ca, serials
}

func credentials(t testing.TB, ca *casim.CA) provider.Credentials {
	t.Helper()
	pfx, password, err := ca.IssueRA("atlas.example", 1000*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return provider.Credentials{
		UserName: ca.Login().APIKey, Password: secret.NewString(ca.Login().Password),
		Certificate: secret.New(pfx), CertificatePassword: secret.NewString(password),
	}
}

// changed is a service whose answers with one JSON object are changed.
type changed struct {
	honest http.Handler
	how    atomic.Pointer[func(*http.Request, map[string]any)]
}

func (c *changed) change(how func(*http.Request, map[string]any)) { c.how.Store(&how) }

func (c *changed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	c.honest.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	var answer map[string]any
	if how := c.how.Load(); how != nil && json.NewDecoder(bytes.NewReader(body)).Decode(&answer) == nil {
		(*how)(r, answer)
		body, _ = json.Marshal(answer)
	}
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body)
}
