package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"time"

	"cloudpki/e2e/program"
	"cloudpki/internal/casim"
	casimall "cloudpki/internal/casim/all"
	"cloudpki/internal/casim/ejbca"
	"cloudpki/internal/casim/sectigo"
)

// A form is a way to log in at a kind of CA.
type form struct {
	name, dialect, provider string
	settings                func(*casim.CA, *casim.Server) map[string]string // nil for none
	credentials             func(casim.Login) map[string]any                 // nil for a client certificate alone
	certificate             bool
}

func forms() []form {
	key := func(l casim.Login) map[string]any { return map[string]any{"adminPassword": l.APIKey} }
	user := func(l casim.Login) map[string]any {
		return map[string]any{"adminUserName": l.User, "adminPassword": l.Password}
	}
	fixed := func(name, value string) func(*casim.CA, *casim.Server) map[string]string {
		return func(*casim.CA, *casim.Server) map[string]string { return map[string]string{name: value} }
	}
	return []form{
		{name: "API key of MPKI 8", dialect: "symantec-rest", provider: "symantec", credentials: key, settings: func(ca *casim.CA, _ *casim.Server) map[string]string {
			return map[string]string{"chainCertificates": string(above(ca))}
		}},
		{name: "API key of DigiCert ONE", dialect: "digicertOne", provider: "digicertOne", credentials: key},
		{name: "OAuth secret", dialect: "ejbca", provider: "ejbca", credentials: user, settings: func(_ *casim.CA, s *casim.Server) map[string]string {
			return map[string]string{"tokenUri": strings.TrimSuffix(s.URL, ejbca.Path) + ejbca.TokenPath}
		}},
		{name: "client certificate", dialect: "entrustGateway", provider: "entrustGateway", certificate: true},
		{name: "API key, secret and certificate", dialect: "globalSignAtlas", provider: "globalSignAtlas", certificate: true, credentials: func(l casim.Login) map[string]any {
			return map[string]any{"adminUserName": l.APIKey, "adminPassword": l.Password}
		}},
		{name: "token of a login", dialect: "vault", provider: "vault", credentials: user},
		{name: "password in a header", dialect: "sectigo", provider: "sectigo", credentials: user, settings: fixed("customerUri", sectigo.CustomerURI)},
		{name: "HTTP Basic", dialect: "est", provider: "est", credentials: user},
	}
}

// everyProvider has the secrets of each kind of CA go to it, and come back in
// what it says of its faults.
func (w *witness) everyProvider() {
	for _, f := range forms() {
		e := &echoing{}
		ca, server := w.serve(f, e)
		one, last := w.subscribe(f, ca, server)
		if e.seen() == 0 && !f.certificate {
			w.t.Errorf("%s: no secret came to the CA", f.name)
		}
		for _, say := range []string{"page", "words", "refusal"} {
			e.say(say)
			w.call(http.MethodPost, one+"/sync", nil)
			last = w.awaitFailure(one, last)
			w.call(http.MethodPost, one+"/testConnection", nil)
			w.call(http.MethodGet, one+"?$select=credentials,credentialInfo,lastSyncError", nil)
			w.call(http.MethodGet, one+"/syncRuns", nil)
		}
		w.planted = append(w.planted, e.tokens()...)
	}
	w.call(http.MethodGet, "/deviceManagement/auditEvents", nil)
	for _, c := range w.planted {
		if len(c.text) < 8 {
			w.t.Errorf("%s is too short to be found", c.name)
		}
	}
}

// serve starts a CA that speaks as the form wants, behind e.
func (w *witness) serve(f form, e *echoing) (*casim.CA, *casim.Server) {
	w.t.Helper()
	ca, err := casim.New(casim.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := ca.Issue(2); err != nil { // Sectigo tells its roots by what was issued
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(casimall.Dialects(), func(d casim.Dialect) bool { return d.Name == f.dialect })
	dialect := casimall.Dialects()[i]
	honest := dialect.Handler
	dialect.Handler = func(ca *casim.CA) http.Handler { return e.before(honest(ca)) }
	server, err := ca.StartAs(w.t.Context(), "127.0.0.1:0", dialect)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = server.Close() })
	return ca, server
}

