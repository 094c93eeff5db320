package entrustgateway_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/entrustgateway"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/entrustgateway"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/secret"

	"github.com/smallstep/pkcs7"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.CA{
		Kind:  entrustgateway.Kind(),
		Serve: func(t testing.TB, w providertest.World) providertest.Fixture { return fixture(t, w) },
		Lacks: map[providertest.Feature]string{
			providertest.Revocations: "how the gateway tells revocation lists is not documented in public; events tell the state",
		},
	})
}

func fixture(t testing.TB, w providertest.World) providertest.Fixture {
	t.Helper()
	ca, err := casim.New(casim.Options{})
	must(t, err)
	serials, err := ca.Issue(w.Issued)
	must(t, err)
	odd := &rewriter{honest: sim.Handler(ca)}
	return providertest.Fixture{
		Handler: odd,
		TLS:     ca.TLSConfig(),
		Path:    "/cagw/",
		Config:  provider.Config{ServerCAs: ca.ServerCAs(), Credentials: credentials(t, ca)},
		Spoil: func(c *provider.Config) {
			stranger, err := casim.New(casim.Options{})
			must(t, err)
			c.Credentials = credentials(t, stranger)
		},
		Roots:   []*x509.Certificate{ca.Root()},
		Serials: serials,
		Unreadable: func() {
			broken := base64.StdEncoding.EncodeToString([]byte("not a certificate"))
			odd.event(func(e map[string]any) {
				if strings.HasSuffix(e["serialNumber"].(string), serials[3]) {
					e["certificate"] = broken
				}
			})
			odd.certificate(func(c map[string]any) { c["certificateData"] = broken })
		},
		Issue: func(n int) []string {
			serials, err := ca.Issue(n)
			must(t, err)
			return serials
		},
		Revoke: func(serial string) { must(t, ca.Revoke(serial, "Superseded")) },
		Resume: func(serial string) { must(t, ca.Resume(serial)) },
		Odd:    oddities(odd),
	}
}

// credentials has a password besides, which is not sent and must not show.
func credentials(t testing.TB, ca *casim.CA) provider.Credentials {
	t.Helper()
	pfx, password, err := ca.IssueRA("gateway-client.example", time.Hour)
	must(t, err)
	return provider.Credentials{
		Password: secret.NewString("canary-of-adminPassword"), Certificate: secret.New(pfx), CertificatePassword: secret.NewString(password),
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A rewriter changes the honest answers.
type rewriter struct {
	honest        http.Handler
	page, details atomic.Pointer[func(map[string]any)]
}

func (w *rewriter) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	change := w.page.Load()
	if strings.Contains(r.URL.Path, "/certificates/") {
		change = w.details.Load()
	} else if !strings.HasSuffix(r.URL.Path, "/certificate-events") {
		change = nil
	}
	if change == nil {
		w.honest.ServeHTTP(rw, r)
		return
	}
	rec := httptest.NewRecorder()
	w.honest.ServeHTTP(rec, r)
	answer := map[string]any{}
	if rec.Code == http.StatusOK && json.Unmarshal(rec.Body.Bytes(), &answer) == nil {
		(*change)(answer)
		b, _ := json.Marshal(answer)
		rec.Body = bytes.NewBuffer(b)
	}
	rw.WriteHeader(rec.Code)
	_, _ = rw.Write(rec.Body.Bytes())
}

// event changes every event from now on, certificate every single certificate.
func (w *rewriter) event(change func(e map[string]any)) {
	all := func(answer map[string]any) {
		for _, e := range answer["events"].([]any) {
			change(e.(map[string]any))
		}
	}
	w.page.Store(&all)
}

func (w *rewriter) certificate(change func(c map[string]any)) {
	one := func(answer map[string]any) { change(answer["certificate"].(map[string]any)) }
	w.details.Store(&one)
}

// oddities are the ways in which the gateway may answer otherwise and still be
// right.
func oddities(w *rewriter) (odd []providertest.Oddity) {
	for _, o := range []struct {
		name   string
		change func(e map[string]any)
	}{
		{"null members", func(e map[string]any) {
			for _, m := range []string{"detail", "reason", "eventDate", "event"} {
				e[m] = nil
			}
		}},
		{"no certificates", func(e map[string]any) { delete(e, "certificate") }},
		{"no serial numbers", func(e map[string]any) { e["serialNumber"] = nil }},
		{"other spellings", func(e map[string]any) {
			e["serialNumber"] = strings.ToUpper(strings.TrimLeft(e["serialNumber"].(string), "0"))
			e["event"], e["action"] = "X", strings.ToUpper(e["action"].(string))
		}},
		{"another word for issue", func(e map[string]any) { e["action"] = "activated" }},
		{"PKCS#7", func(e map[string]any) { e["certificate"] = asPKCS7(e["certificate"].(string)) }},
	} {
		odd = append(odd, providertest.Oddity{Name: o.name, Apply: func() { w.event(o.change) }})
	}
	for _, o := range []struct {
		name   string
		change func(answer map[string]any)
	}{
		{"morePages for hasMore", func(a map[string]any) { a["morePages"] = a["hasMore"]; delete(a, "hasMore") }},
		{"events twice", func(a map[string]any) {
			events := a["events"].([]any)
			a["events"] = slices.Concat(events, events)
		}},
		{"no index at the end", func(a map[string]any) {
			if a["hasMore"] == false {
				a["nextPageIndex"] = nil
			}
		}},
	} {
		odd = append(odd, providertest.Oddity{Name: o.name, Apply: func() { w.page.Store(&o.change) }})
	}
	return odd
}

func asPKCS7(cert string) string {
	der, _ := base64.StdEncoding.DecodeString(cert)
	p7, err := pkcs7.DegenerateCertificate(der)
	if err != nil {
		return cert
	}
	return base64.StdEncoding.EncodeToString(p7)
}
