package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Bounds of a Client.
const (
	maxAnswer     = 64 << 20         // bytes of one answer
	maxRetries    = 3                // after 429 and 503, as Microsoft's clients do
	maxRetryAfter = 60 * time.Second // a longer wait is the caller's decision
	defaultRetry  = time.Second      // where the service names no time
)

// A Client speaks to a service over the network. The zero value is of no use:
// Origin and Token are required. It is safe for concurrent use.
type Client struct {
	Origin string                                    // "https://pki.example.com:8443", without a path
	Token  func(ctx context.Context) (string, error) // returns a bearer token; TokenSource.Token is one
	HTTP   *http.Client                              // nil is http.DefaultClient

	// Wait waits for d before a repetition, or until ctx ends, and then
	// returns its error; nil is a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

// A ResponseError is a refusal by the service.
type ResponseError struct {
	Status     int
	Code       string // of the error envelope: "ResourceNotFound"
	Message    string
	Target     string
	RequestID  string        // for the service's support
	RetryAfter time.Duration // 0 for not named
}

// Error returns the message with what support asks for.
func (e *ResponseError) Error() string {
	text := fmt.Sprintf("%s (HTTP %d, %s", e.Message, e.Status, e.Code)
	if e.Target != "" {
		text = e.Target + ": " + text
	}
	if e.RequestID != "" {
		text += ", request-id " + e.RequestID
	}
	return text + ")"
}

// A call is one request of a Client.
type call struct {
	method, url string
	body        []byte
	header      http.Header
}

// do sends a call, repeats it while the service asks for patience, and decodes
// a good answer into out, which may be nil. It returns the answer's header.
func (c *Client) do(ctx context.Context, k call, out any) (http.Header, error) {
	for attempt := 0; ; attempt++ {
		header, err := c.once(ctx, k, out)
		var refused *ResponseError
		if !errors.As(err, &refused) || attempt == maxRetries ||
			refused.Status != http.StatusTooManyRequests && refused.Status != http.StatusServiceUnavailable {
			return header, err
		}
		wait := refused.RetryAfter
		if wait == 0 {
			wait = defaultRetry
		}
		if wait > maxRetryAfter {
			return header, err
		}
		if err := c.wait(ctx, wait); err != nil {
			return header, err
		}
	}
}

func (c *Client) wait(ctx context.Context, d time.Duration) error {
	if c.Wait != nil {
		return c.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) once(ctx context.Context, k call, out any) (http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, k.method, k.url, bytes.NewReader(k.body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if err := c.sameOrigin(r.URL); err != nil {
		return nil, err
	}
	token, err := c.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("get token: %w", err)
	}
	if k.header != nil {
		r.Header = k.header.Clone()
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", mediaJSON)
	r.Header.Set("User-Agent", "cloudpki")
	if k.body != nil {
		r.Header.Set("Content-Type", mediaJSON)
	}
	return send(c.HTTP, r, out)
}

// sameOrigin refuses to show the token to anybody else, wherever a link leads.
func (c *Client) sameOrigin(u *url.URL) error {
	if origin := u.Scheme + "://" + u.Host; !strings.EqualFold(origin, c.Origin) || u.Scheme != "https" {
		return fmt.Errorf("the address %s is not below %s: no token is sent there", origin, c.Origin)
	}
	return nil
}

// send sends a request, without following redirects, and decodes the answer.
func send(client *http.Client, r *http.Request, out any) (http.Header, error) {
	header, body, err := receive(client, r)
	if err != nil || out == nil || len(body) == 0 {
		return header, err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return header, fmt.Errorf("read answer: %w", err)
	}
	return header, nil
}

// receive sends a request and returns the body of a good answer.
func receive(client *http.Client, r *http.Request) (http.Header, []byte, error) {
	if client == nil {
		client = http.DefaultClient
	}
	once := *client
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := once.Do(r)
	if err != nil {
		return nil, nil, fmt.Errorf("call the service: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return resp.Header, nil, fmt.Errorf("read answer: %w", err)
	case len(body) > maxAnswer:
		return resp.Header, nil, fmt.Errorf("read answer: it is larger than %d bytes", maxAnswer)
	case resp.StatusCode >= http.StatusMultipleChoices:
		return resp.Header, nil, refusal(resp, body)
	}
	return resp.Header, body, nil
}

// refusal reads the error envelope, as far as there is one.
func refusal(resp *http.Response, body []byte) *ResponseError {
	e := &ResponseError{Status: resp.StatusCode, RequestID: resp.Header.Get("request-id")}
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
		e.RetryAfter = time.Duration(n) * time.Second
	}
	var read envelope
	if json.Unmarshal(body, &read) == nil && read.Error.Code != "" {
		e.Code, e.Message, e.Target = read.Error.Code, read.Error.Message, read.Error.Target
		return e
	}
	if readOAuthError(body, e) {
		return e
	}
	e.Code, e.Message = strconv.Itoa(resp.StatusCode), "The answer is not one of this service: "+http.StatusText(resp.StatusCode)
	return e
}

// address is the absolute address of segments below /beta/deviceManagement.
func (c *Client) address(segments ...string) string {
	var b strings.Builder
	b.WriteString(c.Origin + "/" + version + "/" + deviceManagement)
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// replayHeader lets the service recognise the repetition of a create.
func replayHeader() http.Header { return http.Header{"Idempotency-Key": {uuid.NewString()}} }
