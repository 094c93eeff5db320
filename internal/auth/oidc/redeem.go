package oidc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cloudpki/internal/auth"
)

const (
	maxTokenAnswer  = 128 << 10       // bytes
	unknownLifetime = 5 * time.Minute // of a token whose answer does not tell
)

// tokens is the answer of a token endpoint (RFC 6749 sections 5.1 and 5.2,
// OpenID Connect Core 1.0 section 3.1.3.3).
type tokens struct {
	Access      string `json:"access_token"`
	ID          string `json:"id_token"`
	Type        string `json:"token_type"`
	Expires     int64  `json:"expires_in"` // seconds
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func (t tokens) lifetime() time.Duration {
	const longest = 24 * 60 * 60
	if t.Expires <= 0 {
		return unknownLifetime
	}
	return time.Duration(min(t.Expires, longest)) * time.Second
}

// redeem turns a code into tokens (RFC 6749 section 4.1.3).
func (c *Client) redeem(ctx context.Context, m auth.Metadata, a Attempt, code string) (tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.o.RedirectURI}, "code_verifier": {a.Verifier},
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	if err := c.o.Credential.prove(c.o.ClientID, m, c.o.Now(), form, header); err != nil {
		return tokens{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return tokens{}, fmt.Errorf("ask for tokens: %w", err)
	}
	r.Header = header
	resp, err := c.o.HTTP.Do(r)
	if err != nil {
		return tokens{}, fmt.Errorf("%w for tokens: %w", ErrUnavailable, err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer+1))
	if err != nil {
		return tokens{}, fmt.Errorf("%w for tokens: %w", ErrUnavailable, err)
	}
	if len(raw) > maxTokenAnswer {
		return tokens{}, fmt.Errorf("the token endpoint answers with more than %d bytes", maxTokenAnswer)
	}
	var t tokens
	if err := json.Unmarshal(raw, &t); resp.StatusCode == http.StatusOK && err != nil {
		return tokens{}, fmt.Errorf("read the answer of the token endpoint: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return tokens{}, fmt.Errorf("the token endpoint answers %d %.64q %.512q", resp.StatusCode, t.Error, t.Description)
	}
	if !strings.EqualFold(t.Type, "Bearer") {
		return tokens{}, fmt.Errorf("the access token is of the type %.64q, not Bearer", t.Type)
	}
	return t, nil
}
