package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
)

const (
	grantDevice  = "urn:ietf:params:oauth:grant-type:device_code"
	grantRefresh = "refresh_token"

	// slower is by how much a poll waits longer once it is told to slow down
	// (RFC 8628 section 3.5), and how long where no interval is named.
	slower = 5 * time.Second
)

func (p *program) loginCommand() *cobra.Command {
	var issuer, scope string
	var byDevice bool
	cmd := &cobra.Command{
		Use: "login", Short: "Sign in as a person, with a browser", Args: cobra.NoArgs,
		Long: "Shows the address to open in a browser on this machine; with --device, a code and the page to enter it on, in a\n" +
			"browser on any machine. Once you have signed in there, the other commands act in your name until cloudpki logout,\n" +
			"unless flags or variables name another client. The client must be a public one: public_client_id of the\n" +
			"connection file, or --client-id.",
		Example: "  cloudpki login --url https://pki.example.com --tenant TENANT --client-id CLIENT\n" +
			"  cloudpki login --device --connection data/dev.json",
	}
	cmd.Flags().StringVar(&issuer, "issuer", "", "issuer of tokens with a discovery document (default: AUTHORITY/TENANT/v2.0)")
	cmd.Flags().StringVar(&scope, "scope", "", "scopes to ask for (default: all of the service, with a refresh token)")
	cmd.Flags().BoolVar(&byDevice, "device", false, "sign in with a code, in a browser on any machine (RFC 8628)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := p.loadConnection(asPerson)
		if err != nil {
			return err
		}
		l := newLogin(c, issuer, scope)
		if err := p.logIn(cmd.Context(), &l, byDevice); err != nil {
			return err
		}
		if err := p.saveLogin(l); err != nil {
			return err
		}
		p.note("signed in to %s; cloudpki logout signs out", l.Origin)
		return nil
	}
	return cmd
}

func (p *program) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Forget the sign-in of cloudpki login", Args: cobra.NoArgs,
		Long: "Ends the sign-in at the issuer, where that can be done, and removes the tokens that cloudpki login has stored.\n" +
			"An access token that was copied elsewhere stays valid until it expires.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := p.loginFile()
			if err != nil {
				return err
			}
			if err := p.endLogin(cmd.Context()); err != nil {
				p.note("the issuer was not told: %v", err)
			}
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("forget the sign-in: %w", err)
			}
			return nil
		},
	}
}

// endLogin tells the issuer to take back the refresh token (RFC 7009).
func (p *program) endLogin(ctx context.Context) error {
	l, found, err := p.readLogin()
	if err != nil || !found || l.RevokeURL == "" || l.RefreshToken == "" {
		return err
	}
	client, err := l.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	return postForm(ctx, client, l.RevokeURL, url.Values{"client_id": {l.ClientID}, "token": {l.RefreshToken}}, nil)
}

// newLogin returns a login to come, at the service of the connection.
func newLogin(c connection, issuer, scope string) login {
	if issuer == "" {
		issuer = c.authority + "/" + url.PathEscape(c.tenant) + "/v2.0"
	}
	if scope == "" {
		scope = c.origin + "/.default openid profile offline_access"
	}
	return login{Origin: c.origin, Issuer: issuer, Tenant: c.tenant, ClientID: c.clientID, CAFile: c.caFile, Scope: scope}
}

// A codeAnswer is the answer of a device authorization endpoint (RFC 8628
// section 3.2).
type codeAnswer struct {
	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`
	Page       string `json:"verification_uri"`
	Expires    int64  `json:"expires_in"` // seconds
	Interval   int64  `json:"interval"`   // seconds
}

// logIn completes l.
func (p *program) logIn(ctx context.Context, l *login, byDevice bool) error {
	client, err := l.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	doc, err := discover(ctx, client, l.Issuer)
	if err != nil {
		return err
	}
	l.TokenURL, l.RevokeURL = doc.Token, doc.Revoke
	way := p.signInHere
	if byDevice {
		way = p.signInElsewhere
	}
	got, err := way(ctx, client, *l, doc)
	if err != nil {
		return explainLogin(err)
	}
	l.take(got, p.now())
	return nil
}

// signInElsewhere gets tokens by device code: a browser on any machine.
func (p *program) signInElsewhere(ctx context.Context, client *http.Client, l login, doc issuerDocument) (tokens, error) {
	if doc.Device == "" {
		return tokens{}, &failure{exit: exitFailed, msg: "the issuer " + l.Issuer + " offers no sign-in by device code"}
	}
	var code codeAnswer
	if err := postForm(ctx, client, doc.Device, url.Values{"client_id": {l.ClientID}, "scope": {l.Scope}}, &code); err != nil {
		return tokens{}, err
	}
	fmt.Fprintf(p.err, "To sign in, open %s in a browser and enter the code %s\n",
		p.paint(bold, printable(code.Page), p.terminal.err), p.paint(bold, printable(code.UserCode), p.terminal.err))
	return p.awaitPerson(ctx, client, l, code)
}

// awaitPerson polls until the person has answered (RFC 8628 section 3.4).
func (p *program) awaitPerson(ctx context.Context, client *http.Client, l login, code codeAnswer) (tokens, error) {
	wait := time.Duration(code.Interval) * time.Second
	if wait <= 0 {
		wait = slower
	}
	form := url.Values{"grant_type": {grantDevice}, "client_id": {l.ClientID}, "device_code": {code.DeviceCode}}
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return tokens{}, ctx.Err()
		}
		var got tokens
		err := postForm(ctx, client, l.TokenURL, form, &got)
		var refused *oauthError
		switch {
		case err == nil:
			return got, nil
		case !errors.As(err, &refused):
			return tokens{}, err
		case refused.Code == "slow_down":
			wait += slower
		case refused.Code != "authorization_pending":
			return tokens{}, err
		}
	}
}

// explainLogin is about what an issuer said to a person's request.
func explainLogin(err error) error {
	var refused *oauthError
	if !errors.As(err, &refused) {
		return err
	}
	f := &failure{exit: exitDenied, err: refused, hint: "is the client a public one of this issuer, and may you sign in to it?"}
	switch refused.Code {
	case "expired_token":
		f.msg, f.err, f.hint = "nobody has entered the code in time", nil, "cloudpki login shows a new one"
	case "authorization_declined", "access_denied":
		f.msg, f.hint = "the sign-in was refused", ""
	}
	return f
}
