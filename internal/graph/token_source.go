package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// renewBefore is how long before its end a token is replaced.
const renewBefore = time.Minute

// A TokenSource gets tokens by client credentials (RFC 6749, 4.4) and keeps
// each until shortly before its end. It is safe for concurrent use and must
// not be copied after first use.
type TokenSource struct {
	URL      string // the token endpoint, https
	ClientID string
	Secret   func() []byte // returns the client secret: Reveal of a secret.Text
	Scope    string        // "https://pki.example.com:8443/.default"
	HTTP     *http.Client  // nil is http.DefaultClient
	Now      func() time.Time

	mu    sync.Mutex
	token string
	until time.Time
}

// Token returns a token that is good for a minute at least. A refusal by the
// token endpoint is a *ResponseError whose Code is that of RFC 6749, 5.2.
func (s *TokenSource) Token(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" && s.Now().Before(s.until) {
		return s.token, nil
	}
	got, err := s.fetch(ctx)
	if err != nil {
		return "", err
	}
	if got.Token == "" {
		return "", errors.New("the token endpoint's answer holds no access_token")
	}
	s.token = got.Token
	s.until = s.Now().Add(time.Duration(got.ExpiresIn)*time.Second - renewBefore)
	return s.token, nil
}

type tokenAnswer struct {
	Token     string `json:"access_token"`
	ExpiresIn int64  `json:"expires_in"` // seconds
}

func (s *TokenSource) fetch(ctx context.Context) (tokenAnswer, error) {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {s.ClientID},
		"client_secret": {string(s.Secret())}, "scope": {s.Scope},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return tokenAnswer{}, fmt.Errorf("make token request: %w", err)
	}
	if r.URL.Scheme != "https" {
		return tokenAnswer{}, errors.New("the token endpoint is not an https address: the secret is not sent in clear")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", mediaJSON)
	var got tokenAnswer
	_, err = send(s.HTTP, r, &got)
	return got, err
}

// oauthError is the refusal of a token endpoint (RFC 6749, 5.2).
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
	TraceID     string `json:"trace_id"`
}

// readOAuthError completes e from such a body, and reports whether it is one.
func readOAuthError(body []byte, e *ResponseError) bool {
	var o oauthError
	if json.Unmarshal(body, &o) != nil || o.Code == "" {
		return false
	}
	e.Code, e.Message = o.Code, o.Description
	if e.RequestID == "" {
		e.RequestID = o.TraceID
	}
	return true
}
