package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"
)

// The bounds of a Transport whose options leave them open.
const (
	DefaultTimeout = 60 * time.Second // one request, to the last byte of its answer
	DefaultMaxBody = 32 << 20         // bytes of one answer, after inflation
	maxHeader      = 64 << 10         // bytes of an answer's header
	connectTimeout = 15 * time.Second
	tlsTimeout     = 15 * time.Second
)

// TransportOptions set the rules of a Transport. The zero value is usable and
// reaches public addresses alone.
type TransportOptions struct {
	Allow    []netip.Prefix   // the outbound.allow setting: addresses reachable although not public
	Timeout  time.Duration    // of one request with its answer; 0 is DefaultTimeout
	MaxBody  int64            // bytes of one answer, after inflation; 0 is DefaultMaxBody
	Resolver *net.Resolver    // nil is the system's
	Logger   *slog.Logger     // nil is silence; gets host, path, status and time, never header or query
	Now      func() time.Time // nil is time.Now
}

// A Transport is the only way out to the network. It makes clients that speak
// TLS 1.2 or later to addresses the operator permits, follow no redirect, and
// bound what they read, and it remembers which hosts fail (see breakers). It is
// safe for concurrent use.
type Transport struct {
	opts     TransportOptions
	breakers *breakers // shared with what For and Urgent return
	party    string
	guarded  bool // calls heed the breakers
}

// NewTransport returns a Transport with the given rules.
func NewTransport(opts TransportOptions) *Transport {
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.MaxBody <= 0 {
		opts.MaxBody = DefaultMaxBody
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Transport{opts: opts, breakers: newBreakers(opts.Now, opts.Logger)}
}

// For returns the Transport for the calls of one party, such as a tenant. They
// heed the circuit breakers: a host that fails is not called for a while. What
// the requests of one party make a host fail with holds back that party alone.
func (t *Transport) For(party string) *Transport {
	v := *t
	v.party, v.guarded = party, true
	return &v
}

// Urgent returns the Transport for calls that somebody waits for: they go out
// although a breaker is open, and close it where they succeed. So do those of a
// Transport that is nobody's.
func (t *Transport) Urgent() *Transport {
	v := *t
	v.guarded = false
	return &v
}

// ClientOptions are what one session adds to the rules.
type ClientOptions struct {
	ServerCAs   []byte           // PEM or DER certificates that may sign the server's; nil is the system pool
	Certificate *tls.Certificate // shown where the server asks; nil is none
	MaxIdle     int              // connections kept for the next call, for sessions that make several at a time; 0 is 1
}

// Client returns a client for one session. The only error is an unreadable
// ServerCAs, an *Error with CodeTLSServer. The caller closes the client.
func (t *Transport) Client(o ClientOptions) (*Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, Time: t.opts.Now}
	if o.ServerCAs != nil {
		certs, err := ParseCertificates(o.ServerCAs)
		if err != nil {
			return nil, &Error{Code: CodeTLSServer, Msg: "serverCertificateAuthorities holds no readable certificates (PEM or DER)", Err: err}
		}
		conf.RootCAs = x509.NewCertPool()
		for _, c := range certs {
			conf.RootCAs.AddCert(c)
		}
	}
	c := &Client{t: t}
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		c.certAsked.Store(true)
		if o.Certificate == nil {
			return new(tls.Certificate), nil // crypto/tls: an empty one sends none
		}
		return o.Certificate, nil
	}
	c.init(conf)
	c.base.MaxIdleConnsPerHost = max(o.MaxIdle, 1)
	return c, nil
}

// A Client makes requests for one session. Do and Close are safe for
// concurrent use.
type Client struct {
	t         *Transport
	tls       *tls.Config
	dialer    *net.Dialer
	base      *http.Transport
	http      *http.Client
	certAsked atomic.Bool // the server has asked for the client certificate
}

