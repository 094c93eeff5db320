// Package pebblecfssl_test drives the service with the generic provider against
// a real Pebble and a real CFSSL.
package pebblecfssl_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudpki/e2e/program"
	"cloudpki/internal/pgtest"
	"cloudpki/testca/pebblecfssl/cfssltest"
	"cloudpki/testca/pebblecfssl/pebbletest"
)

// One program serves both subscriptions: a start takes seconds.
func TestThroughTheAPI(t *testing.T) {
	pebble := pebbletest.Start(t)
	api := program.Dev(t, program.Build(t, "../.."), t.TempDir(), "").Login(t)
	t.Run("Pebble", func(t *testing.T) { testPebble(t, api, pebble) })
	t.Run("CFSSL", func(t *testing.T) { testCFSSL(t, api) })
}

// The root and the intermediate of Pebble verify what it issues. When it starts
// anew, it has another root: that one waits for an admin, and the old one stays.
func testPebble(t *testing.T, api program.API, ca *pebbletest.Server) {
	set := subscribe(t, api, ca.Management.Certificate(), ca.Management.URL, map[string]string{
		"rootUrls": "roots/0", "chainUrls": "intermediates/0",
	})
	first := await(t, api, set, "")
	if first.SyncStatus != "succeeded" {
		t.Fatalf("the sync failed: %s", first.LastSyncError)
	}
	verify(t, api, set, ca.Issue(t, "first.example.test"))

	ca.Restart()
	api.Must(t, http.MethodPost, set+"/sync", nil, http.StatusAccepted)
	second := await(t, api, set, first.LastSync)
	if second.SyncStatus != "failed" || !strings.HasPrefix(second.LastSyncError, "trust_change_pending") {
		t.Errorf("after a change of the root: %s, %s; want trust_change_pending", second.SyncStatus, second.LastSyncError)
	}
	if !bytes.Equal(first.Root, second.Root) {
		t.Error("trustedRootCertificate changed by itself")
	}
	states := map[string]int{}
	for _, a := range authorities(t, api, set) {
		if a.Kind == "root" {
			states[a.State]++
		}
	}
	if states["quarantined"] != 1 {
		t.Errorf("the states of the roots are %v, want one quarantined", states)
	}
}

// A revocation through CFSSL's API is in the service's inventory by way of its
// revocation list.
func testCFSSL(t *testing.T, api program.API) {
	cluster, err := pgtest.Start(pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	ca := cfssltest.Start(t, cluster.Database(t))
	set := subscribe(t, api, ca.Certificate(), "", map[string]string{
		"rootUrls": ca.URL + "/root.pem", "chainUrls": ca.URL + "/issuing.pem", "crlUrls": ca.URL + "/issuing.crl",
	})
	first := await(t, api, set, "")
	if first.SyncStatus != "succeeded" || !bytes.Equal(first.Root, ca.Root.Raw) {
		t.Fatalf("the first sync: %s %s", first.SyncStatus, first.LastSyncError)
	}
	kept, gone := ca.Issue(t, "kept.example.test"), ca.Issue(t, "gone.example.test")
	verify(t, api, set, kept)
	ca.Revoke(t, gone)
	api.Must(t, http.MethodPost, set+"/sync", nil, http.StatusAccepted)
	if second := await(t, api, set, first.LastSync); second.SyncStatus != "succeeded" {
		t.Fatalf("the second sync failed: %s", second.LastSyncError)
	}
	var list struct {
		Value []struct{ SerialNumber, Status string }
	}
	if err := api.Must(t, http.MethodGet, set+"/certificates", nil, http.StatusOK).Into(&list); err != nil {
		t.Fatal(err)
	}
	if len(list.Value) != 1 || list.Value[0].SerialNumber != gone.SerialNumber.Text(16) || list.Value[0].Status != "revoked" {
		t.Errorf("the inventory is %+v, want %s, revoked", list.Value, gone.SerialNumber.Text(16))
	}
}

// subscribe makes a subscription of the kind generic and returns its address.
func subscribe(t *testing.T, api program.API, server *x509.Certificate, uri string, settings map[string]string) string {
	t.Helper()
	var list []map[string]string
	for name, value := range settings {
		list = append(list, map[string]string{"name": name, "value": value})
	}
	draft := map[string]any{
		"cloudPkiProvider": "generic", "displayName": t.Name(), "serverCertificateAuthorities": server.Raw, "providerSettings": list,
	}
	if uri != "" {
		draft["serviceUri"] = uri
	}
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

type status struct {
	SyncStatus    string
	LastSyncError string
	LastSync      string `json:"lastSyncDateTime"`
	Root          []byte `json:"trustedRootCertificate"`
}

// await waits for a sync that ended later than before.
func await(t *testing.T, api program.API, set, before string) status {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var s status
		if err := api.Must(t, http.MethodGet, set, nil, http.StatusOK).Into(&s); err != nil {
			t.Fatal(err)
		}
		if s.SyncStatus != "unKnown" && s.LastSync != before {
			return s
		}
	}
	t.Fatal("no sync ended")
	return status{}
}

type authority struct {
	Kind, State string
	Certificate []byte
}

func authorities(t *testing.T, api program.API, set string) []authority {
	t.Helper()
	var list struct{ Value []authority }
	if err := api.Must(t, http.MethodGet, set+"/certificateAuthorities", nil, http.StatusOK).Into(&list); err != nil {
		t.Fatal(err)
	}
	return list.Value
}

// verify verifies a certificate with what the API tells and nothing else.
func verify(t *testing.T, api program.API, set string, leaf *x509.Certificate) {
	t.Helper()
	roots, issuers := x509.NewCertPool(), x509.NewCertPool()
	list := authorities(t, api, set)
	for _, a := range list {
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
		t.Errorf("%d authorities do not verify the CA's certificate: %v", len(list), err)
	}
}
