// Package provider is the contract between the service and the certification
// authorities it subscribes to: what a kind of CA declares, what an open
// session to one can do, the errors it may answer with, and the only way out
// to the network (Transport).
package provider

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cloudpki/internal/secret"
)

// A Kind is one sort of CA. It is a value: listing kinds opens nothing.
type Kind struct {
	Name       string    // the cloudPkiProvider member on the wire: "symantec"
	Title      string    // for a person: "DigiCert PKI Platform 8 (Symantec)"
	DefaultURI string    // the service's usual base address; "" where there is none
	Settings   []Setting // what else it must be told, by name
	Login      Login     // which credentials it takes; the zero value for none
	Can        Capabilities

	// Validate checks c without a connection and returns every fault it finds.
	Validate func(c Config) []Problem

	// Open connects on behalf of one tenant's subscription, for one run. The
	// session uses c.Transport alone to reach the network and keeps no state
	// for the next run. Errors are *Error.
	Open func(ctx context.Context, c Config) (Session, error)
}

// A Setting describes one entry of providerSettings.
type Setting struct {
	Name     string // as clients write it: "rootFingerprint"
	Doc      string // one sentence for a person
	Type     SettingType
	Values   []string // of SettingChoice, the default first; nil for others
	Required bool
	Example  string
	Check    func(value string) error // nil accepts all
}

// SettingType says what a setting's text holds.
type SettingType string

// The types of settings.
const (
	SettingText   SettingType = "text"
	SettingNumber SettingType = "number" // a whole number
	SettingURL    SettingType = "url"
	SettingList   SettingType = "list" // texts, separated by commas
	SettingChoice SettingType = "choice"
)

// TypeName is the type as a person reads it: "text", "choice of soap, rest".
func (s Setting) TypeName() string {
	if s.Type == SettingChoice {
		return "choice of " + strings.Join(s.Values, ", ")
	}
	return string(s.Type)
}

// Doc tells of the kind and its settings in a few sentences, for metadata.
func (k Kind) Doc() string {
	var b strings.Builder
	b.WriteString(k.Title + ".")
	for i, s := range k.Settings {
		if i == 0 {
			b.WriteString(" providerSettings:")
		}
		required := ""
		if s.Required {
			required = ", required"
		}
		fmt.Fprintf(&b, " %s (%s%s): %s", s.Name, s.TypeName(), required, s.Doc)
	}
	return b.String()
}

// Capabilities says which of the interfaces below a Kind's sessions have.
type Capabilities struct {
	Authorities bool          // RootSource
	Profiles    bool          // Authority.ProfileIDs are filled
	Revocations bool          // RevocationSource
	Issue       bool          // Issuer
	Revoke      bool          // Revoker
	Inventory   InventoryMode // the best that a session can have; what one has, Inventory.Mode tells
}

// A Problem is a fault in a configuration, found without a connection.
type Problem struct {
	Target string // the member at fault as clients spell it: "credentials/authenticationCertificate"
	Code   Code
	Msg    string // what is wrong and what to do; no secret

	Retry      RetryClass    // as in Error
	RetryAfter time.Duration // as in Error
}

// Fault returns the problem as an error whose message names the member. As a
// configuration does not mend itself, it is not tried early unless Retry says so.
func (p Problem) Fault() *Error {
	e := &Error{Code: p.Code, Msg: p.Msg, Retry: p.Retry, RetryAfter: p.RetryAfter}
	if _, last, _ := strings.Cut(p.Target, "/"); !strings.Contains(e.Msg, cmp.Or(last, p.Target)) {
		e.Msg = p.Target + ": " + e.Msg
	}
	if e.RetryClass() == RetryBackOff && p.Retry == "" {
		e.Retry = RetryNever
	}
	return e
}

// Credentials are the four fields of cloudPkiAdministratorCredentials, opened.
type Credentials struct {
	UserName            string
	Password            secret.Text
	Certificate         secret.Text // PKCS#12, RFC 7292
	CertificatePassword secret.Text
}

// A Config is all that a session is made from.
type Config struct {
	ServiceURI  string            // https base address; Kind.DefaultURI where the subscription has none
	Settings    map[string]string // providerSettings by name
	ServerCAs   []byte            // PEM or DER certificates that may sign the CA's server; nil is the system pool
	Credentials Credentials
	Transport   *Transport // the way to the network; nil in Validate
	Now         func() time.Time
}

// A Session is one open connection to a CA. It need not be safe for concurrent
// use. Every error it returns is an *Error.
type Session interface {
	// Probe makes the cheapest call that proves the credentials.
	Probe(ctx context.Context) (Probe, error)
	// Close releases connections. It may be called twice.
	Close() error
}

// A Probe is what the CA said when asked for a sign of life.
type Probe struct {
	Account  string        // for a person; may be ""
	NextSync time.Duration // the CA's own hint for the next sync; 0 for none
	Expires  time.Time     // UTC; when what was logged in with ends, such as an API token; zero where the CA does not tell
}

// A RootSource tells the CA's issuing authorities with their chains.
type RootSource interface {
	Authorities(ctx context.Context) (Authorities, error)
}

// Authorities is one complete answer to «who issues here».
type Authorities struct {
	List     []Authority
	NextSync time.Duration // the CA's own hint for the next sync; 0 for none
	TxID     string        // the CA's transaction id, for support
}

// An Authority is one issuing CA. All certificates are parsed from DER.
type Authority struct {
	ID         string              // the CA's own name for it; may be ""
	Issuing    *x509.Certificate   // nil where only a root is known
	Chain      []*x509.Certificate // leaf to root; neither Issuing nor Root
	Root       *x509.Certificate   // nil where the CA does not give it
	ProfileIDs []string
}

// A RevocationSource tells the CA's current revocation lists.
type RevocationSource interface {
	// CRLs returns each list with its signature checked against an authority
	// of this CA.
	CRLs(ctx context.Context) ([]*x509.RevocationList, error)
}

// Requester is what a provider needs of an HTTP client. *Transport's client
// satisfies it.
type Requester interface {
	Do(*http.Request) (*http.Response, error)
}
