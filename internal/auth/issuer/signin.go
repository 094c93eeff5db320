package issuer

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"cloudpki/internal/secret"
)

// The answers of the page that asks for confirmation.
const (
	answerAccept = "accept"
	answerDeny   = "deny"
	answerSwitch = "switch"
)

// showSignIn asks who the user is. cause, if not nil, is why the last attempt
// has failed.
func (i *Issuer) showSignIn(w http.ResponseWriter, r *http.Request, f flow, name string, cause error) error {
	client, target, err := i.clientOf(f)
	if err != nil {
		return err
	}
	sealed, err := i.sealFlow(w, r, f)
	if err != nil {
		return err
	}
	v := page{
		Kind: pageSignIn, Title: "Sign in", Client: client.displayName(), User: name, Flow: sealed,
		Action: "/" + f.Tenant + "/oauth2/v2.0/signin", target: target,
	}
	var refused *refusal
	if errors.As(cause, &refused) {
		v.Error, v.status = refused.text, refused.status
	}
	return i.pages.show(w, v)
}

// showConfirm asks a user who is signed in whether the client may go on.
func (i *Issuer) showConfirm(w http.ResponseWriter, r *http.Request, f flow, client Client, u User) error {
	_, target, err := i.clientOf(f)
	if err != nil {
		return err
	}
	sealed, err := i.sealFlow(w, r, f)
	if err != nil {
		return err
	}
	return i.pages.show(w, page{
		Kind: pageConfirm, Title: "Continue to " + client.displayName() + "?", Client: client.displayName(), User: u.displayName(),
		Code: showUserCode(f.Device), Flow: sealed, Action: "/" + f.Tenant + "/oauth2/v2.0/confirm", target: target,
	})
}

// clientOf returns the client that a flow leads to, and the CSP source of its
// address if it has one.
func (i *Issuer) clientOf(f flow) (client Client, target string, err error) {
	if f.Device != "" {
		d, err := i.devices.find(i.now(), f.Device)
		if err != nil {
			return Client{}, "", err
		}
		client, err = i.client(d.client, f.Tenant)
		return client, "", err
	}
	a, _, err := i.readAuthorization(f.Tenant, f.Query)
	return a.Client, sourceOf(a.RedirectURI), err
}

// serveSignIn takes the form of the sign-in page.
func (i *Issuer) serveSignIn(w http.ResponseWriter, r *http.Request) error {
	f, form, err := i.readPage(w, r)
	if err != nil {
		return err
	}
	name := form.Get("username")
	from := i.clientIP(r)
	u, err := i.people.byPassword(r.Context(), i.now(), attempt{
		tenant: f.Tenant, name: name, password: secret.NewString(form.Get("password")), address: from, browser: i.knownBrowser(r, f.Tenant, name),
	})
	var refused *refusal
	if errors.As(err, &refused) {
		i.log.LogAttrs(r.Context(), slog.LevelWarn, "a person fails to sign in",
			slog.String("tenant", f.Tenant), slog.Int("aadsts", refused.number), slog.String("from", from))
		return i.showSignIn(w, r, f, echo(name), refused)
	}
	if err != nil {
		return err
	}
	s, err := i.startSession(w, u)
	if err != nil {
		return err
	}
	i.log.LogAttrs(r.Context(), slog.LevelInfo, "a person has signed in",
		slog.String("tenant", f.Tenant), slog.String("user", u.Name), slog.String("from", from))
	return i.proceed(w, r, f, s, u)
}

// proceed goes on where the sign-in was asked for.
func (i *Issuer) proceed(w http.ResponseWriter, r *http.Request, f flow, s session, u User) error {
	client, _, err := i.clientOf(f)
	if err != nil {
		return err
	}
	if f.Device != "" {
		return i.showConfirm(w, r, f, client, u)
	}
	a, err := i.reread(f)
	if err != nil {
		return err
	}
	return i.authorize(w, r, a, s, u)
}

// reread returns the authorize request of a flow, which was complete when it
// was sealed.
func (i *Issuer) reread(f flow) (authorization, error) {
	a, q, err := i.readAuthorization(f.Tenant, f.Query)
	if err != nil {
		return authorization{}, err
	}
	return a, a.complete(q)
}

// serveConfirm takes the form of the page that asks for confirmation.
func (i *Issuer) serveConfirm(w http.ResponseWriter, r *http.Request) error {
	f, form, err := i.readPage(w, r)
	if err != nil {
		return err
	}
	s, u, signedIn := i.session(r, f.Tenant)
	answer := form.Get("answer")
	if !signedIn || answer == answerSwitch {
		return i.showSignIn(w, r, f, "", nil)
	}
	if f.Device != "" {
		return i.settleDevice(w, r, f, u, s, answer == answerAccept)
	}
	a, err := i.reread(f)
	switch {
	case err != nil:
		return err
	case answer != answerAccept:
		return i.refuseAuthorization(w, r, a, errDeclined())
	case !a.suits(s, u, i.now()):
		return i.showSignIn(w, r, f, a.LoginHint, nil)
	}
	return i.authorize(w, r, a, s, u)
}

// readPage returns the flow of a form and the form.
func (i *Issuer) readPage(w http.ResponseWriter, r *http.Request) (flow, url.Values, error) {
	form, err := readForm(w, r)
	if err != nil {
		return flow{}, nil, err
	}
	f, err := i.openFlow(r, form.Get("flow"))
	if err != nil {
		return flow{}, nil, err
	}
	if t, err := i.tenant(r); err != nil || r.PathValue("tenant") != "" && t != f.Tenant {
		return flow{}, nil, errStalePage()
	}
	return f, form, nil
}

// displayName is what to call the client.
func (c Client) displayName() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}
