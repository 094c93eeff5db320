package stepca_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"cloudpki/e2e/program"
	"cloudpki/testca/stepca/stepcatest"
)

// A root and a revocation at a real step-ca appear in the API of the running
// program, on each engine.
func TestThroughTheAPI(t *testing.T) {
	binary := program.Build(t, "../..")
	program.EachEngine(t, func(t *testing.T, database string) {
		ca := stepcatest.Start(t)
		api := program.Dev(t, binary, t.TempDir(), database).Login(t)
		set := subscribe(t, api, ca)

		first := awaitSync(t, api, set, "")
		if !bytes.Equal(first.Root, ca.Root().Raw) {
			t.Error("trustedRootCertificate is not the root of step-ca")
		}
		if got := revoked(t, api, set); len(got) != 0 {
			t.Errorf("revoked before anything was: %+v", got)
		}

		kept, gone := ca.Issue(t, "kept.example.test"), ca.Issue(t, "gone.example.test")
		ca.Revoke(t, gone, keyCompromise)
		api.Must(t, http.MethodPost, set+"/sync", nil, http.StatusAccepted)
		awaitSync(t, api, set, first.LastSync)
		got := revoked(t, api, set)
		if len(got) != 1 || got[0].Serial != gone.SerialNumber.Text(16) || got[0].Reason != keyCompromise || got[0].Date == "" {
			t.Errorf("revoked %+v, want %s and not %s", got, gone.SerialNumber.Text(16), kept.SerialNumber.Text(16))
		}
		checkChain(t, api, set, gone)
	})
}

const keyCompromise = 1 // RFC 5280, 5.3.1

func subscribe(t *testing.T, api program.API, ca *stepcatest.CA) string {
	t.Helper()
	sum := sha256.Sum256(ca.Root().Raw)
	body, err := json.Marshal(map[string]any{
		"cloudPkiProvider": "stepCa", "displayName": "real step-ca", "serviceUri": ca.URL(),
		"providerSettings": []map[string]string{{"name": "rootFingerprint", "value": hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var created struct{ ID string }
	if err := api.Must(t, http.MethodPost, "/cloudPkiSubscriptions", body, http.StatusCreated).Into(&created); err != nil {
		t.Fatal(err)
	}
	return "/deviceManagement/cloudPkiSubscriptions/" + created.ID
}

type status struct {
	SyncStatus    string
	LastSyncError *string
	LastSync      string `json:"lastSyncDateTime"`
	Root          []byte `json:"trustedRootCertificate"`
}

// awaitSync waits for a sync that ended later than before and has succeeded.
func awaitSync(t *testing.T, api program.API, set, before string) status {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var s status
		if err := api.Must(t, http.MethodGet, set, nil, http.StatusOK).Into(&s); err != nil {
			t.Fatal(err)
		}
		if s.SyncStatus == "unKnown" || s.LastSync == before {
			continue
		}
		if s.SyncStatus != "succeeded" {
			t.Fatalf("the sync failed: %s", *s.LastSyncError)
		}
		return s
	}
	t.Fatal("no sync ended")
	return status{}
}

type revocation struct {
	Serial string `json:"serialNumber"`
	Reason int    `json:"revocationReason"`
	Date   string `json:"revocationDateTime"`
}

func revoked(t *testing.T, api program.API, set string) []revocation {
	t.Helper()
	var list struct{ Value []revocation }
	address := set + "/certificates?$filter=" + url.QueryEscape("status eq 'revoked'")
	if err := api.Must(t, http.MethodGet, address, nil, http.StatusOK).Into(&list); err != nil {
		t.Fatal(err)
	}
	return list.Value
}

// checkChain verifies a certificate of the CA with what the API tells of its
// authorities and nothing else.
func checkChain(t *testing.T, api program.API, set string, leaf *x509.Certificate) {
	t.Helper()
	var list struct {
		Value []struct {
			Kind, State string
			Certificate []byte
		}
	}
	if err := api.Must(t, http.MethodGet, set+"/certificateAuthorities", nil, http.StatusOK).Into(&list); err != nil {
		t.Fatal(err)
	}
	roots, issuers := x509.NewCertPool(), x509.NewCertPool()
	for _, a := range list.Value {
		c, err := x509.ParseCertificate(a.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if a.Kind == "root" && a.State == "trusted" {
			roots.AddCert(c)
		} else {
			issuers.AddCert(c)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: issuers, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Errorf("%d authorities do not verify the CA's certificate: %v", len(list.Value), err)
	}
}
