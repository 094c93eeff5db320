// Package rest is a session's way to a CA that speaks JSON over HTTP: it writes
// requests, bounds and reads answers strictly, and turns what is no success
// into a *provider.Error. What the CA's own words mean, the provider says.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"cloudpki/internal/provider"
)

// The bounds of what is read.
const (
	maxAnswer = 16 << 20 // bytes, where Options do not say otherwise
	maxValues = 200_000  // JSON values of one answer, where Options do not say otherwise
	maxFault  = 64 << 10 // bytes of an answer that is no success
	maxTxID   = 64       // bytes of a request id
)

// Options are what a Client is made from. Base, HTTP and Now are required.
type Options struct {
	Base      *url.URL         // as of provider.ParseServiceURI: its path ends in a slash
	HTTP      *provider.Client // closed by Close
	Now       func() time.Time
	Header    http.Header      // sent with each request: "X-Api-Key"
	Words     provider.Cleaner // of what the CA says; knows the secrets
	MaxAnswer int64            // bytes of one answer; 0 is 16 MiB
	MaxValues int              // JSON values of one answer, roughly; 0 is 200 000
	TxID      string           // field of an answer that names the exchange: "X-Request-Id"

	// Explain refines the error of an answer that is no success by the CA's own
	// words in body, at most 64 KiB. e is classified by its status already (see
	// provider.StatusError); Explain may change code, message and upstream code,
	// and clears e.Retry where the body proves that the CA itself speaks.
	Explain func(e *provider.Error, status int, body []byte)
}

// A Client makes one session's requests. Do and JSON may be called several at a
// time; nothing else may be called meanwhile.
type Client struct {
	o Options
}

// New returns a Client.
func New(o Options) *Client {
	if o.MaxAnswer == 0 {
		o.MaxAnswer = maxAnswer
	}
	if o.MaxValues == 0 {
		o.MaxValues = maxValues
	}
	return &Client{o: o}
}

// Close closes idle connections. It may be called twice.
func (c *Client) Close() error {
	c.o.HTTP.Close()
	return nil
}

// Host names the CA in messages: host and port.
func (c *Client) Host() string { return c.o.Base.Host }

// SetHeader sends a field with each request from now on, such as the token of a
// login.
func (c *Client) SetHeader(name, value string) {
	c.o.Header = c.o.Header.Clone()
	if c.o.Header == nil {
		c.o.Header = http.Header{}
	}
	c.o.Header.Set(name, value)
}

// A Request is one call. Path is relative to the base address and begins
// without a slash; its segments are escaped already ("v1/ca/CN%3DRoot").
type Request struct {
	Method string // "" is GET
	Path   string
	Query  url.Values
	Header http.Header // beside the client's
	JSON   any         // body as JSON; nil is none
	Form   url.Values  // body as a form; nil is none
	Accept string      // "" is application/json
}

// An Answer is what came back with a status of success.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // all of it
	TxID   string
}

// Do makes a request and reads the whole answer. Errors are *provider.Error;
// every status but 2xx is one.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	req, err := c.request(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	resp, err := c.o.HTTP.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or the read error is the one to tell
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return Answer{}, c.fault(resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.o.MaxAnswer+1))
	if err != nil {
		return Answer{}, err
	}
	if int64(len(body)) > c.o.MaxAnswer {
		return Answer{}, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("the answer of %s to /%s is larger than %d bytes", c.Host(), r.Path, c.o.MaxAnswer)}
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, TxID: c.txID(resp)}, nil
}

