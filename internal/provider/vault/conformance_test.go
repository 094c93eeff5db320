package vault_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/vault"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/provider/vault"
	"cloudpki/internal/secret"
)

// TestConformance examines the list that comes at once, read with a token, and
// the list that comes by pages, read with a login.
func TestConformance(t *testing.T) {
	for name, c := range map[string]struct {
		options sim.Options
		login   func(testing.TB, *provider.Config, *casim.CA)
		odd     bool
	}{
		"token":             {sim.Options{}, byToken, true},
		"userpass, OpenBao": {sim.Options{Paging: true}, byUserpass, false},
	} {
		t.Run(name, func(t *testing.T) {
			lacks := map[providertest.Feature]string{
				providertest.Resuming: "Vault has no suspension, and takes no revocation back",
				providertest.Bulk:     "testca/vault lists them from a real Vault",
			}
			if !c.odd {
				lacks[providertest.Oddities] = "they do not depend on the login, and are examined with the token"
			}
			providertest.Run(t, providertest.CA{
				Kind: vault.Kind(), Lacks: lacks,
				Serve: func(t testing.TB, w providertest.World) providertest.Fixture {
					f := fixture(t, w, c.options)
					c.login(t, &f.Config, f.ca)
					if !c.odd {
						f.Odd = nil
					}
					return f.Fixture
				},
			})
		})
	}
}

func byToken(_ testing.TB, c *provider.Config, ca *casim.CA) {
	c.Credentials.Password = secret.NewString(ca.Login().APIKey)
}

func byUserpass(_ testing.TB, c *provider.Config, ca *casim.CA) {
	c.Credentials.UserName, c.Credentials.Password = ca.Login().User, secret.NewString(ca.Login().Password)
}

func wrongPassword(c *provider.Config) { c.Credentials.Password = secret.NewString("hvs.wrong") }

// A stand is a fixture with what is behind it.
type stand struct {
	providertest.Fixture

	ca  *casim.CA
	api *sim.Server
	*front
}

func fixture(t testing.TB, w providertest.World, o sim.Options) stand {
	t.Helper()
	ca, err := casim.New(casim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	serials, err := ca.Issue(w.Issued)
	if err != nil {
		t.Fatal(err)
	}
	conf := ca.TLSConfig()
	conf.ClientAuth = tls.VerifyClientCertIfGiven
	api := sim.New(ca, o)
	f := &front{honest: api}
	return stand{ca: ca, api: api, front: f, Fixture: providertest.Fixture{
		Handler: f, TLS: conf, Path: "/", Serials: serials, Roots: []*x509.Certificate{ca.Root()},
		Config: provider.Config{ServerCAs: ca.ServerCAs(), Settings: map[string]string{}},
		Spoil:  wrongPassword, Profile: sim.Roles()[0],
		Unreadable: func() {
			f.twist(func(path string, data map[string]any) {
				if strings.HasSuffix(path, "/cert/"+key(serials[0])) {
					data["certificate"] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
				}
			})
		},
		Issue: func(n int) []string {
			serials, err := ca.Issue(n)
			if err != nil {
				t.Fatal(err)
			}
			return serials
		},
		Revoke: func(serial string) {
			if err := ca.Revoke(serial, "Superseded"); err != nil {
				t.Fatal(err)
			}
		},
		Odd: []providertest.Oddity{
			{Name: "serial numbers in capitals", Apply: func() {
				f.twist(eachKey(strings.ToUpper))
			}},
			{Name: "serial numbers with hyphens", Apply: func() {
				f.twist(eachKey(func(k string) string { return strings.ReplaceAll(k, ":", "-") }))
			}},
			{Name: "null for what is not revoked", Apply: func() {
				f.twist(func(path string, data map[string]any) {
					if data["revocation_time"] == float64(0) {
						data["revocation_time"], data["revocation_time_rfc3339"] = nil, nil
					}
				})
			}},
			{Name: "certificate as base64 of DER", Apply: func() {
				f.twist(func(path string, data map[string]any) {
					if text, ok := data["certificate"].(string); ok && strings.Contains(path, "/cert/") {
						lines := strings.Split(text, "\n")
						data["certificate"] = strings.Join(lines[1:len(lines)-1], "")
					}
				})
			}},
		},
	}}
}

// key spells a serial number as the storage of Vault does.
func key(serial string) string {
	if len(serial)%2 == 1 {
		serial = "0" + serial
	}
	var pairs []string
	for i := 0; i < len(serial); i += 2 {
		pairs = append(pairs, serial[i:i+2])
	}
	return strings.Join(pairs, "-")
}

// eachKey changes the keys of the list of certificates.
func eachKey(change func(string) string) func(string, map[string]any) {
	return func(path string, data map[string]any) {
		keys, ok := data["keys"].([]any)
		if !ok || !strings.HasSuffix(path, "/certs") {
			return
		}
		for i, k := range keys {
			keys[i] = change(k.(string))
		}
	}
}

// A front counts the requests, and changes the data of honest answers.
type front struct {
	honest http.Handler

	mu     sync.Mutex
	change func(path string, data map[string]any)
	calls  []string // "GET /v1/pki/certs"
}

func (f *front) twist(change func(path string, data map[string]any)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change = change
}

// made returns the calls since it was last asked that contain part.
func (f *front) made(part string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if strings.Contains(c, part) {
			n++
		}
	}
	return n
}

func (f *front) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = nil
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	change := f.change
	f.mu.Unlock()
	if change == nil {
		f.honest.ServeHTTP(w, r)
		return
	}
	rec := httptest.NewRecorder()
	f.honest.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	var answer map[string]any
	if json.Unmarshal(body, &answer) == nil {
		if data, ok := answer["data"].(map[string]any); ok {
			change(r.URL.Path, data)
			if b, err := json.Marshal(answer); err == nil {
				body = b
			}
		}
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body) // the client sees a cut answer
}

// keyText is a listed key in the spelling of the storage.
func keyText(k any) string {
	text, _ := k.(string)
	return strings.ReplaceAll(text, ":", "-")
}

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
