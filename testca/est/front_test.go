package est_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/globalsign/est"

	"cloudpki/e2e/program"
	"cloudpki/internal/casim"
	"cloudpki/internal/casim/vault"
)

const devicePassword = "a shared secret of devices"

// A client of RFC 7030 that was not written here fetches what it is to trust,
// enrols with the account of an endpoint, and renews with its certificate.
func TestFront(t *testing.T) {
	ca, err := casim.New(casim.Options{})
	must(t, err)
	server, err := ca.StartAs(t.Context(), "127.0.0.1:0", vault.Dialect())
	must(t, err)
	t.Cleanup(func() { _ = server.Close() })
	binary, data := program.Build(t, "../.."), t.TempDir()
	service := program.Prepare(t, binary, data, "")
	cmd := program.Serve(t, binary, data, service, "CLOUDPKI_EST_ADDRESS=127.0.0.1:0", "CLOUDPKI_LOG_FORMAT=text")
	t.Cleanup(func() { program.Kill(cmd) })
	api := service.Login(t)
	set := subscribe(t, api, map[string]any{
		"cloudPkiProvider": "vault", "serviceUri": server.URL, "serverCertificateAuthorities": ca.ServerCAs(),
		"credentials":      map[string]string{"adminPassword": ca.Login().APIKey},
		"providerSettings": []map[string]string{{"name": "role", "value": "device"}},
	})
	root := awaitRoot(t, api, set)
	trusted, err := x509.ParseCertificate(root)
	must(t, err)

	device := est.Client{
		Host: strings.TrimPrefix(service.Authority, "https://"), AdditionalPathSegment: endpoint(t, api, set), ExplicitAnchor: anchor(t, service),
		Username: "device", Password: devicePassword,
	}
	anchors, err := device.CACerts(t.Context())
	must(t, err)
	roots, issuers := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range anchors {
		if c.Equal(trusted) {
			roots.AddCert(c)
		} else {
			issuers.AddCert(c)
		}
	}
	attributes, err := device.CSRAttrs(t.Context())
	if err != nil || len(attributes.OIDs)+len(attributes.Attributes) != 0 {
		t.Errorf("CSRAttrs: %+v, %v; want none", attributes, err)
	}
	key, request := csr(t, "device-7")
	leaf, err := device.Enroll(t.Context(), request)
	must(t, err)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: issuers, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Errorf("%d certificates of cacerts do not verify what was enrolled: %v", len(anchors), err)
	}
	wrong := device
	wrong.Password = "wrong"
	var refused est.Error
	if _, err := wrong.Enroll(t.Context(), request); !errors.As(err, &refused) || refused.StatusCode() != http.StatusUnauthorized {
		t.Errorf("with a wrong password: %v", err)
	}

	device.Username, device.Password = "", ""
	device.Host, device.Certificates, device.PrivateKey = estAddress(t, data), []*x509.Certificate{leaf}, key
	next, renewal := csr(t, "device-7")
	renewed, err := device.Reenroll(t.Context(), renewal)
	must(t, err)
	if !next.PublicKey.Equal(renewed.PublicKey) || renewed.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
		t.Error("the renewal is not a new certificate for the new key")
	}
	_, other := csr(t, "device-8")
	if _, err := device.Reenroll(t.Context(), other); !errors.As(err, &refused) || refused.StatusCode() != http.StatusForbidden {
		t.Errorf("a renewal with another name: %v", err)
	}
	if _, _, err := device.ServerKeyGen(t.Context(), renewal); !errors.As(err, &refused) || refused.StatusCode() != http.StatusNotImplemented {
		t.Errorf("ServerKeyGen: %v", err)
	}
}

// endpoint makes one for a subscription and returns its id.
func endpoint(t *testing.T, api program.API, set string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"subscriptionId": set[strings.LastIndex(set, "/")+1:], "userName": "device", "password": devicePassword, "subjectPatterns": []string{"device-*"},
	})
	must(t, err)
	var made struct{ ID string }
	must(t, api.Must(t, http.MethodPost, "/deviceManagement/estEndpoints", body, http.StatusCreated).Into(&made))
	return made.ID
}

// anchor is the CA of the service's own certificate.
func anchor(t *testing.T, c program.Connection) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(c.CA)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// estAddress is where devices renew, as the log tells.
func estAddress(t *testing.T, data string) string {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(data, "log"))
		must(t, err)
		if found := regexp.MustCompile(`est_address=(\S+)`).FindSubmatch(text); found != nil {
			return string(found[1])
		}
	}
	t.Fatal("the log names no address")
	return ""
}

func csr(t *testing.T, name string) (*ecdsa.PrivateKey, *x509.CertificateRequest) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	must(t, err)
	request, err := x509.ParseCertificateRequest(der)
	must(t, err)
	return key, request
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
