package clients

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"cloudpki/e2e/program"
)

// testAzidentity logs in with Microsoft's library for Go, by secret and by
// certificate, and goes through an object's life with each token.
func testAzidentity(t *testing.T, c program.Connection) {
	httpClient := c.HTTPClient(t)
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
			life(t, program.API{Base: c.BaseURL, Token: token.Token, Client: httpClient})
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
func life(t *testing.T, api program.API) {
	const body = `{"cloudPkiProvider":"symantec","displayName":"azidentity","paused":true,"credentials":{"adminPassword":"canary-9f0e"}}`
	created := send(t, api, "POST", "/deviceManagement/cloudPkiSubscriptions", body, http.StatusCreated)
	address := "/cloudPkiSubscriptions('" + created["id"].(string) + "')"
	read := send(t, api, "GET", address, "", http.StatusOK)
	if read["displayName"] != "azidentity" || read["syncStatus"] != "unKnown" || read["lastSyncDateTime"] != "0001-01-01T00:00:00Z" {
		t.Errorf("read %v", read)
	}
	if credentials := read["credentials"].(map[string]any); credentials["adminPassword"] != nil {
		t.Errorf("a read gives a password: %v", credentials)
	}
	changed := send(t, api, "PATCH", address, `{"displayName":"azidentity 2"}`, http.StatusOK)
	if changed["displayName"] != "azidentity 2" || changed["version"] != float64(2) {
		t.Errorf("changed %v", changed)
	}
	send(t, api, "DELETE", address, "", http.StatusNoContent)
	gone := send(t, api, "GET", address, "", http.StatusNotFound)
	if code := gone["error"].(map[string]any)["code"]; code != "ResourceNotFound" {
		t.Errorf("after the delete: %v", gone)
	}
}

// send is api.Must with the answer decoded.
func send(t *testing.T, api program.API, method, path, body string, status int) map[string]any {
	t.Helper()
	got := api.Must(t, method, path, []byte(body), status)
	var answer map[string]any
	if len(got.Body) > 0 {
		if err := got.Into(&answer); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, got.Body)
		}
	}
	return answer
}