// subscribe makes a subscription whose first sync succeeds.
func (w *witness) subscribe(f form, ca *casim.CA, server *casim.Server) (address, last string) {
	w.t.Helper()
	credentials := map[string]any{}
	if f.credentials != nil {
		credentials = f.credentials(ca.Login())
		w.planted = append(w.planted, canary{"adminPassword of " + f.name, credentials["adminPassword"].(string)})
	}
	if f.certificate {
		pfx, password, err := ca.IssueRA("canary", time.Hour)
		if err != nil {
			w.t.Fatal(err)
		}
		credentials["authenticationCertificate"], credentials["authenticationCertificatePassword"] = pfx, password
		w.planted = append(w.planted, canary{"certificate of " + f.name, string(pfx)}, canary{"its password", password})
	}
	draft := map[string]any{
		"cloudPkiProvider": f.provider, "displayName": f.name, "serviceUri": server.URL, "serverCertificateAuthorities": ca.ServerCAs(), "credentials": credentials,
	}
	if f.settings != nil {
		var settings []map[string]string
		for name, value := range f.settings(ca, server) {
			settings = append(settings, map[string]string{"name": name, "value": value})
		}
		draft["providerSettings"] = settings
	}
	body, err := json.Marshal(draft)
	if err != nil {
		w.t.Fatal(err)
	}
	created := w.api.Must(w.t, http.MethodPost, "/cloudPkiSubscriptions", body, http.StatusCreated)
	var object struct{ ID string }
	if err := created.Into(&object); err != nil {
		w.t.Fatal(err)
	}
	address = "/cloudPkiSubscriptions/" + object.ID
	status, last := w.awaitSync(address, "")
	if status != "succeeded" {
		w.t.Fatalf("%s: the first sync %s: %s", f.name, status, w.call(http.MethodGet, address+"?$select=lastSyncError", nil).Body)
	}
	return address, last
}

func above(ca *casim.CA) []byte {
	var out []byte
	for _, i := range ca.Issuers() {
		for _, c := range append(slices.Clone(i.Chain), i.Root) {
			out = append(out, encode(c.Raw)...)
		}
	}
	return out
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// metrics looks through what Prometheus is told.
func (w *witness) metrics(c program.Connection) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, c.Authority+"/metrics", http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := c.HTTPClient(w.t).Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || !bytes.Contains(text, []byte("cloudpki_syncs_total")) {
		w.t.Fatalf("%s: %.200s, %v", answer.Status, text, err)
	}
	search(w.t, "/metrics", text, w.planted)
}

// An echoing stands before a CA. It keeps what came to log in with, and once it
// was told to, repeats it to whoever is logged in.
type echoing struct {
	mu     sync.Mutex
	secret []string
	how    string // "" for not at all
}

func (e *echoing) say(how string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.how = how
}

func (e *echoing) seen() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.secret)
}

// tokens are the secrets that came in headers, such as those of a login.
func (e *echoing) tokens() []canary {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []canary
	for i, text := range e.secret {
		list = append(list, canary{fmt.Sprintf("header %d", i), text})
	}
	return list
}

func (e *echoing) before(honest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		how, said := e.note(r)
		if how == "" || len(said) == 0 && r.TLS != nil && len(r.TLS.PeerCertificates) == 0 {
			honest.ServeHTTP(w, r) // a login
			return
		}
		dump, err := httputil.DumpRequest(r, true)
		if err != nil {
			return
		}
		text := strings.Join(append(said, string(dump)), " ")
		switch how {
		case "page":
			http.Error(w, text, http.StatusInternalServerError)
			return
		case "words":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
		case "refusal":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("WWW-Authenticate", `Basic realm="`+strings.Join(said, " ")+`"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
		one := map[string]any{"code": strings.Join(said, ""), "message": text}
		_ = json.NewEncoder(w).Encode(map[string]any{ // the shapes of all dialects at once
			"errors": []any{one}, "error": one, "code": -16, "description": text, "error_code": 400, "error_message": text, "errorMessage": text, "message": text, "detail": text,
		})
	})
}

// note keeps the secrets of a request's header.
func (e *echoing) note(r *http.Request) (how string, said []string) {
	for _, name := range []string{"Authorization", "X-Vault-Token", "X-Api-Key", "Password"} {
		value := r.Header.Get(name)
		if kind, rest, ok := strings.Cut(value, " "); ok {
			if value = rest; kind == "Basic" {
				if plain, err := base64.StdEncoding.DecodeString(rest); err == nil {
					_, password, _ := strings.Cut(string(plain), ":")
					said = append(said, password)
				}
			}
		}
		if value != "" {
			said = append(said, value)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, text := range said {
		if !slices.Contains(e.secret, text) {
			e.secret = append(e.secret, text)
		}
	}
	return e.how, said
}
