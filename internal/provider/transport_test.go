package provider

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An issuer signs certificates for tests.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (i issuer) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

func newIssuer(t testing.TB) issuer {
	t.Helper()
	return issue(t, issuer{}, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
}

// issue makes a certificate for 127.0.0.1, changed by change, under by.
func issue(t testing.TB, by issuer, change func(*x509.Certificate)) issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	change(tmpl)
	if by.key == nil {
		by = issuer{tmpl, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{cert, key}
}

// issueFor certifies the key and name of subject anew under by.
func issueFor(t testing.TB, by, subject issuer) *x509.Certificate {
	t.Helper()
	tmpl := *subject.cert
	tmpl.AuthorityKeyId = nil
	der, err := x509.CreateCertificate(rand.Reader, &tmpl, by.cert, &subject.key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (i issuer) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: i.key, Leaf: i.cert}
}

func forLoopback(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }

// serve starts a TLS server whose certificate ca issued for 127.0.0.1.
func serve(t testing.TB, ca issuer, h http.HandlerFunc, change func(*tls.Config)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{issue(t, ca, forLoopback).tls()}}
	if change != nil {
		change(s.TLS)
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func loopback(o TransportOptions) *Transport {
	o.Allow = append(o.Allow, netip.MustParsePrefix("127.0.0.0/8"))
	return NewTransport(o)
}

func newClient(t testing.TB, tr *Transport, o ClientOptions) *Client {
	t.Helper()
	c, err := tr.Client(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// get makes one call and reads the answer to its end.
func get(ctx context.Context, c *Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("x"))
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

func wantError(t *testing.T, err error, code Code, says string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Msg, says) {
		t.Errorf("got %v, want %s ... %q", err, code, says)
	}
}

func hello(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, "hello")
}

func TestTransportReachesAnAllowedServer(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1") // must not be read
	ca := newIssuer(t)
	s := serve(t, ca, hello, nil)
	for name, bundle := range map[string][]byte{"PEM": ca.pem(), "DER": ca.cert.Raw} {
		b, err := get(t.Context(), newClient(t, loopback(TransportOptions{}), ClientOptions{ServerCAs: bundle}), s.URL)
		if err != nil || string(b) != "hello" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestTransportRefusesAddresses(t *testing.T) {
	var connected atomic.Int64
	ca := newIssuer(t)
	s := serve(t, ca, hello, func(c *tls.Config) {
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { connected.Add(1); return nil, nil }
	})
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	c := newClient(t, NewTransport(TransportOptions{}), ClientOptions{ServerCAs: ca.pem()})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		_, err := get(t.Context(), c, "https://"+host+":"+port)
		wantError(t, err, CodeConnect, "outbound.allow")
		// What a name resolves to inside is for the operator's log alone.
		literal, inside := host != "localhost", strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "::1") || strings.Contains(err.Error(), "loopback")
		if host != "0.0.0.0" && inside != literal {
			t.Errorf("%s: %v", host, err)
		}
		var refused *refusedAddress
		if cause := errors.Unwrap(err); !errors.As(err, &refused) || !strings.Contains(cause.Error(), refused.addr.String()) {
			t.Errorf("%s: the cause does not name the address: %v", host, cause)
		}
	}
	if n := connected.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	for _, url := range []string{"http://127.0.0.1/", "https://user:password@127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/"} {
		_, err := get(t.Context(), c, url)
		wantError(t, err, CodeProtocol, "only https")
	}
}

func TestTransportExplainsTheServersCertificate(t *testing.T) {
	ca, other := newIssuer(t), newIssuer(t)
	with := func(change func(*x509.Certificate)) func(*tls.Config) {
		return func(c *tls.Config) { c.Certificates = []tls.Certificate{issue(t, ca, change).tls()} }
	}
	tests := []struct {
		name   string
		server func(*tls.Config)
		trust  issuer
		says   string
	}{
		{"unknown CA", nil, other, "signed by an unknown CA"},
		{"wrong host", with(func(c *x509.Certificate) { c.DNSNames = []string{"elsewhere.example"} }), ca, "not for the host 127.0.0.1"},
		{"expired", with(func(c *x509.Certificate) { forLoopback(c); c.NotAfter = time.Now().Add(-time.Minute) }), ca, "has expired"},
		{"not yet valid", with(func(c *x509.Certificate) { forLoopback(c); c.NotBefore = time.Now().Add(time.Minute) }), ca, "not yet valid"},
		{"for clients only", with(func(c *x509.Certificate) {
			forLoopback(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), ca, "not fit for a server"},
		{"TLS 1.1", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, ca, "alert"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, ca, hello, tt.server)
			_, err := get(t.Context(), newClient(t, loopback(TransportOptions{}), ClientOptions{ServerCAs: tt.trust.pem()}), s.URL)
			wantError(t, err, CodeTLSServer, tt.says)
		})
	}
	if _, err := loopback(TransportOptions{}).Client(ClientOptions{ServerCAs: []byte("no certificate")}); err == nil {
		t.Error("an unreadable bundle is accepted")
	}
}

// A server of TLS 1.3 refuses the client's certificate after the client's
// handshake is over: the alert and the reset of the connection race.
func TestTransportKnowsARefusedClientCertificate(t *testing.T) {
	ca, ra := newIssuer(t), newIssuer(t)
	clients := x509.NewCertPool()
	clients.AddCert(ra.cert)
	client := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	stranger := issue(t, newIssuer(t), client).tls()
	expired := issue(t, ra, func(c *x509.Certificate) { client(c); c.NotAfter = time.Now().Add(-time.Minute) }).tls()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := serve(t, ca, hello, func(c *tls.Config) {
			c.ClientAuth, c.ClientCAs, c.MaxVersion = tls.RequireAndVerifyClientCert, clients, version
		})
		for name, cert := range map[string]*tls.Certificate{"of a stranger": &stranger, "expired": &expired, "none": nil} {
			t.Run(fmt.Sprintf("%s/%s", tls.VersionName(version), name), func(t *testing.T) {
				for range 20 {
					_, err := get(t.Context(), newClient(t, loopback(TransportOptions{}), ClientOptions{ServerCAs: ca.pem(), Certificate: cert}), s.URL)
					wantError(t, err, CodeTLSClientRejected, "authenticationCertificate")
				}
			})
		}
	}
}

func TestTransportListensForALostAlert(t *testing.T) {
	ca, ra := newIssuer(t), newIssuer(t)
	clients := x509.NewCertPool()
	clients.AddCert(ra.cert)
	s := serve(t, ca, hello, func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, clients })
	stranger := issue(t, newIssuer(t), func(*x509.Certificate) {}).tls()
	c := newClient(t, loopback(TransportOptions{}), ClientOptions{ServerCAs: ca.pem(), Certificate: &stranger})
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	c.certAsked.Store(true)
	wantError(t, c.explain(t.Context(), req, fmt.Errorf("read: %w", io.EOF)), CodeTLSClientRejected, "authenticationCertificate")
}

func TestTransportRefusesAnswers(t *testing.T) {
	ca := newIssuer(t)
	var bomb bytes.Buffer // made beforehand: the client's time is short
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 64<<20))
	_ = z.Close()
	zip := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	}
	tests := []struct {
		name string
		h    http.HandlerFunc
		code Code
		says string
	}{
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/x?token=y", http.StatusFound)
		}, CodeProtocol, "https://elsewhere.example;"},
		{"redirect to itself", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		}, CodeProtocol, "redirects are not followed"},
		{"too large, announced", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "1048577") }, CodeProtocol, "larger than 1048576"},
		{"too large, streamed", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2<<20)) }, CodeProtocol, "larger than 1048576"},
		{"gzip bomb", zip, CodeProtocol, "larger than 1048576"},
		{"unasked encoding", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", "br") }, CodeProtocol, "content encoding"},
		{"huge header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 128<<10)) }, CodeProtocol, "bounds of HTTP"},
		{"stalled", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, CodeTimeout, "did not answer in time"},
		{"a byte at a time", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}, CodeTimeout, "did not answer in time"},
		{"cut in the middle", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
		}, CodeConnect, "cut the connection"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, ca, tt.h, nil)
			c := newClient(t, loopback(TransportOptions{MaxBody: 1 << 20, Timeout: 700 * time.Millisecond}), ClientOptions{ServerCAs: ca.pem()})
			_, err := get(t.Context(), c, s.URL)
			wantError(t, err, tt.code, tt.says)
		})
	}
	t.Run("exactly the limit", func(t *testing.T) {
		s := serve(t, ca, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }, nil)
		b, err := get(t.Context(), newClient(t, loopback(TransportOptions{MaxBody: 1 << 20}), ClientOptions{ServerCAs: ca.pem()}), s.URL)
		if err != nil || len(b) != 1<<20 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
}