func (c *Client) init(conf *tls.Config) {
	o := c.t.opts
	c.tls = conf
	c.dialer = &net.Dialer{
		Timeout:        connectTimeout,
		Resolver:       o.Resolver,
		ControlContext: egress(o.Allow),
	}
	c.base = &http.Transport{ // without Proxy: none is used, and the environment is not read
		DialContext:            c.dialer.DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    tlsTimeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        30 * time.Second,
	}
	c.http = &http.Client{
		Transport:     c.base,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Do sends req, which must be https, and returns the answer whatever its status,
// apart from redirects, which are refused. The caller closes the body, which
// may be empty but is never nil. Errors, also those of reading the body, are *Error.
// A host whose circuit breaker is open is not called (see Transport.For): the
// error is that of its last failure, with RetryAfter.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" || req.URL.Host == "" || req.URL.User != nil {
		return nil, &Error{Code: CodeProtocol, Msg: "only https addresses without a user name are called; correct serviceUri"}
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "cloudpki")
	}
	call, refused := c.t.breakers.begin(hostPort(req.URL), c.t.party, c.t.guarded)
	if refused != nil {
		return nil, refused
	}
	ctx, cancel := context.WithTimeout(req.Context(), c.t.opts.Timeout)
	ctx, reached := watchConnection(ctx)
	begun := c.t.opts.Now()
	resp, err := c.http.Do(req.WithContext(ctx))
	if err == nil && ctx.Err() != nil {
		// What a server sends at the sight of a cancelled call is no answer.
		_, err = resp.Body.Close(), ctx.Err()
	}
	if err != nil {
		err := c.explain(ctx, req, err)
		cancel()
		c.settleFailure(call, req, reached.Load(), err)
		c.log(req, begun, slog.String("code", string(err.Code)))
		return nil, err
	}
	c.settleAnswer(call, resp)
	Progress(ctx)
	c.log(req, begun, slog.Int("status", resp.StatusCode))
	body := &boundedBody{body: resp.Body, left: c.t.opts.MaxBody, max: c.t.opts.MaxBody, ctx: ctx, end: cancel, url: req.URL}
	if err := c.refuse(req, resp); err != nil {
		_ = body.Close() // the refusal is the error to tell
		return nil, err
	}
	resp.Body = body
	return resp, nil
}

// Close closes idle connections. It may be called twice.
func (c *Client) Close() {
	c.base.CloseIdleConnections()
}

// refuse says why an answer must not be used, or nil.
func (c *Client) refuse(req *http.Request, resp *http.Response) error {
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		to := "an unnamed place"
		if u, err := resp.Location(); err == nil {
			to = Clean(u.Scheme+"://"+u.Host, 100)
		}
		return &Error{Code: CodeProtocol, Msg: fmt.Sprintf("%s redirects (HTTP %d) to %s; redirects are not followed: set serviceUri to the CA's own address", req.URL.Host, resp.StatusCode, to)}
	case resp.Header.Get("Content-Encoding") != "" && resp.Header.Get("Content-Encoding") != "identity":
		return &Error{Code: CodeProtocol, Msg: fmt.Sprintf("%s answers in a content encoding that was not asked for", req.URL.Host)}
	case resp.ContentLength > c.t.opts.MaxBody:
		return tooLarge(req.URL, c.t.opts.MaxBody)
	}
	return nil
}

func (c *Client) log(req *http.Request, begun time.Time, result slog.Attr) {
	c.t.opts.Logger.LogAttrs(req.Context(), slog.LevelDebug, "call CA",
		slog.String("method", req.Method), slog.String("host", req.URL.Host), slog.String("path", req.URL.Path),
		result, slog.Duration("took", c.t.opts.Now().Sub(begun)))
}

// A boundedBody is an answer's body that tells when it is too large and why
// reading it failed.
type boundedBody struct {
	body      io.ReadCloser
	left, max int64
	ctx       context.Context //nolint:containedctx // of the call, whose end the body is
	end       context.CancelFunc
	url       *url.URL
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		return int(b.left), tooLarge(b.url, b.max)
	}
	b.left -= int64(n)
	if err != nil && (err != io.EOF || b.ctx.Err() != nil) { //nolint:errorlint // io.Reader promises io.EOF itself
		err = classify(b.ctx, b.url.Hostname(), err)
	}
	return n, err
}

func (b *boundedBody) Close() error {
	defer b.end()
	return b.body.Close()
}

func tooLarge(u *url.URL, limit int64) *Error {
	return &Error{Code: CodeProtocol, Msg: fmt.Sprintf("the answer of %s is larger than %d bytes", u.Host, limit)}
}

// explain turns a failed call into its *Error. A server of TLS 1.2 may end with
// handshake_failure where it asked for a client certificate and got none; both
// have agreed on all else by then. Where a server of TLS 1.3 refuses the client
// certificate, its alert can be lost behind the reset of the connection; then
// one more handshake, which only listens, fetches it.
func (c *Client) explain(ctx context.Context, req *http.Request, cause error) *Error {
	host := req.URL.Hostname()
	if c.certAsked.Load() && remoteAlert(cause) == alertHandshakeFailure.Error() {
		return rejected(host, "asked for a client certificate and did not take what it got", cause)
	}
	err := classify(ctx, host, cause)
	if err.Code != CodeConnect || !c.certAsked.Load() || !wasCut(cause) {
		return err
	}
	if alert := c.listenForAlert(ctx, req.URL); alert != nil {
		return classify(ctx, host, alert)
	}
	return err
}

func (c *Client) listenForAlert(ctx context.Context, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	port := u.Port()
	if port == "" {
		port = "443"
	}
	conf := c.tls.Clone()
	conf.ServerName = u.Hostname()
	d := tls.Dialer{NetDialer: c.dialer, Config: conf}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing was written: nothing can be lost
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetReadDeadline(deadline); err != nil {
			return nil
		}
	}
	if _, err := conn.Read(make([]byte, 1)); isAlert(err) {
		return err
	}
	return nil
}
