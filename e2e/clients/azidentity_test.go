package clients

import (
	"context"
	"crypto"
	"crypto/x509"
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
	certs, key := certificateOf(t, c)
	byCertificate, err := azidentity.NewClientCertificateCredential(c.Tenant, c.ClientID, certs, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: clientOptions(t, c), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, credential := range map[string]azcore.TokenCredential{
		"secret":      secretCredential(t, c, c.ClientID, c.ClientSecret),
		"certificate": byCertificate,
	} {
		t.Run(name, func(t *testing.T) {
			token, err := credential.GetToken(t.Context(), scopeOf(c))
			if err != nil {
				t.Fatal(err)
			}
			life(t, program.API{Base: c.BaseURL, Token: token.Token, Client: c.HTTPClient(t)})
		})
	}
	t.Run("wrong secret", func(t *testing.T) {
		_, err := secretCredential(t, c, c.ClientID, "wrong").GetToken(t.Context(), scopeOf(c))
		if err == nil || !strings.Contains(err.Error(), "AADSTS7000215") {
			t.Errorf("err = %v, want AADSTS7000215", err)
		}
	})
}

// testDeviceCode logs in a person, who is played by enter.mjs.
func testDeviceCode(t *testing.T, c program.Connection) {
	credential, err := azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
		ClientOptions: clientOptions(t, c), TenantID: c.Tenant, ClientID: c.PublicID, DisableInstanceDiscovery: true,
		UserPrompt: func(ctx context.Context, told azidentity.DeviceCodeMessage) error {
			return node(ctx, c, "enter.mjs", told.VerificationURL, told.UserCode).Run()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{
		Scopes: []string{c.Authority + "/DeviceManagementConfiguration.ReadWrite.All"},
	})
	if err != nil {
		t.Fatal(err)
	}
	life(t, program.API{Base: c.BaseURL, Token: token.Token, Client: c.HTTPClient(t)})
}

func scopeOf(c program.Connection) policy.TokenRequestOptions {
	return policy.TokenRequestOptions{Scopes: []string{c.Authority + "/.default"}, EnableCAE: true}
}

func clientOptions(t *testing.T, c program.Connection) azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport: c.HTTPClient(t),
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: c.Authority},
	}
}

func secretCredential(t *testing.T, c program.Connection, id, secret string) azcore.TokenCredential {
	t.Helper()
	credential, err := azidentity.NewClientSecretCredential(c.Tenant, id, secret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: clientOptions(t, c), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

// certificateOf reads the administrator's certificate and key.
func certificateOf(t *testing.T, c program.Connection) ([]*x509.Certificate, crypto.PrivateKey) {
	t.Helper()
	text, err := os.ReadFile(c.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	certs, key, err := azidentity.ParseCertificates(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return certs, key
}

// life creates, reads, changes and deletes an object.
func life(t *testing.T, api program.API) {
	const body = `{"cloudPkiProvider":"symantec","displayName":"azidentity","paused":true,"credentials":{"adminPassword":"canary-9f0e"}}`
	created := send(t, api, "POST", subscriptions, body, http.StatusCreated)
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
