package globalsignatlas_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/casim/globalsignatlas"
)

const mediaType = "application/json;charset=utf-8"

// An account is the simulator, called by a client that has its certificate.
type account struct {
	ca      *casim.CA
	handler http.Handler
	clock   atomic.Int64 // nanoseconds added to the time of the test
	serial  string       // of the one certificate, in upper case
}

func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{}
	begun := time.Now()
	ca, err := casim.New(casim.Options{Now: func() time.Time { return begun.Add(time.Duration(a.clock.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	serials, err := ca.Issue(1)
	if err != nil {
		t.Fatal(err)
	}
	a.ca, a.handler, a.serial = ca, globalsignatlas.Dialect().Handler(ca), strings.ToUpper(serials[0])
	return a
}

func (a *account) do(t *testing.T, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/v2"+path, strings.NewReader(body))
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{a.ca.Root()}} // TLS has checked it
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	a.handler.ServeHTTP(rec, r)
	return rec
}

func (a *account) login(t *testing.T) string {
	t.Helper()
	rec := a.do(t, "POST", "/login", fmt.Sprintf(`{"api_key":%q,"api_secret":%q}`, a.ca.Login().APIKey, a.ca.Login().Password), "Content-Type", mediaType)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || answer.Token == "" {
		t.Fatalf("login: %d %s", rec.Code, rec.Body)
	}
	return "Bearer " + answer.Token
}

func TestRequestsAreReadStrictly(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	token := a.login(t)
	const window = "?page=1&per_page=100&from=0&to=9999999999"
	for name, test := range map[string]struct {
		method, path, body, media string
		status                    int
	}{
		"trust chain":            {"GET", "/trustchain", "", "", 200},
		"issued":                 {"GET", "/stats/issued" + window, "", "", 200},
		"certificate":            {"GET", "/certificates/" + a.serial, "", "", 200},
		"lower-case serial":      {"GET", "/certificates/" + strings.ToLower(a.serial), "", "", 404},
		"page 0":                 {"GET", "/stats/issued?page=0&per_page=100&from=0&to=1", "", "", 422},
		"too many on a page":     {"GET", "/stats/issued?page=1&per_page=101&from=0&to=1", "", "", 422},
		"window backwards":       {"GET", "/stats/issued?page=1&per_page=100&from=2&to=1", "", "", 422},
		"unknown query":          {"GET", "/stats/issued" + window + "&since=1", "", "", 422},
		"no window":              {"GET", "/stats/revoked?page=1", "", "", 200},
		"login without charset":  {"POST", "/login", `{}`, "application/json", 415},
		"login with a stranger":  {"POST", "/login", `{"user":"x"}`, mediaType, 400},
		"login with a wrong key": {"POST", "/login", `{"api_key":"x","api_secret":"y"}`, mediaType, 401},
		"revoked for no reason":  {"PATCH", "/certificates/" + a.serial, `{"revocation_reason":"certificateHold"}`, mediaType, 422},
		"revoked by PUT":         {"PUT", "/certificates/" + a.serial, `{}`, mediaType, 404},
	} {
		t.Run(name, func(t *testing.T) {
			rec := a.do(t, test.method, test.path, test.body, "Authorization", token, "Content-Type", test.media)
			if rec.Code != test.status {
				t.Errorf("HTTP %d, want %d: %s", rec.Code, test.status, rec.Body)
			}
		})
	}
}

func TestRevokedIsListed(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	token := a.login(t)
	rec := a.do(t, "PATCH", "/certificates/"+a.serial, `{"revocation_reason":"superseded"}`, "Authorization", token, "Content-Type", mediaType)
	if rec.Code != http.StatusNoContent {
		t.Fatalf("HTTP %d: %s", rec.Code, rec.Body)
	}
	rec = a.do(t, "GET", "/stats/revoked?page=1&per_page=1&from=0&to=9999999999", "", "Authorization", token)
	if !strings.Contains(rec.Body.String(), a.serial) || rec.Header().Get("Total-Count") != "1" {
		t.Errorf("revoked: %s of %s", rec.Body, rec.Header().Get("Total-Count"))
	}
}

func TestTokenEnds(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	token := a.login(t)
	for after, status := range map[time.Duration]int{0: 200, 10*time.Minute + time.Second: 401} {
		a.clock.Store(int64(after))
		if rec := a.do(t, "GET", "/trustchain", "", "Authorization", token); rec.Code != status {
			t.Errorf("after %v: HTTP %d, want %d", after, rec.Code, status)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/v2/trustchain", nil)
	rec := httptest.NewRecorder()
	if a.handler.ServeHTTP(rec, r); rec.Code != http.StatusUnauthorized {
		t.Errorf("without a client certificate: HTTP %d", rec.Code)
	}
}