func TestTransportTellsWhyThereIsNoConnection(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(hello))
	defer plain.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	deaf := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no resolver") }}
	c := newClient(t, loopback(TransportOptions{Resolver: deaf, Timeout: 5 * time.Second}), ClientOptions{})
	_, err = get(t.Context(), c, "https://ca.invalid/")
	wantError(t, err, CodeDNS, "ca.invalid does not resolve")
	_, err = get(t.Context(), c, "https://"+closed)
	wantError(t, err, CodeConnect, "refuses the connection")
	_, err = get(t.Context(), c, strings.Replace(plain.URL, "http:", "https:", 1))
	wantError(t, err, CodeProtocol, "speaks http, not https")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = get(ctx, c, "https://"+closed)
	wantError(t, err, CodeCancelled, "cancelled")
	ctx, cancel = context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err = get(ctx, c, "https://"+closed)
	wantError(t, err, CodeTimeout, "in time")
}

func TestTransportRefusesWhatIsNotHTTP(t *testing.T) {
	ca := newIssuer(t)
	for _, words := range []string{"220 mail.example ESMTP\r\n\r\n", "HTTP/1.1 200 OK\r\nbroken header\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"} {
		s := serve(t, ca, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, words)
			_ = conn.Close()
		}, nil)
		_, err := get(t.Context(), newClient(t, loopback(TransportOptions{}), ClientOptions{ServerCAs: ca.pem()}), s.URL)
		wantError(t, err, CodeProtocol, "rules")
	}
}

