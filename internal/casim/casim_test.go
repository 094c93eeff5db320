package casim

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCA(t testing.TB, o Options) *CA {
	t.Helper()
	ca, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ca.Close(); err != nil {
			t.Error(err)
		}
	})
	return ca
}

func serve(t testing.TB, ca *CA) *Server {
	t.Helper()
	s, err := ca.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// client returns an HTTPS client with an RA certificate of the given validity.
func client(t testing.TB, ca *CA, validity time.Duration) *http.Client {
	t.Helper()
	pfx, password, err := ca.IssueRA("ra.example", validity)
	if err != nil {
		t.Fatal(err)
	}
	key, leaf, _, err := pkcs12.DecodeChain(pfx, password)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.ServerCAs())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}, nil
	}}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

const (
	search  = `<m:searchCertificateRequest xmlns:m="` + nsManage + `">%<m:version>1.0</m:version></m:searchCertificateRequest>`
	update  = `<updateCertificateStatusRequest xmlns="` + nsManage + `"><version>1.0</version>%</updateCertificateStatusRequest>`
	polices = `<getPolicies xmlns="` + nsPolicy + `" xmlns:xsi="` + nsInstance + `"><version>2.0</version>%</getPolicies>`
	token   = `<RequestSecurityToken xmlns="` + nsTrust + `"><requestVSSecurityToken xmlns="` + nsEnrol + `"><certificateProfileID>` + ProfileUser + `</certificateProfileID>%<version>2.0</version></requestVSSecurityToken></RequestSecurityToken>`
	pkcs10  = `<requestType>` + nsTrust + `Issue</requestType><binarySecurityToken ValueType="` + typePKCS10 + `">MIIB</binarySecurityToken>`
	health  = `<getStatusRequestMessage xmlns="` + nsHealth + `"><version>1.0</version>%</getStatusRequestMessage>`
)

// post sends the request, with inner in the place of its %, and returns the
// status and the answer.
func post(t testing.TB, c *http.Client, url, action, request, inner string) (int, string) {
	t.Helper()
	body := `<?xml version="1.0"?><e:Envelope xmlns:e="` + nsEnvelope + `"><e:Body>` + strings.Replace(request, "%", inner, 1) + `</e:Body></e:Envelope>`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", `"`+action+`"`)
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestServicesAreStrict(t *testing.T) {
	ca := newCA(t, Options{UpdateHours: 24})
	serials, err := ca.Issue(3)
	if err != nil {
		t.Fatal(err)
	}
	url, c := serve(t, ca).URL, client(t, ca, time.Hour)
	long := strings.Repeat("x", 41)
	tests := []struct {
		name, path, action, request, inner string
		status                             int
		says                               string
	}{
		{"policies", "policyService", nsPolicy + "/requestPolicies", polices, `<clientTransactionID>t</clientTransactionID><requestFilter xsi:nil="true"/>`, 200, "<nextUpdateHours>24<"},
		{"policies of a profile", "policyService", nsPolicy + "/requestPolicies", polices, `<requestFilter><policyIDs><oid>` + ProfileUser + `</oid></policyIDs></requestFilter>`, 200, ProfileUser},
		{"policies of an unknown profile", "policyService", nsPolicy + "/requestPolicies", polices, `<requestFilter><policyIDs><oid>1.2.3</oid></policyIDs></requestFilter>`, 500, "POLICY_NOT_FOUND"},
		{"policies without filter", "policyService", nsPolicy + "/requestPolicies", polices, ``, 500, "lacks requestFilter"},
		{"policies in another order", "policyService", nsPolicy + "/requestPolicies", polices, `<requestFilter xsi:nil="true"/><clientTransactionID>t</clientTransactionID>`, 500, "not understood: clientTransactionID"},
		{"long transaction id", "policyService", nsPolicy + "/requestPolicies", polices, `<clientTransactionID>` + long + `</clientTransactionID><requestFilter xsi:nil="true"/>`, 500, "longer than 40"},
		{"other SOAPAction", "policyService", nsPolicy + "/getPolicies", polices, `<requestFilter xsi:nil="true"/>`, 500, "SOAPAction"},
		{"other service", "healthcheckService", nsPolicy + "/requestPolicies", polices, `<requestFilter xsi:nil="true"/>`, 500, "no operation"},
		{"search", "certificateManagementService", nsManage + "/searchCertificate", search, `<m:startIndex>0</m:startIndex>`, 200, "<certificateCount>3<"},
		{"search by serial", "certificateManagementService", nsManage + "/searchCertificate", search, `<m:serialNumber>` + serials[1] + `</m:serialNumber>`, 200, "<certificateCount>1<"},
		{"search by serial with zeros", "certificateManagementService", nsManage + "/searchCertificate", search, `<m:serialNumber>00` + serials[1] + `</m:serialNumber>`, 200, "<certificateCount>0<"},
		{"search by profile and status", "certificateManagementService", nsManage + "/searchCertificate", search, `<m:profileOID>` + ProfileUser + `</m:profileOID><m:status>VALID</m:status>`, 200, "<certificateCount>2<"},
		{"search by times", "certificateManagementService", nsManage + "/searchCertificate", search, `<m:validFrom>` + strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10) + `</m:validFrom>`, 200, "<certificateCount>0<"},
		{"search in another namespace", "certificateManagementService", nsManage + "/searchCertificate", search, `<startIndex>0</startIndex>`, 500, "another namespace"},
		{"search of an unknown status", "certificateManagementService", nsManage + "/searchCertificate", search, `<m:status>valid</m:status>`, 500, "must be one of"},
		{"search of another account", "certificateManagementService", nsManage + "/searchCertificate", search, `<m:accountId>1</m:accountId>`, 500, "not authorized"},
		{"revoke", "certificateManagementService", nsManage + "/updateCertificateStatus", update, `<revocationReason>Superseded</revocationReason><certificateSerialNumber>` + serials[0] + `</certificateSerialNumber><operationType>Revoke</operationType>`, 200, "<successCode>0<"},
		{"revoke the unknown", "certificateManagementService", nsManage + "/updateCertificateStatus", update, `<certificateSerialNumber>ffff</certificateSerialNumber><operationType>Revoke</operationType>`, 500, "CERTIFICATE_NOT_FOUND"},
		{"revoke a seat", "certificateManagementService", nsManage + "/updateCertificateStatus", update, `<seatId>s</seatId><operationType>Revoke</operationType>`, 500, "lacks certificateSerialNumber"},
		{"enrol without a request", "enrollmentService", nsEnrol + "/requestSecurityToken", token, `<requestType>` + nsTrust + `Issue</requestType>`, 500, "lacks binarySecurityToken"},
		{"enrol without a type", "enrollmentService", nsEnrol + "/requestSecurityToken", token, `<requestType>` + nsTrust + `Issue</requestType><binarySecurityToken>MIIB</binarySecurityToken>`, 500, "not called PKCS10"},
		{"enrol without a seat", "enrollmentService", nsEnrol + "/requestSecurityToken", token, pkcs10, 500, "seat_id is missing"},
		{"enrol with another name", "enrollmentService", nsEnrol + "/requestSecurityToken", token, pkcs10 + `<nameValuePair><name>x</name><value>y</value></nameValuePair>`, 500, "ATTRIBUTE_UNKNOWN"},
		{"health", "healthcheckService", nsHealth + "/getStatus", health, `<operationType>ENROLL</operationType>`, 200, "<statusCode>UP<"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body := post(t, c, url+tt.path, tt.action, tt.request, tt.inner)
			if status != tt.status || !strings.Contains(body, tt.says) {
				t.Errorf("HTTP %d, want %d with %q:\n%s", status, tt.status, tt.says, body)
			}
		})
	}
	if got := ca.Certificates()[0]; got.Status != "REVOKED" || got.Reason != "Superseded" {
		t.Errorf("revoked certificate: %s %s", got.Status, got.Reason)
	}
}

