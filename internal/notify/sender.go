package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/provider"
)

const (
	maxAnswerHeader = 16 << 10
	maxAnswerBody   = 4 << 10     // read so that the connection can be used again; what is more is left
	drainTime       = time.Second // for reading it
	idleTime        = 30 * time.Second
)

// A Sender is the way out to the receivers: HTTPS of TLS 1.2 or later, without
// redirects, and bounded in all that a receiver can make long. It is safe for
// concurrent use.
type Sender struct {
	http     *http.Client
	patience time.Duration
}

// NewSender returns a Sender that connects by dial, which guards where to, and
// trusts roots; nil is the system's.
func NewSender(dial func(ctx context.Context, network, address string) (net.Conn, error), roots *x509.CertPool) *Sender {
	return &Sender{
		patience: patience,
		http: &http.Client{
			Transport: &http.Transport{ // without Proxy: none is used, and the environment is not read
				DialContext:            dial,
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
				TLSHandshakeTimeout:    patience,
				MaxResponseHeaderBytes: maxAnswerHeader,
				MaxIdleConnsPerHost:    1,
				IdleConnTimeout:        idleTime,
				DisableCompression:     true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Close closes idle connections.
func (s *Sender) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// A failure is why a receiver was not reached or did not agree. Its text tells
// no more than the class of the fault.
type failure struct {
	text  string
	wish  time.Duration // Retry-After
	cause error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

// wish returns the Retry-After of an answer that err tells of.
func wish(err error) time.Duration {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.wish
	}
	return 0
}

// post sends one request and hands its answer to read, all within patience. Its
// error is a *failure, or what read returns.
func (s *Sender) post(ctx context.Context, address string, header http.Header, body string, read func(*http.Response) error) error {
	ctx, stop := context.WithTimeout(ctx, s.patience)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return &failure{text: "the address is not valid", cause: err}
	}
	if header != nil {
		req.Header = header
	}
	req.Header.Set("User-Agent", "cloudpki")
	resp, err := s.http.Do(req)
	if err != nil {
		return classified(ctx, req.URL.Hostname(), err)
	}
	defer func() {
		// What does not come at once is not waited for: the status is known.
		limit := time.AfterFunc(drainTime, stop)
		defer limit.Stop()
		_, _ = io.CopyN(io.Discard, resp.Body, maxAnswerBody)
		_ = resp.Body.Close()
	}()
	if err := ctx.Err(); err != nil { // the answer crossed with the end of the connection
		return classified(ctx, req.URL.Hostname(), err)
	}
	return read(resp)
}

// classified tells the class of a fault of the network.
func classified(ctx context.Context, host string, err error) *failure {
	var text string
	switch provider.Classify(ctx, host, err).Code {
	case provider.CodeDNS:
		text = "the host name does not resolve"
	case provider.CodeConnect:
		text = "no connection could be made, or it was cut"
	case provider.CodeTLSServer, provider.CodeTLSClientRejected:
		text = "the TLS handshake failed, or the certificate is not trusted"
	case provider.CodeTimeout:
		text = timedOut
	case provider.CodeProtocol:
		text = "the answer breaks the rules or the bounds of HTTP"
	default:
		text = "the receiver cannot be reached"
	}
	return &failure{text: text, cause: err}
}

const timedOut = "no answer came in time"

// retryAfter reads the field (RFC 9110, 10.2.3); 0 where there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	field := h.Get("Retry-After")
	if n, err := strconv.ParseUint(field, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(field); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
