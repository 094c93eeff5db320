package entrustgateway

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cloudpki/internal/casim"
)

const base = "https://ca.example/cagw/v1/certificate-authorities"

func call(ca *casim.CA, h http.Handler, method, path, body string, certified bool) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, base+path, strings.NewReader(body))
	if certified {
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{ca.Root()}}}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newCA(t *testing.T, n int, o casim.Options) (*casim.CA, []string) {
	t.Helper()
	ca, err := casim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	serials, err := ca.Issue(n)
	if err != nil {
		t.Fatal(err)
	}
	return ca, serials
}

// The simulator refuses what the real gateway would refuse.
func TestCallsAreReadStrictly(t *testing.T) {
	ca, serials := newCA(t, 3, casim.Options{})
	one := "/" + CAUser + "/certificates/" + padded(serials[0])
	events := "/" + CAUser + "/certificate-events"
	for _, tt := range []struct {
		method, path, body string
		anonymous          bool
		status             int
		says               string
	}{
		{"GET", "", "", true, 401, "unauthorized"},
		{"GET", "", "", false, 200, `"caList"`},
		{"GET", "?x=1", "", false, 400, "invalid-parameter"},
		{"GET", "/other", "", false, 404, "ca-not-found"},
		{"GET", "/" + CAUser, "", false, 200, `"chain":[]`},
		{"GET", "/" + CAUser + "?%24fields=ca.certificate,ca.chain", "", false, 200, `"certificateData"`},
		{"GET", "/" + CAUser + "/profiles", "", false, 200, `"profile-user"`},
		{"GET", events, "", false, 400, "startDate"},
		{"GET", events + "?startDate=2026-01-01", "", false, 400, "startDate"},
		{"GET", events + "?nextPageIndex=abc", "", false, 400, "nextPageIndex"},
		{"GET", events + "?preferredPageSize=x&startDate=2000-01-01T00:00:00.000Z", "", false, 400, "preferredPageSize"},
		{"GET", events + "?startDate=2000-01-01T00:00:00.000Z", "", false, 200, `"events":[],"hasMore":true`},
		{"GET", events + "?startDate=2100-01-01T00:00:00.000Z", "", false, 200, `"events":[],"hasMore":false`},
		{"GET", one, "", false, 200, `"status":"normal"`},
		{"GET", strings.Replace(one, CAUser, CADevice, 1), "", false, 404, "certificate-not-found"},
		{"POST", one + "/actions", `{"action":{"type":"RevokeAction","reason":"no"}}`, false, 400, "reason"},
		{"POST", one + "/actions", `{"action":{"type":"Delete"}}`, false, 400, "type"},
		{"POST", one + "/actions", `{"action":{"type":"HoldAction"}}`, false, 200, "COMPLETED"},
		{"GET", one, "", false, 200, `"status":"held"`},
		{"POST", one + "/actions", `{"action":{"type":"UnholdAction"}}`, false, 200, "COMPLETED"},
		{"POST", one + "/actions", `{"action":{"type":"RevokeAction","reason":"caCompromise"}}`, false, 200, "COMPLETED"},
		{"GET", one, "", false, 200, `"reason":"caCompromise"`},
	} {
		w := call(ca, Dialect().Handler(ca), tt.method, tt.path, tt.body, !tt.anonymous)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: %d %s, want %d with %s", tt.method, tt.path, w.Code, w.Body, tt.status, tt.says)
		}
	}
}

// What was issued before a restart is in the feed, and an index of before is
// not taken.
func TestFeedAfterARestart(t *testing.T) {
	o := casim.Options{Dir: t.TempDir()}
	ca, serials := newCA(t, 5, o)
	index := feed(t, ca, Handler(ca), "").Next
	if err := ca.Close(); err != nil {
		t.Fatal(err)
	}
	again, more := newCA(t, 1, o)
	h := Handler(again)
	first := feed(t, again, h, "")
	rest := feed(t, again, h, first.Next)
	var got []string
	for _, e := range rest.Events {
		got = append(got, strings.TrimLeft(e.Serial, "0"))
	}
	// The user CA issues every other certificate.
	want := []string{serials[0], serials[2], serials[4]}
	if strings.Join(got, " ") != strings.Join(want, " ") || rest.More || len(more) != 1 {
		t.Errorf("got %v, want %v", got, want)
	}
	if w := call(again, h, http.MethodGet, "/"+CAUser+"/certificate-events?nextPageIndex="+url.QueryEscape(index), "", true); w.Code != 400 {
		t.Errorf("an index of before the restart: %d", w.Code)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

type fed struct {
	Events []struct {
		Serial string `json:"serialNumber"`
	} `json:"events"`
	Next string `json:"nextPageIndex"`
	More bool   `json:"hasMore"`
}

func feed(t *testing.T, ca *casim.CA, h http.Handler, index string) (f fed) {
	t.Helper()
	q := "?startDate=2000-01-01T00:00:00.000Z"
	if index != "" {
		q += "&nextPageIndex=" + url.QueryEscape(index)
	}
	w := call(ca, h, http.MethodGet, "/"+CAUser+"/certificate-events"+q, "", true)
	if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || w.Code != 200 {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	return f
}
