package sectigo_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"strings"
	"testing"

	"cloudpki/internal/casim"
	"cloudpki/internal/casim/sectigo"
)

// The dialect refuses what Sectigo refuses, with its codes.
func TestDialectIsStrict(t *testing.T) {
	ca, err := casim.New(casim.Options{PageSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Issue(3); err != nil {
		t.Fatal(err)
	}
	h := sectigo.Handler(ca)
	for name, tt := range map[string]struct {
		path, password string
		certificate    bool
		status         int
		says           string
	}{
		"list":               {"/api/ssl/v1?size=2", ca.Login().Password, false, 200, `"sslId":10001`},
		"behind the end":     {"/api/ssl/v1?position=3", ca.Login().Password, false, 200, `[]`},
		"by status":          {"/api/ssl/v1?status=Revoked", ca.Login().Password, false, 200, `[]`},
		"wrong password":     {"/api/ssl/v1", "x", false, 401, `{"code":-16,"description":"Unknown user"}`},
		"no password":        {"/api/ssl/v1", "", true, 401, "-16"},
		"certificate":        {"/private/api/ssl/v1", "", true, 200, `"serialNumber"`},
		"no certificate":     {"/private/api/ssl/v1", ca.Login().Password, false, 403, "-7"},
		"too many":           {"/api/ssl/v1?size=201", ca.Login().Password, false, 400, "-1"},
		"unknown status":     {"/api/ssl/v1?status=issued", ca.Login().Password, false, 400, "-1"},
		"unknown parameter":  {"/api/ssl/v1?since=2026-01-01", ca.Login().Password, false, 400, "since"},
		"other organization": {"/api/ssl/v1?orgId=1", ca.Login().Password, false, 400, "organization"},
		"profiles":           {"/api/ssl/v1/types", ca.Login().Password, false, 200, `"id":501`},
		"details":            {"/api/ssl/v1/10001", ca.Login().Password, false, 200, `"status":"Issued"`},
		"unknown id":         {"/api/ssl/v1/10004", ca.Login().Password, false, 404, "-124"},
		"chain":              {"/api/ssl/v1/collect/10001?format=x509", ca.Login().Password, false, 200, "BEGIN CERTIFICATE"},
		"unknown format":     {"/api/ssl/v1/collect/10001?format=pdf", ca.Login().Password, false, 400, "format"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", tt.path, nil)
			r.Header.Set("login", ca.Login().User)
			r.Header.Set("customerUri", sectigo.CustomerURI)
			r.Header.Set("password", tt.password)
			if tt.certificate {
				r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.says) {
				t.Errorf("HTTP %d, want %d with %q:\n%s", rec.Code, tt.status, tt.says, rec.Body)
			}
			if strings.HasPrefix(tt.path, "/api/ssl/v1?") && rec.Code == 200 && rec.Header().Get("X-Total-Count") == "" {
				t.Error("no X-Total-Count")
			}
		})
	}
}