// JSON makes a request and decodes the answer, one JSON value, into v.
func (c *Client) JSON(ctx context.Context, r Request, v any) (Answer, error) {
	a, err := c.Do(ctx, r)
	if err != nil {
		return a, err
	}
	// An answer of "[{},{},…" fills a hundred times its size once it is decoded.
	if values := bytes.Count(a.Body, []byte{','}) + bytes.Count(a.Body, []byte{'['}) + bytes.Count(a.Body, []byte{'{'}); values > c.o.MaxValues {
		return a, &provider.Error{Code: provider.CodeProtocol, TxID: a.TxID, Msg: fmt.Sprintf("the answer of %s to /%s holds more than %d values", c.Host(), r.Path, c.o.MaxValues)}
	}
	if err := json.Unmarshal(a.Body, v); err != nil {
		return a, c.unreadable(r, a, err)
	}
	return a, nil
}

// unreadable tells a page of something else from broken JSON. The cause is not
// shown: it can repeat what the CA sent.
func (c *Client) unreadable(r Request, a Answer, cause error) *provider.Error {
	if head := bytes.TrimSpace(a.Body); len(head) == 0 || head[0] != '{' && head[0] != '[' && head[0] != '"' {
		return &provider.Error{Code: provider.CodeProtocol, TxID: a.TxID, Err: cause, Msg: fmt.Sprintf("%s does not answer /%s with JSON; check serviceUri", c.Host(), r.Path)}
	}
	var kind *json.UnmarshalTypeError
	if errors.As(cause, &kind) && kind.Field != "" {
		return &provider.Error{Code: provider.CodeParse, TxID: a.TxID, Err: cause, Msg: fmt.Sprintf("the answer of %s to /%s has a value of another type in %s", c.Host(), r.Path, provider.Clean(kind.Field, 80))}
	}
	return &provider.Error{Code: provider.CodeParse, TxID: a.TxID, Err: cause, Msg: fmt.Sprintf("the answer of %s to /%s is broken JSON", c.Host(), r.Path)}
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	u, err := c.o.Base.Parse(r.Path)
	if err != nil || u.Host != c.o.Base.Host || u.Scheme != c.o.Base.Scheme {
		return nil, &provider.Error{Code: provider.CodeProtocol, Msg: "an address of the CA lies outside serviceUri", Err: err}
	}
	u.RawQuery = r.Query.Encode()
	body, kind, err := content(r)
	if err != nil {
		return nil, err
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the request cannot be made", Err: err}
	}
	for _, h := range []http.Header{c.o.Header, r.Header} {
		for name, values := range h {
			req.Header[name] = values
		}
	}
	if kind != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Accept", "application/json")
	if r.Accept != "" {
		req.Header.Set("Accept", r.Accept)
	}
	return req, nil
}

// content returns the body of a request and its media type.
func content(r Request) ([]byte, string, error) {
	switch {
	case r.Form != nil:
		return []byte(r.Form.Encode()), "application/x-www-form-urlencoded", nil
	case r.JSON != nil:
		b, err := json.Marshal(r.JSON)
		if err != nil {
			return nil, "", &provider.Error{Code: provider.CodeInternal, Msg: "the request cannot be written", Err: err}
		}
		return b, "application/json", nil
	}
	return nil, "", nil
}

// fault classifies an answer that is no success.
func (c *Client) fault(resp *http.Response) *provider.Error {
	e := provider.StatusError(resp, c.o.Now())
	e.TxID = c.txID(resp)
	e.Err = Status(resp.StatusCode)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxFault))
	if err == nil && c.o.Explain != nil {
		c.o.Explain(e, resp.StatusCode, body)
	}
	return e
}

func (c *Client) txID(resp *http.Response) string {
	if c.o.TxID == "" {
		return ""
	}
	return c.o.Words.Clean(resp.Header.Get(c.o.TxID), maxTxID)
}

// A Status is the HTTP status of an answer as the cause of an error.
type Status int

// Error says "HTTP status 404".
func (s Status) Error() string { return fmt.Sprintf("HTTP status %d", int(s)) }

// IsStatus reports whether err is that of an answer with one of the statuses.
func IsStatus(err error, of ...int) bool {
	var s Status
	if !errors.As(err, &s) {
		return false
	}
	for _, want := range of {
		if int(s) == want {
			return true
		}
	}
	return false
}
