package clients

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"cloudpki/e2e/program"
)

// testOAuth2 logs in with Go's own OAuth library, in each way that it sends a
// secret, and checks the tokens with go-oidc.
func testOAuth2(t *testing.T, c program.Connection) {
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, c.HTTPClient(t))
	issuer, err := oidc.NewProvider(ctx, c.Authority+"/"+c.Tenant+"/v2.0")
	if err != nil {
		t.Fatal(err)
	}
	verifier := issuer.Verifier(&oidc.Config{ClientID: c.Authority})
	config := clientcredentials.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, TokenURL: issuer.Endpoint().TokenURL,
		Scopes: []string{c.Authority + "/.default"},
	}
	for name, style := range map[string]oauth2.AuthStyle{
		"detected": oauth2.AuthStyleAutoDetect, "in the body": oauth2.AuthStyleInParams, "by Basic": oauth2.AuthStyleInHeader,
	} {
		t.Run(name, func(t *testing.T) {
			config.AuthStyle = style
			token, err := config.Token(ctx)
			if err != nil {
				t.Fatal(err)
			}
			assertToken(ctx, t, c, verifier, token.AccessToken)
		})
	}
	t.Run("wrong secret", func(t *testing.T) {
		wrong := config
		wrong.ClientSecret, wrong.AuthStyle = "wrong", oauth2.AuthStyleInHeader
		_, err := wrong.Token(ctx)
		var refused *oauth2.RetrieveError
		if !errors.As(err, &refused) || refused.ErrorCode != "invalid_client" || refused.Response.StatusCode != http.StatusUnauthorized {
			t.Errorf("err = %v, want invalid_client with 401", err)
		}
	})
}

// testMSAL logs in with the library below azidentity, used by itself.
func testMSAL(t *testing.T, c program.Connection) {
	bySecret, err := confidential.NewCredFromSecret(c.ClientSecret)
	if err != nil {
		t.Fatal(err)
	}
	certs, key := certificateOf(t, c)
	byCertificate, err := confidential.NewCredFromCert(certs, key)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := oidc.NewProvider(oidc.ClientContext(t.Context(), c.HTTPClient(t)), c.Authority+"/"+c.Tenant+"/v2.0")
	if err != nil {
		t.Fatal(err)
	}
	for name, credential := range map[string]confidential.Credential{"secret": bySecret, "certificate": byCertificate} {
		t.Run(name, func(t *testing.T) {
			client, err := confidential.New(c.Authority+"/"+c.Tenant, c.ClientID, credential,
				confidential.WithInstanceDiscovery(false), confidential.WithHTTPClient(c.HTTPClient(t)))
			if err != nil {
				t.Fatal(err)
			}
			scopes := []string{c.Authority + "/.default"}
			got, err := client.AcquireTokenByCredential(t.Context(), scopes)
			if err != nil {
				t.Fatal(err)
			}
			assertToken(t.Context(), t, c, issuer.Verifier(&oidc.Config{ClientID: c.Authority}), got.AccessToken)
			again, err := client.AcquireTokenByCredential(t.Context(), scopes)
			if err != nil || again.AccessToken != got.AccessToken {
				t.Errorf("the second token is not the kept one: %v", err)
			}
		})
	}
}

// assertToken checks a token by the published keys and calls the service with it.
func assertToken(ctx context.Context, t *testing.T, c program.Connection, verifier *oidc.IDTokenVerifier, token string) {
	t.Helper()
	verified, err := verifier.Verify(ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Tenant string   `json:"tid"`
		Roles  []string `json:"roles"`
	}
	if err := verified.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if claims.Tenant != c.Tenant || !slices.Equal(claims.Roles, []string{"DeviceManagementConfiguration.ReadWrite.All"}) {
		t.Errorf("claims %+v", claims)
	}
	api := program.API{Base: c.BaseURL, Token: token, Client: c.HTTPClient(t)}
	if got := send(t, api, http.MethodGet, subscriptions+"?$top=1", "", http.StatusOK); len(got["value"].([]any)) != 1 {
		t.Errorf("the token gives %v", got)
	}
}
