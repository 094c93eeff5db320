package digicertone

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloudpki/internal/casim"
)

// The simulator refuses what the real service would refuse.
func TestCallsAreReadStrictly(t *testing.T) {
	ca, err := casim.New(casim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	serials, err := ca.Issue(3)
	if err != nil {
		t.Fatal(err)
	}
	key := ca.Login().APIKey
	serial := strings.ToUpper(serials[0])
	for _, tt := range []struct {
		method, path, key, body string
		certified               bool
		status                  int
		says                    string
	}{
		{"GET", "hello", "", "", false, 200, "hello"},
		{"GET", "profile", "", "", false, 401, "invalid_api_key"},
		{"GET", "profile", "wrong", "", false, 401, "invalid_api_key"},
		{"GET", "profile", "", "", true, 200, ProfileUser},
		{"GET", "profile", key, "", true, 400, "invalid_request"},
		{"GET", "profile/" + ProfileUser, key, "", false, 200, `"root":true`},
		{"GET", "profile/other", key, "", false, 404, "resource_not_found"},
		{"GET", "certificate-search?status=revoked", key, "", false, 400, "status"},
		{"GET", "certificate-search?limit=0", key, "", false, 400, "limit"},
		{"GET", "certificate-search?offset=-1", key, "", false, 400, "offset"},
		{"GET", "certificate-search?valid_from=yesterday", key, "", false, 400, "valid_from"},
		{"GET", "certificate-search?since=1", key, "", false, 400, "since"},
		{"GET", "certificate-search?account_id=other", key, "", false, 403, "no_access"},
		{"GET", "certificate-search?limit=2&offset=1&account_id=" + AccountID, key, "", false, 200, `"total":3,"offset":1,"limit":2`},
		{"GET", "certificate-search?valid_from=2100-01-01", key, "", false, 200, `"items":[]`},
		{"PUT", "certificate/" + serial + "/revoke", key, `{"revocation_reason":"KeyCompromise"}`, false, 400, "revocation_reason"},
		{"PUT", "certificate/" + serial + "/revoke", key, `{"revocation_reason":"certificate_hold"}`, false, 204, ""},
		{"GET", "certificate/" + serial, key, "", false, 200, `"status":"suspended"`},
		{"DELETE", "certificate/" + serial + "/revoke", key, "", false, 204, ""},
		{"DELETE", "certificate/" + serial + "/revoke", key, "", false, 400, "not suspended"},
		{"PUT", "certificate/" + serial + "/revoke", key, `{"revocation_reason":"key_compromise"}`, false, 204, ""},
		{"GET", "certificate-search?status=REVOKED", key, "", false, 200, `"reason":"key_compromise"`},
		{"GET", "certificate/00", key, "", false, 404, "resource_not_found"},
		{"GET", "audit-log", key, "", false, 404, "resource_not_found"},
	} {
		r := httptest.NewRequest(tt.method, "https://ca.example/mpki/api/v1/"+tt.path, strings.NewReader(tt.body))
		if tt.key != "" {
			r.Header.Set("X-Api-Key", tt.key)
		}
		if tt.certified {
			r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{ca.Root()}}}
		}
		w := httptest.NewRecorder()
		Dialect().Handler(ca).ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %s: %d %s, want %d with %s", tt.method, tt.path, w.Code, w.Body, tt.status, tt.says)
		}
		if w.Code >= 400 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: an error that is no JSON", tt.method, tt.path)
		}
	}
	if n := ca.Calls(http.MethodGet + " profile"); n != 1 {
		t.Errorf("%d calls of profile are counted", n)
	}
}
