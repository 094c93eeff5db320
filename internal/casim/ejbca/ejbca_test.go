package ejbca_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloudpki/internal/casim"
	"cloudpki/internal/casim/ejbca"
)

// The dialect refuses what EJBCA refuses, in its words.
func TestDialectIsStrict(t *testing.T) {
	ca, err := casim.New(casim.Options{PageSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Issue(3); err != nil {
		t.Fatal(err)
	}
	h := ejbca.Handler(ca)
	const search = "POST " + ejbca.Path + "v2/certificate/search"
	const all = `"criteria":[{"property":"UPDATE_TIME","value":"1969-12-31T00:00:00Z","operation":"AFTER"}]`
	for name, tt := range map[string]struct {
		call, body string
		anonymous  bool
		status     int
		says       string
	}{
		"list":                 {"GET " + ejbca.Path + "v1/ca", "", false, 200, `"name":"Simulated User CA"`},
		"without certificate":  {"GET " + ejbca.Path + "v1/ca", "", true, 403, `"error_code":403`},
		"unknown DN":           {"GET " + ejbca.Path + "v1/ca/CN=x/certificate/download", "", false, 404, "does not exist"},
		"CRL of a root":        {"GET " + ejbca.Path + "v1/ca/CN=Simulated%20Root%20CA,O=Simulated%20PKI/getLatestCrl", "", false, 200, `"crl":null`},
		"count":                {search, `{` + all + `}`, false, 200, `"total_certs":3`},
		"full page":            {search, `{"pagination":{"page_size":2,"current_page":1},` + all + `}`, false, 200, `"pagination_summary":{"page_size":2,"current_page":1}`},
		"last page":            {search, `{"pagination":{"page_size":2,"current_page":2},` + all + `}`, false, 200, `"total_certs":3`},
		"beyond the maximum":   {search, `{"pagination":{"page_size":9,"current_page":1},` + all + `}`, false, 200, `"total_certs":2`},
		"no criteria":          {search, `{"criteria":[]}`, false, 400, "cannot be empty"},
		"page 0":               {search, `{"pagination":{"page_size":2,"current_page":0},` + all + `}`, false, 400, "pagination"},
		"unknown property":     {search, strings.Replace(`{`+all+`}`, "UPDATE_TIME", "LUCK", 1), false, 400, "property, unrecognized"},
		"date of another kind": {search, strings.Replace(`{`+all+`}`, "00Z", "00.5Z", 1), false, 400, "proper date"},
		"unknown member":       {search, `{"filter":1,` + all + `}`, false, 400, "JSON"},
		"unknown CA":           {search, `{"criteria":[{"property":"CA","value":"x","operation":"EQUAL"}]}`, false, 400, "unknown CA"},
		"no grant":             {"POST " + ejbca.TokenPath, "grant_type=password", true, 400, "unsupported_grant_type"},
		"wrong secret":         {"POST " + ejbca.TokenPath, "grant_type=client_credentials&client_id=x", true, 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(tt.call, " ")
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", "application/json")
			if strings.Contains(path, "token") {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			if !tt.anonymous {
				r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.says) {
				t.Errorf("HTTP %d, want %d with %q:\n%s", rec.Code, tt.status, tt.says, rec.Body)
			}
			if rec.Code >= http.StatusBadRequest && rec.Header().Get("Content-Type") != "application/json" {
				t.Errorf("content type %q", rec.Header().Get("Content-Type"))
			}
		})
	}
}
