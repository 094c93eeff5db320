package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
)

// An Examination looks at the way to a CA's server step by step: its name, a
// connection, the TLS handshake. It obeys the rules of its Transport, trusts
// what a Client trusts, and sends nothing but the handshake. It is not safe for
// concurrent use; the caller closes it.
type Examination struct {
	client *Client
	host   string
	port   string
	conn   net.Conn
}

// Examine begins to look at the server of a base address, as ParseServiceURI
// takes it. The error is an *Error: CodeProtocol for another address,
// CodeTLSServer for unreadable ServerCAs.
func (t *Transport) Examine(serviceURI string, o ClientOptions) (*Examination, error) {
	u, err := ParseServiceURI(serviceURI)
	if err != nil {
		return nil, &Error{Code: CodeProtocol, Msg: "serviceUri: " + err.Error(), Err: err}
	}
	c, err := t.Client(o)
	if err != nil {
		return nil, err
	}
	return &Examination{client: c, host: u.Hostname(), port: portOf(u)}, nil
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return "443"
}

// Server is the host and port that are looked at.
func (e *Examination) Server() string { return net.JoinHostPort(e.host, e.port) }

// Resolve returns those addresses of the host that may be called: what others
// a name has inside the operator's network is not told. Errors are *Error with
// CodeDNS or CodeTimeout.
func (e *Examination) Resolve(ctx context.Context) ([]netip.Addr, error) {
	o := e.client.t.opts
	resolver := o.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	ctx, stop := context.WithTimeout(ctx, connectTimeout)
	defer stop()
	found, err := resolver.LookupNetIP(ctx, "ip", e.host)
	if err != nil {
		if isTimeout(ctx, err) {
			return nil, &Error{Code: CodeDNS, Msg: fmt.Sprintf("the resolver did not answer for %s in time; check the resolver of this service", e.host), Err: err}
		}
		return nil, classify(ctx, e.host, err)
	}
	var allowed []netip.Addr
	for _, a := range found {
		if a = a.Unmap(); checkAddress(a, o.Allow) == nil {
			allowed = append(allowed, a)
		}
	}
	return allowed, nil
}

// Dial connects and returns the address that answered. Errors are *Error.
func (e *Examination) Dial(ctx context.Context) (netip.AddrPort, error) {
	conn, err := e.client.dialer.DialContext(ctx, "tcp", e.Server())
	if err != nil {
		return netip.AddrPort{}, classify(ctx, e.host, err)
	}
	e.conn = conn
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.AddrPort{}, &Error{Code: CodeInternal, Msg: "the address of the connection is not understood", Err: err}
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
}

// A Handshake is what a TLS handshake showed.
type Handshake struct {
	Version     string            // "TLS 1.3"; "" where the handshake did not come to an end
	Cipher      string            // "TLS_AES_128_GCM_SHA256"
	Certificate *x509.Certificate // the server's, also where it is not trusted; nil where none was shown
	Trusted     bool              // Certificate was verified for the host
	Asked       bool              // the server asked for a client certificate
}

// Handshake speaks TLS on the connection that Dial made. What it found is told
// along with an error, an *Error: CodeTLSClientRejected where the server was
// trusted and refused the client. A server of TLS 1.3 judges the client only
// later, at the first call.
func (e *Examination) Handshake(ctx context.Context) (Handshake, error) {
	if e.conn == nil {
		return Handshake{}, &Error{Code: CodeInternal, Msg: "there is no connection to speak TLS on"}
	}
	ctx, stop := context.WithTimeout(ctx, tlsTimeout)
	defer stop()
	var h Handshake
	conf := e.client.tls.Clone()
	conf.ServerName = e.host
	conf.VerifyConnection = func(s tls.ConnectionState) error {
		h.Trusted, h.Certificate = true, s.PeerCertificates[0]
		return nil
	}
	conn := tls.Client(e.conn, conf)
	e.conn = conn
	err := conn.HandshakeContext(ctx)
	h.Asked = e.client.certAsked.Load()
	if err == nil {
		s := conn.ConnectionState()
		h.Version, h.Cipher = tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite)
		return h, nil
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) && len(untrusted.UnverifiedCertificates) > 0 {
		h.Certificate = untrusted.UnverifiedCertificates[0]
	}
	return h, e.explain(ctx, h, err)
}

// explain tells why a handshake failed, as Client.explain does for a call.
func (e *Examination) explain(ctx context.Context, h Handshake, err error) *Error {
	if h.Trusted && h.Asked && remoteAlert(err) == alertHandshakeFailure.Error() {
		return rejected(e.host, "asked for a client certificate and did not take what it got", err)
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Code: CodeTimeout, Msg: fmt.Sprintf("%s accepts connections but does not answer the TLS handshake; is this the port of the CA's https?", e.host), Err: err}
	}
	return classify(ctx, e.host, err)
}

// Close ends the connection. It may be called twice.
func (e *Examination) Close() {
	if e.conn != nil {
		_ = e.conn.Close() // nothing was sent that could be lost
		e.conn = nil
	}
	e.client.Close()
}
