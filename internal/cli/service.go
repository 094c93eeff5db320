package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"cloudpki/internal/graph"
)

// The segments of the addresses that the commands read.
const (
	subscriptionSet = "cloudPkiSubscriptions"
	runSet          = "syncRuns"
	certificateSet  = "certificates"
	authoritySet    = "certificateAuthorities"
)

// requestTime bounds one request; no answer takes as long.
const requestTime = time.Minute

// errLogin marks what goes wrong on the way to a token.
var errLogin = errors.New("log in")

// service returns a client of the service that is to be called.
func (p *program) service() (*graph.Client, error) {
	c, err := p.loadConnection(asStored)
	if err != nil {
		return nil, err
	}
	transport, err := c.transport()
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: transport, Timeout: requestTime}
	token := c.ownToken(client, p.now)
	if c.login != nil {
		token = func(ctx context.Context) (string, error) { return p.token(ctx, client, c.login) }
	}
	return &graph.Client{Origin: c.origin, HTTP: client, Token: token}, nil
}

// transport trusts the CAs of the connection.
func (c *connection) transport() (*http.Transport, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second}
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.caFile == "" {
		return t, nil
	}
	text, err := readFile(c.caFile, maxCertificateBytes)
	if err != nil {
		return nil, err
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
		return nil, misuse("give a PEM file with the CAs that sign the service's certificate", "%s holds no certificate", c.caFile)
	}
	return t, nil
}

// ownToken returns where the tokens of a client come from: a file, or the authority.
func (c *connection) ownToken(client *http.Client, now func() time.Time) func(context.Context) (string, error) {
	if !c.token.IsEmpty() {
		return func(context.Context) (string, error) { return string(c.token.Reveal()), nil }
	}
	source := &graph.TokenSource{
		URL:      c.authority + "/" + url.PathEscape(c.tenant) + "/oauth2/v2.0/token",
		ClientID: c.clientID, Secret: c.clientSecret.Reveal, Scope: c.origin + "/.default",
		HTTP: client, Now: now,
	}
	return func(ctx context.Context) (string, error) {
		token, err := source.Token(ctx)
		if err != nil {
			return "", fmt.Errorf("%w at %s: %w", errLogin, c.authority, err)
		}
		return token, nil
	}
}

// explainService is about what the service said, or that it said nothing.
func explainService(err error) *failure {
	var refused *graph.ResponseError
	var call *url.Error
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &refused) && errors.Is(err, errLogin):
		return &failure{exit: exitDenied, err: err, hint: "are tenant, client id and secret those of a client of this service?"}
	case errors.As(err, &refused):
		return explainRefusal(refused)
	case errors.As(err, &untrusted):
		return &failure{exit: exitUnreachable, err: untrusted, hint: "name the CA that signs the service's certificate: ca_pem in the connection file, --ca-file, or CLOUDPKI_CA_FILE"}
	case errors.As(err, &call):
		return &failure{
			exit: exitUnreachable, msg: originOf(call.URL) + " is not reached", err: call.Err,
			hint: "is the service running, and is its address right? cloudpki dev starts one here",
		}
	}
	return &failure{exit: exitFailed, err: err}
}

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the service"
	}
	return u.Scheme + "://" + u.Host
}

// withConflictHint says how to go on where the state of things forbids a command.
func withConflictHint(err error, hint string) error {
	var refused *graph.ResponseError
	if errors.As(err, &refused) && refused.Status == http.StatusConflict {
		return &failure{exit: exitConflict, err: err, hint: hint}
	}
	return err
}

// explainRefusal is about an error envelope.
func explainRefusal(e *graph.ResponseError) *failure {
	f := &failure{exit: exitFailed, err: e}
	switch e.Status {
	case http.StatusUnauthorized:
		f.exit, f.hint = exitDenied, "the service does not accept the token: does it trust the authority, and is the token of today?"
	case http.StatusForbidden:
		f.exit, f.hint = exitDenied, "give the client the role that the message names"
	case http.StatusNotFound:
		f.exit, f.hint = exitNotFound, "cloudpki subscription list shows the ids"
	case http.StatusConflict, http.StatusPreconditionFailed:
		f.exit, f.hint = exitConflict, "cloudpki subscription get shows what is there"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		f.exit, f.hint = exitUnreachable, "try again later"
	case http.StatusInternalServerError:
		f.hint = "the service's log tells more under this request-id"
	}
	return f
}
