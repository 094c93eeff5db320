package clients

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// testAzidentity logs in with Microsoft's library for Go, by secret and by
// certificate, and goes through an object's life with each token.
func testAzidentity(t *testing.T, c connection) {
	httpClient := c.httpClient(t)
	options := azcore.ClientOptions{
		Transport: httpClient,
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: c.Authority},
	}
	bySecret, err := azidentity.NewClientSecretCredential(c.Tenant, c.ClientID, c.ClientSecret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	certs, key, err := azidentity.ParseCertificates(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	byCertificate, err := azidentity.NewClientCertificateCredential(c.Tenant, c.ClientID, certs, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, credential := range map[string]azcore.TokenCredential{"secret": bySecret, "certificate": byCertificate} {
		t.Run(name, func(t *testing.T) {
			token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{c.Authority + "/.default"}, EnableCAE: true})
			if err != nil {
				t.Fatal(err)
			}
			life(t, caller{t, httpClient, c.BaseURL, token.Token})
		})
	}
	t.Run("wrong secret", func(t *testing.T) {
		wrong, err := azidentity.NewClientSecretCredential(c.Tenant, c.ClientID, "wrong",
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = wrong.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{c.Authority + "/.default"}})
		if err == nil || !strings.Contains(err.Error(), "AADSTS7000215") {
			t.Errorf("err = %v, want AADSTS7000215", err)
		}
	})
}

// life creates, reads, changes and deletes an object.
func life(t *testing.T, api caller) {
	const body = `{"cloudPkiProvider":"symantec","displayName":"azidentity","paused":true,"credentials":{"adminPassword":"canary-9f0e"}}`
	created := api.do("POST", "/deviceManagement/cloudPkiSubscriptions", body, http.StatusCreated)
	address := "/cloudPkiSubscriptions('" + created["id"].(string) + "')"
	read := api.do("GET", address, "", http.StatusOK)
	if read["displayName"] != "azidentity" || read["syncStatus"] != "unKnown" || read["lastSyncDateTime"] != "0001-01-01T00:00:00Z" {
		t.Errorf("read %v", read)
	}
	if credentials := read["credentials"].(map[string]any); credentials["adminPassword"] != nil {
		t.Errorf("a read gives a password: %v", credentials)
	}
	changed := api.do("PATCH", address, `{"displayName":"azidentity 2"}`, http.StatusOK)
	if changed["displayName"] != "azidentity 2" || changed["version"] != float64(2) {
		t.Errorf("changed %v", changed)
	}
	api.do("DELETE", address, "", http.StatusNoContent)
	gone := api.do("GET", address, "", http.StatusNotFound)
	if code := gone["error"].(map[string]any)["code"]; code != "ResourceNotFound" {
		t.Errorf("after the delete: %v", gone)
	}
}

type caller struct {
	t      *testing.T
	client *http.Client
	base   string
	token  string
}

func (c caller) do(method, path, body string, want int) map[string]any {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, bytes.NewBufferString(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode != want {
		c.t.Fatalf("%s %s: %d, want %d: %s", method, path, resp.StatusCode, want, text)
	}
	var answer map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			c.t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return answer
}
