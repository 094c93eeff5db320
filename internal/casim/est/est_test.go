package est_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/smallstep/pkcs7"

	"cloudpki/internal/casim"
	"cloudpki/internal/casim/est"
)

func TestServer(t *testing.T) {
	t.Parallel()
	ca, err := casim.New(casim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := est.Dialect().Handler(ca)
	login := ca.Login()
	for name, test := range map[string]struct {
		method, path   string
		user, password string
		status, certs  int
	}{
		"CA certificates":         {"GET", "/.well-known/est/cacerts", "", "", 200, 4},
		"of a label":              {"GET", "/.well-known/est/device/cacerts", "", "", 200, 2},
		"of an unknown label":     {"GET", "/.well-known/est/none/cacerts", "", "", 404, 0},
		"posted":                  {"POST", "/.well-known/est/cacerts", "", "", 405, 0},
		"with a query":            {"GET", "/.well-known/est/cacerts?x=1", "", "", 405, 0},
		"outside the path":        {"GET", "/cacerts", "", "", 404, 0},
		"enrolment":               {"GET", "/.well-known/est/simpleenroll", "", "", 404, 0},
		"attributes, no login":    {"GET", "/.well-known/est/csrattrs", "", "", 401, 0},
		"attributes, wrong login": {"GET", "/.well-known/est/csrattrs", login.User, "x", 401, 0},
		"attributes, logged in":   {"GET", "/.well-known/est/user/csrattrs", login.User, login.Password, 204, 0},
		"a list":                  {"GET", "/crl/user.crl", "", "", 200, 0},
		"a list of nobody":        {"GET", "/crl/none.crl", "", "", 404, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), test.method, test.path, nil)
			if test.user != "" {
				r.SetBasicAuth(test.user, test.password)
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			if rec.Code != test.status || (rec.Code == http.StatusUnauthorized) != (rec.Header().Get("WWW-Authenticate") != "") {
				t.Errorf("HTTP %d, want %d; challenge %q", rec.Code, test.status, rec.Header().Get("WWW-Authenticate"))
			}
			if test.certs > 0 {
				checkCertificates(t, rec, test.certs)
			}
		})
	}
}

// checkCertificates looks for base64 in lines that end in CRLF (RFC 7030, 4.1.3).
func checkCertificates(t *testing.T, rec *httptest.ResponseRecorder, want int) {
	t.Helper()
	if rec.Header().Get("Content-Type") != "application/pkcs7-mime" || !strings.HasSuffix(rec.Body.String(), "\r\n") {
		t.Errorf("%s, ending %q", rec.Header().Get("Content-Type"), rec.Body.Bytes()[rec.Body.Len()-2:])
	}
	der, err := base64.StdEncoding.DecodeString(string(bytes.ReplaceAll(rec.Body.Bytes(), []byte("\r\n"), nil)))
	if err != nil {
		t.Fatal(err)
	}
	p7, err := pkcs7.Parse(der)
	if err != nil || len(p7.Certificates) != want {
		t.Errorf("%d certificates, want %d; %v", len(p7.Certificates), want, err)
	}
}
