// Package est_test drives the EST provider, and the service, against a real EST
// server (github.com/globalsign/est) through the real transport.
package est_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	"cloudpki/e2e/program"
	"cloudpki/internal/provider"
	estprovider "cloudpki/internal/provider/est"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/secret"
	"cloudpki/testca/est/esttest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.CA{
		Kind: estprovider.Kind(),
		Serve: func(t testing.TB, _ providertest.World) providertest.Fixture {
			ca := esttest.New(t)
			return providertest.Fixture{
				Handler: ca.Handler, TLS: &tls.Config{Certificates: []tls.Certificate{ca.Server}}, Path: "/",
				Config: provider.Config{
					ServerCAs:   ca.Root.Raw,
					Credentials: provider.Credentials{UserName: esttest.User, Password: secret.NewString(esttest.Password)},
					Settings:    map[string]string{"crlUrls": "issuing.crl"},
				},
				Roots: []*x509.Certificate{ca.Root},
			}
		},
		Lacks: map[providertest.Feature]string{
			providertest.Credentials:      "this server asks for no login but to enrol",
			providertest.Inventory:        "EST has no call that lists issued certificates",
			providertest.UnreadableRecord: "there are no records without an inventory",
		},
	})
}

// A subscription that knows the root's fingerprint alone ends up with the root
// and the chain of the server; a certificate enrolled there verifies with them,
// and its revocation is in the inventory.
func TestThroughTheAPI(t *testing.T) {
	ca := esttest.New(t)
	address := ca.Listen(t)
	leaf := ca.Enroll(t, address, "device.example.test")
	ca.Revoke(leaf)

	api := program.Dev(t, program.Build(t, "../.."), t.TempDir(), "").Login(t)
	sum := sha256.Sum256(ca.Root.Raw)
	set := subscribe(t, api, map[string]any{
		"cloudPkiProvider": "est", "displayName": "real EST server", "serviceUri": "https://" + address,
		"credentials": map[string]string{"adminUserName": esttest.User, "adminPassword": esttest.Password},
		"providerSettings": []map[string]string{
			{"name": "rootFingerprint", "value": hex.EncodeToString(sum[:])},
			{"name": "crlUrls", "value": "issuing.crl"},
		},
	})
	if root := awaitRoot(t, api, set); !bytes.Equal(root, ca.Root.Raw) {
		t.Error("trustedRootCertificate is not the root of the EST server")
	}
	var list struct {
		Value []struct {
			Kind        string
			Certificate []byte
		}
	}
	if err := api.Must(t, http.MethodGet, set+"/certificateAuthorities", nil, http.StatusOK).Into(&list); err != nil {
		t.Fatal(err)
	}
	roots, issuers := x509.NewCertPool(), x509.NewCertPool()
	for _, a := range list.Value {
		pool := issuers
		if a.Kind == "root" {
			pool = roots
		}
		pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate}))
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: issuers, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Errorf("%d authorities do not verify the enrolled certificate: %v", len(list.Value), err)
	}
	var certificates struct {
		Value []struct{ SerialNumber, Status string }
	}
	if err := api.Must(t, http.MethodGet, set+"/certificates", nil, http.StatusOK).Into(&certificates); err != nil {
		t.Fatal(err)
	}
	if len(certificates.Value) != 1 || certificates.Value[0].SerialNumber != leaf.SerialNumber.Text(16) || certificates.Value[0].Status != "revoked" {
		t.Errorf("the inventory is %+v, want the revoked certificate", certificates.Value)
	}
}

func subscribe(t *testing.T, api program.API, draft map[string]any) string {
	t.Helper()
	body, err := json.Marshal(draft)
	if err != nil {
		t.Fatal(err)
	}
	var created struct{ ID string }
	if err := api.Must(t, http.MethodPost, "/cloudPkiSubscriptions", body, http.StatusCreated).Into(&created); err != nil {
		t.Fatal(err)
	}
	return "/deviceManagement/cloudPkiSubscriptions/" + created.ID
}

// awaitRoot waits for a sync that has succeeded.
func awaitRoot(t *testing.T, api program.API, set string) []byte {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var s struct {
			SyncStatus    string
			LastSyncError *string
			Root          []byte `json:"trustedRootCertificate"`
		}
		if err := api.Must(t, http.MethodGet, set, nil, http.StatusOK).Into(&s); err != nil {
			t.Fatal(err)
		}
		switch s.SyncStatus {
		case "succeeded":
			return s.Root
		case "failed":
			t.Fatalf("the sync failed: %s", *s.LastSyncError)
		}
	}
	t.Fatal("no sync ended")
	return nil
}
