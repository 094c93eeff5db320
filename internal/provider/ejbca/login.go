package ejbca

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
	"cloudpki/internal/secret"
)

const (
	maxToken  = 64 << 10         // bytes of the authorization server's answer
	margin    = 30 * time.Second // a token is renewed so long before its end
	shortLife = time.Minute      // of a token whose end is not told
	maxLife   = time.Hour        // a token is not kept longer, whatever its end
)

// A login gets tokens from an authorization server for a client id and secret
// (RFC 6749, 4.4).
type login struct {
	http        *rest.Client
	credentials provider.Credentials
	scope       string
	now         func() time.Time
	words       provider.Cleaner

	current secret.Text
	end     time.Time
}

func newLogin(c provider.Config, endpoint *url.URL) (*login, error) {
	client, err := c.Transport.Client(provider.ClientOptions{ServerCAs: c.ServerCAs})
	if err != nil {
		return nil, err
	}
	l := &login{credentials: c.Credentials, scope: c.Settings[settingScope], now: c.Now, words: cleaner(c.Credentials)}
	l.http = rest.New(rest.Options{Base: endpoint, HTTP: client, Now: c.Now, Words: l.words, Explain: l.explain, MaxAnswer: maxToken})
	return l, nil
}

// token returns a token that is good for the next call.
func (l *login) token(ctx context.Context) (secret.Text, error) {
	if !l.current.IsEmpty() && l.now().Before(l.end) {
		return l.current, nil
	}
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {l.credentials.UserName},
		"client_secret": {string(l.credentials.Password.Reveal())},
	}
	if l.scope != "" {
		form.Set("scope", l.scope)
	}
	var answer struct {
		Token   string      `json:"access_token"`
		Type    string      `json:"token_type"`
		Expires json.Number `json:"expires_in"`
	}
	asked := l.now()
	if _, err := l.http.JSON(ctx, rest.Request{Method: http.MethodPost, Form: form}, &answer); err != nil {
		return secret.Text{}, err
	}
	// Anything but visible ASCII would not pass as a header field.
	if answer.Token == "" || !strings.EqualFold(answer.Type, "Bearer") || strings.ContainsFunc(answer.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.Text{}, &provider.Error{Code: provider.CodeProtocol, Msg: "the answer of " + l.http.Host() + " holds no bearer token; check " + settingToken}
	}
	life := shortLife
	if n, err := answer.Expires.Int64(); err == nil && n > 0 {
		life = min(time.Duration(min(n, int64(maxLife/time.Second)))*time.Second, maxLife)
	}
	l.current, l.end = secret.NewString(answer.Token), asked.Add(max(life-margin, life/2))
	return l.current, nil
}

// explain reads an error of RFC 6749, 5.2: the server itself speaks.
func (l *login) explain(e *provider.Error, status int, body []byte) {
	var fault struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &fault) != nil || fault.Error == "" || status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return
	}
	e.UpstreamCode = l.words.Clean(fault.Error, 64)
	said := l.words.Clean(fault.Description, maxWords)
	switch fault.Error {
	case "invalid_client", "unauthorized_client", "access_denied", "invalid_grant":
		e.Code, e.Retry = provider.CodeCredentialInvalid, ""
		e.Msg = "the authorization server does not accept adminUserName and adminPassword: " + said
	case "invalid_scope", "invalid_target":
		e.Code = provider.CodePermission
		e.Retry = ""
		e.Msg = "the authorization server does not grant the scope; correct the setting " + settingScope + ": " + said
	default:
		e.Code = provider.CodeUpstreamFault
		e.Msg = "the authorization server refuses the request: " + said
	}
}
