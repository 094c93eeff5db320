package provider

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// MaxRetryAfter caps what a CA may wish: a longer wait is the schedule's matter.
const MaxRetryAfter = 15 * time.Minute

// StatusError classifies an answer whose status is not a success; the body is
// not looked at. now is for a Retry-After given as a date. The result is never nil.
//
// A 401 without a challenge and a 403 may be the words of a proxy, so they do
// not end the schedule (Error.Retry); a caller that knows the body for the CA's
// own clears Retry.
func StatusError(resp *http.Response, now time.Time) *Error {
	host := ""
	if resp.Request != nil && resp.Request.URL != nil {
		host = resp.Request.URL.Host
	}
	e := &Error{Code: CodeProtocol, Msg: fmt.Sprintf("%s answers HTTP %d", host, resp.StatusCode)}
	switch s := resp.StatusCode; {
	case s == http.StatusUnauthorized:
		e.Code, e.Msg = CodeCredentialInvalid, e.Msg+": the credentials are not accepted"
		if resp.Header.Get("WWW-Authenticate") == "" {
			e.Retry = RetryNever
		}
	case s == http.StatusForbidden:
		e.Code, e.Msg = CodePermission, e.Msg+": the credentials lack a permission, or a proxy refuses the call"
		e.Retry = RetryNever
	case s == http.StatusNotFound:
		e.Msg += ": there is no such service at this address; check serviceUri"
	case s == http.StatusRequestTimeout:
		e.Code = CodeTimeout
	case s == http.StatusGone:
		e.Code, e.Msg = CodeRetired, e.Msg+": the service has been withdrawn"
	case s == http.StatusTooManyRequests:
		e.Code, e.Msg = CodeRateLimited, e.Msg+": too many calls"
		e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), now)
	case s >= 500:
		e.Code, e.Msg = CodeUpstream5xx, e.Msg+": the CA has a fault of its own"
		e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), now)
	}
	return e
}

// RetryAfter returns when an answer wants to be asked again: 0 where it does not
// say, MaxRetryAfter at most. now is for a date.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	return retryAfter(h.Get("Retry-After"), now)
}

// retryAfter reads a Retry-After field (RFC 9110, 10.2.3): seconds or a date.
// What cannot be read or lies in the past is 0; more than MaxRetryAfter is that.
func retryAfter(v string, now time.Time) time.Duration {
	var d time.Duration
	if date, err := http.ParseTime(v); err == nil {
		d = date.Sub(now)
	} else if n, err := strconv.ParseUint(v, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if allDigits(v) {
		d = MaxRetryAfter // a number beyond all measure
	}
	return min(max(d, 0), MaxRetryAfter)
}

func allDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}
