package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxIssuerAnswer bounds, in bytes, what is read from an issuer.
const maxIssuerAnswer = 512 << 10

// An oauthError is a refusal by an issuer (RFC 6749 section 5.2).
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (e *oauthError) Error() string {
	if e.Description != "" {
		return e.Description
	}
	return e.Code
}

// An issuerDocument is what is used of a discovery document (OpenID Connect
// Discovery 1.0 section 3, RFC 8628 section 4, RFC 8414 section 2).
type issuerDocument struct {
	Issuer    string `json:"issuer"`
	Authorize string `json:"authorization_endpoint"`
	Token     string `json:"token_endpoint"`
	Device    string `json:"device_authorization_endpoint"`
	Revoke    string `json:"revocation_endpoint"`
}

// discover reads the discovery document of an issuer, which must be about this
// very issuer.
func discover(ctx context.Context, client *http.Client, issuer string) (issuerDocument, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", http.NoBody)
	if err != nil {
		return issuerDocument{}, fmt.Errorf("discover the issuer: %w", err)
	}
	var doc issuerDocument
	if err := exchange(client, r, &doc); err != nil {
		return issuerDocument{}, explainLogin(err)
	}
	if doc.Issuer != issuer {
		return issuerDocument{}, &failure{exit: exitFailed, msg: fmt.Sprintf("the discovery document of %s is about another issuer, %q", issuer, doc.Issuer)}
	}
	for _, at := range []string{doc.Authorize, doc.Token, doc.Device, doc.Revoke} {
		if at != "" && !strings.HasPrefix(at, "https://") {
			return issuerDocument{}, &failure{exit: exitFailed, msg: "the issuer " + issuer + " names an endpoint without https: nothing is sent in clear"}
		}
	}
	return doc, nil
}

// postForm posts a form and decodes the answer, unless into is nil. A refusal
// is an *oauthError.
func postForm(ctx context.Context, client *http.Client, at string, form url.Values, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("make a request to the issuer: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return exchange(client, r, into)
}

// exchange sends a request to an issuer. Redirects are not followed: they would
// have codes, secrets and refresh tokens sent to whom they name.
func exchange(client *http.Client, r *http.Request, into any) error {
	r.Header.Set("Accept", "application/json")
	once := *client
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := once.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxIssuerAnswer))
	if err != nil {
		return fmt.Errorf("read the issuer's answer: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		if into != nil && json.Unmarshal(body, into) != nil {
			return fmt.Errorf("the answer of %s is not the JSON that it should be", originOf(r.URL.String()))
		}
		return nil
	}
	var refused oauthError
	if json.Unmarshal(body, &refused) != nil || refused.Code == "" {
		return fmt.Errorf("%s answers %s", originOf(r.URL.String()), resp.Status)
	}
	return &refused
}
