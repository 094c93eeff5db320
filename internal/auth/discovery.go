package auth

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

// Metadata is what an OpenID provider says of itself, as far as somebody here
// asks (OpenID Connect Discovery 1.0 section 3, RFC 9207 section 3, OpenID
// Connect RP-Initiated Logout 1.0 section 2.1).
type Metadata struct {
	Issuer       string   `json:"issuer"`
	KeysURL      string   `json:"jwks_uri"`
	AuthorizeURL string   `json:"authorization_endpoint"`
	TokenURL     string   `json:"token_endpoint"`
	LogoutURL    string   `json:"end_session_endpoint"`
	AuthMethods  []string `json:"token_endpoint_auth_methods_supported"`
	NamesIssuer  bool     `json:"authorization_response_iss_parameter_supported"`
}

// Discover reads the metadata of an issuer at the address of its discovery
// document, which must be about this very issuer (OpenID Connect Discovery 1.0
// section 4.3). The answer is bounded in size; ctx bounds it in time, and client
// should follow no redirects.
func Discover(ctx context.Context, client *http.Client, issuer, at string) (Metadata, error) {
	raw, err := getBounded(ctx, client, at)
	if err != nil {
		return Metadata{}, err
	}
	var m Metadata
	if err := json.Unmarshal(raw, &m); err != nil {
		return Metadata{}, fmt.Errorf("read discovery document: %w", err)
	}
	if m.Issuer != issuer {
		return Metadata{}, fmt.Errorf("the discovery document is about issuer %q, not %q", m.Issuer, issuer)
	}
	return m, nil
}

// CheckEndpoint holds an address that a discovery document names against where
// the document came from: https, or for a provider under trial on this machine
// http to this machine. Nobody sends us from the net to this machine.
func CheckEndpoint(discovery, address string) error {
	if strings.HasPrefix(discovery, "https:") {
		return checkHTTPS(address)
	}
	return checkAddress(address)
}

// WithoutRedirects returns a copy of client, nil for the default, that follows
// no redirects: they would let an answer choose where keys or tokens come from.
func WithoutRedirects(client *http.Client) *http.Client {
	own := http.Client{}
	if client != nil {
		own = *client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}
