package casim

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// networkFaults strike below HTTP, or its connection.
func networkFaults() []Fault {
	return []Fault{
		{Name: "refused", Doc: "connections are reset as soon as they are made", Accept: func(net.Conn) net.Conn { return nil }},
		{Name: "silent", Doc: "connections are taken and nothing is ever said", Accept: func(c net.Conn) net.Conn { return &mute{Conn: c} }},
		{Name: "garbage", Doc: "random bytes in the place of TLS", Accept: func(c net.Conn) net.Conn { return speaks(c, "\x00\xff\x17garbage\r\n\r\n") }},
		{Name: "plain-http", Doc: "HTTP without TLS", Accept: func(c net.Conn) net.Conn {
			return speaks(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nplain HTTP\r\n")
		}},
		{Name: "cut", Doc: "the connection ends in the middle of an answer", Answer: Cut(200)},
		{Name: "cut-at-once", Doc: "the connection ends before the first byte of an answer", Answer: Cut(0)},
		{Name: "half-close", Doc: "the connection ends in order in the middle of an answer of unknown length", Answer: halfClose},
		{Name: "slow", Doc: "an answer after a minute", Answer: Slow(time.Minute)},
		{Name: "trickle", Doc: "an answer at one byte a second", Answer: Trickle(time.Second)},
		{Name: "stall", Doc: "half an answer, then silence", Answer: stall},
	}
}

// A mute connection never gives or takes a byte.
type mute struct{ net.Conn }

func (m *mute) Write(b []byte) (int, error) { return len(b), nil }

// speaks says text at once and ends the connection.
func speaks(c net.Conn, text string) net.Conn {
	_, _ = c.Write([]byte(text)) // the client is gone: nobody to tell
	_ = c.Close()
	return nil
}

// A faultyListener breaks connections as the fault of the CA says.
type faultyListener struct {
	net.Listener
	ca *CA
}

// Accept returns the next connection that the fault leaves over.
func (l faultyListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		fault := l.ca.meet(func(f Fault) bool { return f.Accept != nil }).Accept
		if fault == nil {
			return conn, nil
		}
		if left := fault(conn); left != nil {
			return left, nil
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // reset rather than end
		}
		_ = conn.Close()
	}
}

// halfClose sends half of an answer whose length is not told, and ends.
func halfClose(w http.ResponseWriter, r *http.Request, honest http.Handler) {
	b := honestly(honest, r).body.Bytes()
	hijacked(w, "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\n\r\n"+string(b[:len(b)/2]))
}

// stall sends half of an answer and then nothing until the client leaves.
func stall(w http.ResponseWriter, r *http.Request, honest http.Handler) {
	rec := honestly(honest, r)
	b := rec.body.Bytes()
	w.Header().Set("Content-Type", rec.header.Get("Content-Type"))
	w.WriteHeader(rec.status)
	_, _ = w.Write(b[:len(b)/2]) // the client is gone: nobody to tell
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// hijacked writes text on the bare connection and ends it.
func hijacked(w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = conn.Write([]byte(text)) // the client is gone: nobody to tell
	_ = conn.Close()
}

// tlsFaults strike in the handshake.
func tlsFaults() []Fault {
	return []Fault{
		{Name: "tls-failure", Doc: "the handshake fails", Handshake: func(*CA, *tls.Config) (*tls.Config, error) { return nil, errors.New("no") }},
		{Name: "tls-1.0", Doc: "TLS 1.0 alone", Handshake: versions(tls.VersionTLS10)},
		{Name: "tls-1.1", Doc: "TLS 1.1 alone", Handshake: versions(tls.VersionTLS11)},
		{Name: "wrong-host", Doc: "the server's certificate is for another host", Handshake: presents(serverCert{host: "elsewhere.example"})},
		{Name: "server-expired", Doc: "the server's certificate has expired", Handshake: presents(serverCert{from: -48 * time.Hour, to: -time.Hour})},
		{Name: "server-not-yet-valid", Doc: "the server's certificate is valid tomorrow", Handshake: presents(serverCert{from: 24 * time.Hour, to: 48 * time.Hour})},
		{Name: "server-self-signed", Doc: "the server's certificate signed itself", Handshake: presents(serverCert{selfSigned: true})},
		{Name: "server-unknown-ca", Doc: "the server's certificate is of an unknown CA", Handshake: presents(serverCert{otherCA: true})},
		{Name: "server-wrong-usage", Doc: "the server's certificate is for clients", Handshake: presents(serverCert{forClients: true})},
		{Name: "client-rejected", Doc: "no client certificate is good enough", Handshake: func(_ *CA, conf *tls.Config) (*tls.Config, error) {
			conf.ClientAuth = tls.RequireAnyClientCert
			conf.VerifyConnection = refuseClient
			return conf, nil
		}},
		{Name: "client-rejected-1.2", Doc: "as client-rejected, in TLS 1.2", Handshake: func(_ *CA, conf *tls.Config) (*tls.Config, error) {
			conf.MaxVersion = tls.VersionTLS12
			conf.ClientAuth = tls.RequireAnyClientCert
			conf.VerifyConnection = refuseClient
			return conf, nil
		}},
		{Name: "wrong-alpn", Doc: "a protocol that the client did not offer", Handshake: func(_ *CA, conf *tls.Config) (*tls.Config, error) {
			conf.NextProtos = []string{"acme-tls/1"}
			return conf, nil
		}},
	}
}
