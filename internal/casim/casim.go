// Package casim is a simulated DigiCert PKI Platform 8 (Symantec MPKI 8): a
// real root with issuing CAs, real certificates, and the SOAP services
// policyService, enrollmentService, certificateManagementService and
// healthcheckService over TLS
// with client certificates. It reads requests strictly and misbehaves on
// demand (Fault), so that tests and a demonstration need no account anywhere.
//
// It knows nothing of the client it is used to test. Names, namespaces and
// element orders are those of the vendor's WSDL and XSD of 2009 to 2018.
package casim

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Options shape a CA. The zero value is a CA in memory for localhost.
type Options struct {
	Dir         string           // keeps keys (mode 0600) and records over restarts; "" keeps nothing
	Hosts       []string         // names and addresses of the server; nil is localhost, 127.0.0.1 and ::1
	PageSize    int              // records of one answer; 0 is the real service's 50
	NewestFirst bool             // list in the order that shifts while certificates are issued
	UpdateHours int              // the hint nextUpdateHours; 0 sends nil
	Now         func() time.Time // nil is time.Now

	// Met is called with the name of the fault that a call, or a connection that
	// comes to nothing, is about to meet, "" for none; nil for nobody.
	Met func(fault string)
}

// worldAge bounds how long an honest CA tells the same: certificates expire.
const worldAge = time.Second

// The profiles every CA has, in the order of Profiles.
const (
	ProfileUser   = "2.16.840.1.113733.1.16.1.2.3.1.1.81234567"
	ProfileDevice = "2.16.840.1.113733.1.16.1.2.3.6.1.81234567"
)

// Profiles returns the OIDs of the two profiles. Each has an issuing CA of its
// own; both chain to one root, the first by way of an intermediate.
func Profiles() []string { return []string{ProfileUser, ProfileDevice} }

// A CA is a simulated account. It is safe for concurrent use.
type CA struct {
	opts   Options
	server tls.Certificate

	mu       sync.Mutex
	auth     *authorities
	records  []*record
	index    map[string]*record // by serial
	events   []event            // since the CA was opened, oldest first
	fault    Fault
	schedule Schedule       // what is left of it; its first step is the fault
	calls    map[string]int // by operation
	log      *journal       // nil without Dir

	holds bool             // requests wait for approval
	held  map[string]*held // those that have waited, by number

	serverCA signer // signs servers; never changes

	told     *World // what was told last; see world
	toldAt   int    // c.changes then
	toldTime time.Time
	changes  int // of records and authorities
}

// New makes a CA, or opens the one in o.Dir.
func New(o Options) (*CA, error) {
	if o.PageSize <= 0 {
		o.PageSize = 50
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Hosts == nil {
		o.Hosts = []string{"localhost", "127.0.0.1", "::1"}
	}
	c := &CA{opts: o, index: map[string]*record{}, calls: map[string]int{}}
	if err := c.open(); err != nil {
		return nil, fmt.Errorf("open simulated CA: %w", err)
	}
	c.serverCA = c.auth.Server
	server, err := c.serverCA.issueServer(o.Hosts, o.Now())
	if err != nil {
		return nil, fmt.Errorf("issue server certificate: %w", err)
	}
	c.server = server
	return c, nil
}

// Close ends the journal of a CA with a directory. It may be called twice.
func (c *CA) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.close()
}

// Root returns the root that both issuing CAs chain to.
func (c *CA) Root() *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.auth.Root.cert
}

// ServerCAs returns, in PEM, the CA that signs the server's certificate. It is
// another than Root, as with the real service.
func (c *CA) ServerCAs() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.auth.Server.cert.Raw})
}

// TLSConfig returns the configuration of the server: TLS 1.2 or later, and a
// client certificate of the RA CA.
func (c *CA) TLSConfig() *tls.Config {
	clients := x509.NewCertPool()
	clients.AddCert(c.auth.RA.cert)
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{c.server},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients,
		Time:         c.opts.Now,
	}
}

// Misbehave sets what the CA does wrong from now on; the zero Fault is honest.
func (c *CA) Misbehave(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault, c.schedule = f, nil
	c.changes++
	clear(c.calls)
}

// Calls returns how often an operation ("searchCertificate") was called since
// the last Misbehave.
func (c *CA) Calls(operation string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[operation]
}

// Handler serves the services below /pki-ws/. It refuses requests that did not
// come with a verified client certificate.
func (c *CA) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, s := range services() {
		mux.Handle("/pki-ws/"+s.path, c.Front(c.serve(s)))
	}
	return mux
}
