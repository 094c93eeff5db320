// Package vaulttest runs a real HashiCorp Vault inside a test: the core of
// v1.13.1 with its storage in memory, the PKI engine, and the auth methods
// cert, approle and userpass. Nothing else of Vault is built in. Certificates
// are issued and revoked through Vault's own API.
package vaulttest

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/cert"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/builtin/logical/pki"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// A Vault is a running, unsealed server. Its methods that take a test end it
// where they fail. It counts the requests that come in by ServeHTTP.
type Vault struct {
	handler http.Handler
	token   string // of the administrator

	mu    sync.Mutex
	calls []string // "GET /v1/pki/certs"
}

// Start runs a Vault until the test ends.
func Start(t testing.TB) *Vault {
	t.Helper()
	quiet := hclog.NewNullLogger()
	storage, err := inmem.NewInmem(nil, quiet)
	must(t, err)
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical: storage, DisableMlock: true, DisableCache: true, EnableRaw: true, Logger: quiet,
		LogicalBackends:    map[string]logical.Factory{"pki": pki.Factory},
		CredentialBackends: map[string]logical.Factory{"cert": cert.Factory, "approle": approle.Factory, "userpass": userpass.Factory},
		BuiltinRegistry:    noPlugins{},
	})
	must(t, err)
	t.Cleanup(func() { _ = core.Shutdown() }) // in memory: nothing is to be lost
	result, err := core.Initialize(t.Context(), &vault.InitParams{BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}})
	must(t, err)
	for _, key := range result.SecretShares {
		_, err := core.Unseal(key)
		must(t, err)
	}
	v := &Vault{handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core}), token: result.RootToken}
	for _, method := range []string{"userpass", "approle", "cert"} {
		v.Must(t, http.MethodPost, "sys/auth/"+method, map[string]any{"type": method})
	}
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ServeHTTP counts a request and hands it to Vault.
func (v *Vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	v.calls = append(v.calls, r.Method+" "+r.URL.Path)
	v.mu.Unlock()
	v.handler.ServeHTTP(w, r)
}

// Calls returns the requests that came in since it was last called.
func (v *Vault) Calls() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	calls := v.calls
	v.calls = nil
	return calls
}

// Listen serves Vault over TLS at 127.0.0.1 until the test ends, as its own
// listener does: a client certificate is asked for and not required. It returns
// the address.
func (v *Vault) Listen(t testing.TB, server tls.Certificate) string {
	t.Helper()
	s := httptest.NewUnstartedServer(v)
	s.TLS = TLS(server)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// TLS is the configuration of Vault's listener.
func TLS(server tls.Certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{server}, ClientAuth: tls.RequestClientCert}
}

// An Answer is what Vault says.
type Answer struct {
	Data map[string]any
	Auth struct {
		ClientToken string `json:"client_token"`
	}
	Errors []string
}

// Text returns a member of the data that is a text.
func (a Answer) Text(name string) string {
	s, _ := a.Data[name].(string)
	return s
}

// Must calls Vault's API as the administrator; path is below /v1/.
func (v *Vault) Must(t testing.TB, method, path string, body any) Answer {
	t.Helper()
	text, err := json.Marshal(body)
	must(t, err)
	req := httptest.NewRequestWithContext(t.Context(), method, "/v1/"+path, bytes.NewReader(text))
	req.Header.Set("X-Vault-Token", v.token)
	rec := httptest.NewRecorder()
	v.handler.ServeHTTP(rec, req)
	var a Answer
	if rec.Body.Len() > 0 {
		must(t, json.Unmarshal(rec.Body.Bytes(), &a))
	}
	if rec.Code >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, rec.Code, strings.Join(a.Errors, "; "))
	}
	return a
}

// Token makes a token with a policy, given as HCL, and the further parameters
// of auth/token/create.
func (v *Vault) Token(t testing.TB, policy string, parameters map[string]any) string {
	t.Helper()
	in := map[string]any{"policies": []string{"default", v.Policy(t, policy)}}
	for name, value := range parameters {
		in[name] = value
	}
	return v.Must(t, http.MethodPost, "auth/token/create", in).Auth.ClientToken
}

// Policy writes a policy, given as HCL, and returns its name.
func (v *Vault) Policy(t testing.TB, policy string) string {
	t.Helper()
	name := fmt.Sprintf("policy-%x", sha256.Sum256([]byte(policy)))
	v.Must(t, http.MethodPost, "sys/policies/acl/"+name, map[string]any{"policy": policy})
	return name
}

// noPlugins is the registry of a Vault without plugins.
type noPlugins struct{}

func (noPlugins) Contains(string, consts.PluginType) bool                   { return false }
func (noPlugins) Get(string, consts.PluginType) (func() (any, error), bool) { return nil, false }
func (noPlugins) Keys(consts.PluginType) []string                           { return nil }
func (noPlugins) DeprecationStatus(string, consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Unknown, false
}
func (noPlugins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