func TestPagesHoldFifty(t *testing.T) {
	ca := newCA(t, Options{})
	if _, err := ca.Issue(101); err != nil {
		t.Fatal(err)
	}
	url, c := serve(t, ca).URL, client(t, ca, time.Hour)
	for start, want := range map[int]int{0: 50, 50: 50, 100: 1, 101: 0, 99999: 0} {
		_, body := post(t, c, url+"certificateManagementService", nsManage+"/searchCertificate", search, `<m:startIndex>`+strconv.Itoa(start)+`</m:startIndex>`)
		got := len(regexp.MustCompile(`<certificateInformation>`).FindAllString(body, -1))
		if more := strings.Contains(body, ">true</moreCertificateAvailable>"); got != want || more != (start+got < 101 && start < 101) {
			t.Errorf("from %d: %d records, more %v; want %d", start, got, more, want)
		}
	}
}

func TestTLSWantsAnRACertificate(t *testing.T) {
	ca, other := newCA(t, Options{}), newCA(t, Options{})
	url := serve(t, ca).URL
	for name, c := range map[string]*http.Client{"expired": client(t, ca, -time.Minute), "of another CA": client(t, other, time.Hour)} {
		c.Transport.(*http.Transport).TLSClientConfig.RootCAs.AppendCertsFromPEM(ca.ServerCAs())
		if resp, err := c.Get(url + "policyService"); err == nil {
			resp.Body.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDirectoryKeepsTheCA(t *testing.T) {
	dir := t.TempDir()
	first := newCA(t, Options{Dir: dir})
	serials, err := first.Issue(3)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Revoke(serials[1], "KeyCompromise"); err != nil {
		t.Fatal(err)
	}
	before := first.Certificates()
	if err := first.ReplaceRoot(); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := newCA(t, Options{Dir: dir})
	if !second.Root().Equal(first.Root()) || string(second.ServerCAs()) != string(first.ServerCAs()) {
		t.Error("the CAs are others after a restart")
	}
	same := func(a, b Certificate) bool {
		return a.Serial == b.Serial && a.Status == b.Status && a.Reason == b.Reason && string(a.DER) == string(b.DER)
	}
	if !slices.EqualFunc(before, second.Certificates(), same) {
		t.Errorf("records after restart: %v, want %v", second.Certificates(), before)
	}
	for _, name := range []string{authoritiesFile, journalFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, authoritiesFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Dir: dir}); err == nil {
		t.Error("a broken file is read without complaint")
	}
}
