package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// signInTime bounds how long a person may take in the browser.
const signInTime = 10 * time.Minute

// A callback is the answer that the browser brings (RFC 6749 section 4.1.2).
type callback struct {
	code string
	err  error
}

// signInHere gets tokens by a browser on this machine: an authorization code
// with PKCE that comes back to a port of loopback (RFC 8252 section 7.3).
func (p *program) signInHere(ctx context.Context, client *http.Client, l login, doc issuerDocument) (tokens, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return tokens{}, fmt.Errorf("listen for the browser: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return tokens{}, errors.Join(err, listener.Close())
	}
	redirect, state, verifier := "http://localhost:"+port, rand.Text(), rand.Text()+rand.Text()
	address, err := authorizeAddress(doc.Authorize, l, redirect, state, verifier)
	if err != nil {
		return tokens{}, errors.Join(err, listener.Close())
	}
	fmt.Fprintf(p.err, "To sign in, open this address in a browser on this machine:\n%s\n", printable(address))
	code, err := awaitBrowser(ctx, listener, state, doc.Issuer)
	if err != nil {
		return tokens{}, err
	}
	var got tokens
	err = postForm(ctx, client, l.TokenURL, url.Values{
		"grant_type": {"authorization_code"}, "client_id": {l.ClientID}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier},
	}, &got)
	return got, err
}

// authorizeAddress is where the browser goes (RFC 7636 section 4.3).
func authorizeAddress(endpoint string, l login, redirect, state, verifier string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("read the issuer's authorization endpoint: %w", err)
	}
	sum := sha256.Sum256([]byte(verifier))
	query := u.Query()
	for name, value := range map[string]string{
		"client_id": l.ClientID, "response_type": "code", "redirect_uri": redirect, "scope": l.Scope, "state": state,
		"code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256",
	} {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// awaitBrowser serves the listener until a browser has brought the answer to
// the request with this state.
func awaitBrowser(ctx context.Context, listener net.Listener, state, issuer string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, signInTime)
	defer stop()
	answers := make(chan callback, 1)
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { takeCallback(w, r, state, issuer, answers) }),
	}
	var group errgroup.Group
	group.Go(func() error { return server.Serve(listener) })
	var got callback
	select {
	case got = <-answers:
	case <-ctx.Done():
		got.err = ctx.Err()
	}
	patience, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer done()
	if server.Shutdown(patience) != nil {
		_ = server.Close() // the page is on its way; a browser that keeps the line open is cut off
	}
	if err := group.Wait(); !errors.Is(err, http.ErrServerClosed) && got.err == nil && got.code == "" {
		return "", fmt.Errorf("listen for the browser: %w", err)
	}
	if errors.Is(got.err, context.DeadlineExceeded) {
		return "", &failure{exit: exitDenied, msg: "nobody has signed in within " + strconv.Itoa(int(signInTime.Minutes())) + " minutes"}
	}
	return got.code, got.err
}

// takeCallback takes the first answer that carries our state; what other
// programs or pages send to the port is refused.
func takeCallback(w http.ResponseWriter, r *http.Request, state, issuer string, answers chan<- callback) {
	q := r.URL.Query()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	from := q.Get("iss")
	if r.Method != http.MethodGet || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 || from != "" && from != issuer {
		http.Error(w, "This is not the answer to a sign-in that was begun here.", http.StatusBadRequest)
		return
	}
	got := callback{code: q.Get("code")}
	text := "You are signed in. You can close this page."
	if got.code == "" {
		got.err = &oauthError{Code: q.Get("error"), Description: q.Get("error_description")}
		text = "The sign-in was refused. You can close this page."
	}
	select {
	case answers <- got:
	default: // a second time
	}
	_, _ = fmt.Fprintln(w, text) // the browser has gone: nobody is left to tell
}
