package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
)

// watchConnection returns a context under which a call tells that it has a
// connection whose handshake is done.
func watchConnection(ctx context.Context) (context.Context, *atomic.Bool) {
	var reached atomic.Bool
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { reached.Store(true) },
	}), &reached
}

// settleFailure tells the breakers of a call without an answer.
func (c *Client) settleFailure(call *guardedCall, req *http.Request, reached bool, e *Error) {
	switch {
	case req.Context().Err() != nil: // whoever called has ended it
		call.abandoned()
	case reached && (e.Code == CodeTimeout || e.Code == CodeConnect):
		call.failed(true, e)
	case !reached && c.isHosts(e):
		call.failed(false, e)
	default:
		call.abandoned()
	}
}

// isHosts reports whether a failure to connect would be anybody's: it is due
// neither to the certificates that a subscription shows or trusts nor to the
// operator's rules.
func (c *Client) isHosts(e *Error) bool {
	var verification *tls.CertificateVerificationError
	var refused *refusedAddress
	if c.certAsked.Load() || errors.As(e.Err, &verification) || errors.As(e.Err, &refused) {
		return false
	}
	return slices.Contains([]Code{CodeDNS, CodeConnect, CodeTLSServer, CodeTimeout}, e.Code)
}

// settleAnswer tells the breakers of an answer. One that refuses what was asked
// for is as good a sign of life as any.
func (c *Client) settleAnswer(call *guardedCall, resp *http.Response) {
	s := resp.StatusCode
	if s != http.StatusTooManyRequests && (s < 500 || isSOAPFault(resp)) {
		call.answered()
		return
	}
	e := StatusError(resp, c.t.opts.Now())
	switch {
	case e.RetryAfter > 0:
		call.rested(e)
	case s >= 500:
		call.failed(true, e)
	default:
		call.answered()
	}
}

// isSOAPFault reports whether the service itself says what is wrong with a
// request: SOAP 1.1 (6.2) has it do so with HTTP 500.
func isSOAPFault(resp *http.Response) bool {
	return resp.StatusCode == http.StatusInternalServerError && strings.Contains(strings.ToLower(resp.Header.Get("Content-Type")), "xml")
}
