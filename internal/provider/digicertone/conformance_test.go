package digicertone_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/digicertone"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/digicertone"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/secret"

	"github.com/smallstep/pkcs7"
)

// TestConformance lists newest first, so that the listing shifts while
// certificates are issued.
func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.CA{
		Kind: digicertone.Kind(),
		Serve: func(t testing.TB, w providertest.World) providertest.Fixture {
			return fixture(t, w, byKey, sim.Options{NewestFirst: true})
		},
		Lacks: map[providertest.Feature]string{
			providertest.Revocations: "the API has no call for revocation lists; the search tells the status",
		},
	})
}

// A login puts credentials of ca into a configuration, good or bad.
type login func(t testing.TB, ca *casim.CA, c *provider.Config, good bool)

func byKey(_ testing.TB, ca *casim.CA, c *provider.Config, good bool) {
	key := ca.Login().APIKey
	if !good {
		key = "canary-of-a-wrong-key"
	}
	c.Credentials = provider.Credentials{Password: secret.NewString(key)}
}

func byCertificate(t testing.TB, ca *casim.CA, c *provider.Config, good bool) {
	if !good {
		var err error
		if ca, err = casim.New(casim.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	pfx, password, err := ca.IssueRA("service-user.example", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c.Credentials = provider.Credentials{Certificate: secret.New(pfx), CertificatePassword: secret.NewString(password)}
}

func fixture(t testing.TB, w providertest.World, in login, o sim.Options) providertest.Fixture {
	t.Helper()
	ca, err := casim.New(casim.Options{})
	must(t, err)
	serials, err := ca.Issue(w.Issued)
	must(t, err)
	odd := &rewriter{honest: sim.Handler(ca, o)}
	conf := ca.TLSConfig()
	conf.ClientAuth = tls.VerifyClientCertIfGiven
	f := providertest.Fixture{
		Handler: odd,
		TLS:     conf,
		Path:    "/mpki/api/v1/",
		Config:  provider.Config{ServerCAs: ca.ServerCAs()},
		Spoil:   func(c *provider.Config) { in(t, ca, c, false) },
		Roots:   []*x509.Certificate{ca.Root()},
		Serials: serials,
		Profile: casim.ProfileDevice,
		Unreadable: func() {
			odd.each(func(i map[string]any) {
				if strings.EqualFold(i["serial_number"].(string), serials[3]) {
					i["certificate"] = base64.StdEncoding.EncodeToString([]byte("not a certificate"))
				}
			})
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
	in(t, ca, &f.Config, true)
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A rewriter changes the honest answers to a search.
type rewriter struct {
	honest http.Handler
	change atomic.Pointer[func(answer map[string]any)]
}

func (w *rewriter) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	change := w.change.Load()
	if change == nil || !strings.HasSuffix(r.URL.Path, "/certificate-search") {
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

// each changes every item from now on.
func (w *rewriter) each(change func(item map[string]any)) {
	all := func(answer map[string]any) {
		for _, i := range answer["items"].([]any) {
			change(i.(map[string]any))
		}
	}
	w.change.Store(&all)
}

// oddities are the ways in which the API may answer otherwise and still be right.
func oddities(w *rewriter) (odd []providertest.Oddity) {
	for _, o := range []struct {
		name   string
		change func(i map[string]any)
	}{
		{"null columns", func(i map[string]any) {
			for _, c := range []string{"seat", "profile", "business_unit", "account", "common_name"} {
				i[c] = nil
			}
		}},
		{"columns of another type", func(i map[string]any) {
			i["seat"], i["common_name"], i["serial_number"] = map[string]any{"seat_id": 7}, []any{}, 12
		}},
		{"missing columns", func(i map[string]any) {
			for _, c := range []string{"seat", "profile", "business_unit", "account", "serial_number", "valid_from"} {
				delete(i, c)
			}
		}},
		{"other spellings", func(i map[string]any) {
			i["status"], i["serial_number"] = strings.ToUpper(i["status"].(string)), "00:"+i["serial_number"].(string)
		}},
		{"PKCS#7", func(i map[string]any) { i["certificate"] = asPKCS7(i["certificate"].(string)) }},
	} {
		odd = append(odd, providertest.Oddity{Name: o.name, Apply: func() { w.each(o.change) }})
	}
	total := func(answer map[string]any) { answer["total"] = jsonNumberText(answer["total"]) }
	return append(odd, providertest.Oddity{Name: "total as text", Apply: func() { w.change.Store(&total) }})
}

func jsonNumberText(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func asPKCS7(cert string) string {
	der, _ := base64.StdEncoding.DecodeString(cert)
	p7, err := pkcs7.DegenerateCertificate(der)
	if err != nil {
		return cert
	}
	return base64.StdEncoding.EncodeToString(p7)
}
