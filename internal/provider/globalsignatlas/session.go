package globalsignatlas

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/published"
	"cloudpki/internal/provider/rest"
	"cloudpki/internal/secret"
)

const (
	// mediaType is sent with each request; the service wants the charset.
	mediaType = "application/json;charset=utf-8"
	// tokenTime is how long a token is used; it is good for some ten minutes.
	tokenTime = 9 * time.Minute
	maxAnswer = 4 << 20 // bytes
	maxWords  = 300     // bytes of the CA's own words in a report
	maxChain  = 64      // certificates in the trust chain
	maxToken  = 8 << 10 // bytes
)

// A session logs in with its first call, and again when the token is old or is
// refused.
type session struct {
	client *rest.Client
	key    string
	secret secret.Text
	now    func() time.Time

	secrets  []secret.Text    // that must not show
	words    provider.Cleaner // of what the CA says; knows the secrets, and the token
	loggedIn time.Time        // zero before the first login
}

// Probe logs in and asks for the trust chain.
func (s *session) Probe(ctx context.Context) (provider.Probe, error) {
	if _, err := s.trustChain(ctx); err != nil {
		return provider.Probe{}, err
	}
	return provider.Probe{Account: "API key " + abridge(s.key)}, nil
}

// abridge shows of a key what tells it from others.
func abridge(key string) string {
	const shown = 4
	if len(key) < 4*shown {
		return "…"
	}
	return key[:shown] + "…"
}

// Close closes idle connections.
func (s *session) Close() error { return s.client.Close() }

// Authorities returns the authorities of the trust chain, in whatever order it
// has, see published.Arrange. Where the service leaves out the root, they have
// none.
func (s *session) Authorities(ctx context.Context) (provider.Authorities, error) {
	chain, err := s.trustChain(ctx)
	if err != nil {
		return provider.Authorities{}, err
	}
	certs, err := published.ParseCertificates([]byte(strings.Join(chain, "\n")))
	if err != nil {
		return provider.Authorities{}, &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("the trust chain of %s holds what is no certificate in PEM", s.client.Host()), Err: err}
	}
	list, stray := published.Arrange(certs, provider.IsRoot)
	if len(stray) > 0 || len(list) == 0 {
		return provider.Authorities{}, &provider.Error{Code: provider.CodeUpstreamFault, Msg: fmt.Sprintf("the trust chain of %s does not hang together: it lacks a certificate between an issuing CA and its root", s.client.Host())}
	}
	return provider.Authorities{List: list}, nil
}

func (s *session) trustChain(ctx context.Context) ([]string, error) {
	var chain []string
	if _, err := s.get(ctx, rest.Request{Path: "trustchain"}, &chain); err != nil {
		return nil, err
	}
	if len(chain) == 0 || len(chain) > maxChain {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("the trust chain of %s has %d certificates; 1 to %d are expected", s.client.Host(), len(chain), maxChain)}
	}
	return chain, nil
}

// get makes a call with a token. One that is refused, though it is not old, is
// renewed once: the service may have forgotten it.
func (s *session) get(ctx context.Context, r rest.Request, v any) (rest.Answer, error) {
	fresh := s.loggedIn.IsZero() || s.now().Sub(s.loggedIn) >= tokenTime
	if fresh {
		if err := s.login(ctx); err != nil {
			return rest.Answer{}, err
		}
	}
	a, err := s.read(ctx, r, v)
	if !fresh && rest.IsStatus(err, http.StatusUnauthorized) {
		if err := s.login(ctx); err != nil {
			return rest.Answer{}, err
		}
		a, err = s.read(ctx, r, v)
	}
	return a, err
}

// read decodes an answer. 202 is the service's word for later (its SDK asks
// again, as after a 503).
func (s *session) read(ctx context.Context, r rest.Request, v any) (rest.Answer, error) {
	a, err := s.client.JSON(ctx, r, v)
	if a.Status == http.StatusAccepted {
		return a, &provider.Error{Code: provider.CodeUpstream5xx, Msg: fmt.Sprintf("%s is not ready to answer /%s (HTTP 202)", s.client.Host(), r.Path), Err: rest.Status(a.Status)}
	}
	return a, err
}

// login gets a token for what follows.
func (s *session) login(ctx context.Context) error {
	var answer struct {
		Token string `json:"access_token"`
	}
	_, err := s.client.JSON(ctx, rest.Request{
		Method: http.MethodPost, Path: "login",
		Header: http.Header{"Authorization": nil}, // an old token must not decide
		JSON:   map[string]string{"api_key": s.key, "api_secret": string(s.secret.Reveal())},
	}, &answer)
	if err != nil {
		return err
	}
	if answer.Token == "" || len(answer.Token) > maxToken || strings.ContainsFunc(answer.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("%s answers the login without a token", s.client.Host())}
	}
	s.client.SetHeader("Authorization", "Bearer "+answer.Token)
	s.words = provider.NewCleaner(append(s.secrets, secret.NewString(answer.Token))...)
	s.loggedIn = s.now()
	return nil
}

// explain reads a problem document (RFC 9457), in which the vendor has the text
// in description. A 401 in these words is the CA's own.
func (s *session) explain(e *provider.Error, status int, body []byte) {
	var problem struct {
		Description string `json:"description"`
		Title       string `json:"title"`
		Detail      string `json:"detail"`
	}
	if json.Unmarshal(body, &problem) != nil {
		return
	}
	said := problem.Description
	for _, other := range []string{problem.Detail, problem.Title} {
		if said == "" {
			said = other
		}
	}
	if said == "" {
		return
	}
	e.Retry = ""
	switch words := strings.ToLower(said); {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		for _, w := range []string{"disabled", "suspended", "locked", "deactivated"} {
			if strings.Contains(words, w) {
				e.Code = provider.CodeAccountDisabled
			}
		}
	case slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInternalServerError}, status):
		e.Code = provider.CodeUpstreamFault
	}
	e.Msg = fmt.Sprintf("%s answers HTTP %d: %s", s.client.Host(), status, s.words.Clean(said, maxWords))
}