func TestFetchRoot(t *testing.T) {
	ca := newIssuer(t)
	s := serve(t, ca, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/root" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(ca.cert.Raw)
	}, nil)
	tr := loopback(TransportOptions{})
	sum := fingerprint(ca.cert)
	root, err := tr.FetchRoot(t.Context(), s.URL+"/root", strings.ToUpper(sum[:2])+":"+sum[2:], x509.ParseCertificate)
	if err != nil || !root.Equal(ca.cert) {
		t.Errorf("FetchRoot: %v", err)
	}
	_, err = tr.FetchRoot(t.Context(), s.URL+"/root", strings.Repeat("00", 32), x509.ParseCertificate)
	wantError(t, err, CodeRootInvalid, "another SHA-256 fingerprint")
	_, err = tr.FetchRoot(t.Context(), s.URL+"/root", "abc", x509.ParseCertificate)
	wantError(t, err, CodeRootInvalid, "64 hex digits")
	_, err = tr.FetchRoot(t.Context(), s.URL+"/elsewhere", sum, x509.ParseCertificate)
	wantError(t, err, CodeRootInvalid, "no root with the configured")
	_, err = tr.FetchRoot(t.Context(), s.URL+"/root", sum, func([]byte) (*x509.Certificate, error) { return nil, errors.New("no") })
	wantError(t, err, CodeParse, "not a root certificate")
}
