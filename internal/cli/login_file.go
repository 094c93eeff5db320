package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	maxLoginBytes = 256 << 10

	// renewBefore is how long before its end an access token is replaced.
	renewBefore = time.Minute
)

// A login is what `cloudpki login` keeps in a file that its owner alone may
// read: who has signed in where, and the tokens.
type login struct {
	Origin       string    `json:"origin"` // of the service
	Issuer       string    `json:"issuer"`
	Tenant       string    `json:"tenant"`
	ClientID     string    `json:"client_id"`
	CAFile       string    `json:"ca_file,omitempty"`
	Scope        string    `json:"scope"`
	TokenURL     string    `json:"token_url"`
	RevokeURL    string    `json:"revoke_url,omitempty"`
	AccessToken  string    `json:"access_token"`
	Expires      time.Time `json:"expires"`
	RefreshToken string    `json:"refresh_token,omitempty"`
}

// tokens are the answer of a token endpoint (RFC 6749 section 5.1).
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Expires int64  `json:"expires_in"` // seconds
}

// take puts new tokens in place. An issuer that sends no new refresh token
// leaves the old one good.
func (l *login) take(t tokens, now time.Time) {
	l.AccessToken, l.Expires = t.Access, now.Add(time.Duration(t.Expires)*time.Second)
	if t.Refresh != "" {
		l.RefreshToken = t.Refresh
	}
}

// client returns an HTTP client that trusts the CAs of the login.
func (l *login) client() (*http.Client, error) {
	transport, err := (&connection{caFile: l.CAFile}).transport()
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: transport, Timeout: requestTime}, nil
}

// loginFile returns where the login is kept: cloudpki/login.json in the
// person's configuration folder (XDG Base Directory Specification).
func (p *program) loginFile() (string, error) {
	folder := p.env("XDG_CONFIG_HOME")
	if folder == "" && p.env("HOME") != "" {
		folder = filepath.Join(p.env("HOME"), ".config")
	}
	if folder == "" {
		folder = p.env("AppData")
	}
	if folder == "" {
		return "", misuse("set HOME or XDG_CONFIG_HOME", "there is no folder to keep a sign-in in")
	}
	return filepath.Join(folder, "cloudpki", "login.json"), nil
}

// saveLogin writes the file, whole or not at all.
func (p *program) saveLogin(l login) error {
	path, err := p.loginFile()
	if err != nil {
		return err
	}
	if l.CAFile != "" {
		if l.CAFile, err = filepath.Abs(l.CAFile); err != nil {
			return fmt.Errorf("keep the sign-in: %w", err)
		}
	}
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("keep the sign-in: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep the sign-in: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".login-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keep the sign-in: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keep the sign-in: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}

// readLogin returns the login that is kept, if there is one.
func (p *program) readLogin() (l login, found bool, err error) {
	path, err := p.loginFile()
	if err != nil {
		return login{}, false, nil //nolint:nilerr // no folder, no login
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return login{}, false, nil
	}
	text, err := readFile(path, maxLoginBytes)
	if err != nil {
		return login{}, false, err
	}
	if json.Unmarshal(text, &l) != nil || l.Origin == "" {
		// The cause could show a piece of a token.
		return login{}, false, misuse("cloudpki logout removes it", "%s is damaged", path)
	}
	return l, true, nil
}

// token returns an access token that is good for a minute at least.
func (p *program) token(ctx context.Context, client *http.Client, l *login) (string, error) {
	if p.now().Before(l.Expires.Add(-renewBefore)) {
		return l.AccessToken, nil
	}
	expired := &failure{exit: exitDenied, msg: "the sign-in has expired", hint: "cloudpki login signs in again"}
	if l.RefreshToken == "" {
		return "", expired
	}
	var got tokens
	err := postForm(ctx, client, l.TokenURL, url.Values{
		"grant_type": {grantRefresh}, "client_id": {l.ClientID}, "refresh_token": {l.RefreshToken}, "scope": {l.Scope},
	}, &got)
	var refused *oauthError
	if errors.As(err, &refused) {
		expired.err = refused
		return "", expired
	}
	if err != nil {
		return "", fmt.Errorf("%w at %s: %w", errLogin, l.Issuer, err)
	}
	l.take(got, p.now())
	return l.AccessToken, p.saveLogin(*l)
}
