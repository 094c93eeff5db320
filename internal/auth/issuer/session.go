package issuer

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"cloudpki/internal/secret"
)

const (
	sessionCookie = "__Host-cloudpki-session"
	browserCookie = "__Host-cloudpki-browser"
	knownCookie   = "__Host-cloudpki-known"

	sessionLifetime = 8 * time.Hour
	flowLifetime    = 30 * time.Minute // from a page to its answer
	knownLifetime   = 90 * 24 * time.Hour
)

// What is sealed.
const (
	sealedCode    secret.Purpose = "authorization code"
	sealedRefresh secret.Purpose = "refresh token"
	sealedSession secret.Purpose = "session"
	sealedFlow    secret.Purpose = "sign-in page"
	sealedKnown   secret.Purpose = "known browser"
)

// newSealer returns a sealer; without a key one that nobody else can open.
func newSealer(key []byte) (secret.Sealer, error) {
	if key == nil {
		key = make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return secret.Sealer{}, fmt.Errorf("make a key: %w", err)
		}
	}
	return secret.NewSealer(key)
}

// A session says that a browser's user has signed in. The browser carries it,
// sealed; the issuer remembers only those that have been ended.
type session struct {
	ID     string `json:"id"`
	Tenant string `json:"tid"`
	User   string `json:"usr"`
	Stamp  string `json:"stp"`
	Since  int64  `json:"iat"` // when the user showed who they are, Unix time
}

func (s session) until() time.Time { return time.Unix(s.Since, 0).Add(sessionLifetime) }

// startSession signs the browser's user in. Whatever has found out who the
// user is ends here.
func (i *Issuer) startSession(w http.ResponseWriter, u User) (session, error) {
	s := session{ID: rand.Text(), Tenant: u.Tenant, User: u.Name, Stamp: u.stamp(), Since: i.now().Unix()}
	text, err := i.sealer.Seal(sealedSession, s)
	if err != nil {
		return session{}, err
	}
	setCookie(w, sessionCookie, text, int(sessionLifetime.Seconds()))
	// The same once more, for longer and good for less: see knownBrowser.
	if text, err = i.sealer.Seal(sealedKnown, s); err != nil {
		return session{}, err
	}
	setCookie(w, knownCookie, text, int(knownLifetime.Seconds()))
	return s, nil
}

// knownBrowser returns an id of the browser if the user has signed in with it
// before, with the password of today, else "". It proves nothing but that wrong
// passwords there are to be counted apart from those of strangers, who could
// keep the user out.
func (i *Issuer) knownBrowser(r *http.Request, tenant, name string) string {
	var s session
	c, err := r.Cookie(knownCookie)
	if err != nil || i.sealer.Open(sealedKnown, c.Value, &s) != nil || userKey(s.Tenant, s.User) != userKey(tenant, name) {
		return ""
	}
	if _, ok := i.people.find(tenant, name, s.Stamp); !ok || !i.now().Before(time.Unix(s.Since, 0).Add(knownLifetime)) {
		return ""
	}
	return s.ID
}

// session returns the session of the browser in the tenant and its user.
func (i *Issuer) session(r *http.Request, tenant string) (s session, u User, ok bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil || i.sealer.Open(sealedSession, c.Value, &s) != nil {
		return session{}, User{}, false
	}
	now := i.now()
	if s.Tenant != tenant || !now.Before(s.until()) || i.seen.known(now, sessionCookie, s.ID) {
		return session{}, User{}, false
	}
	u, ok = i.people.find(tenant, s.User, s.Stamp)
	return s, u, ok
}

// endSession signs the browser's user out, whatever the tenant.
func (i *Issuer) endSession(w http.ResponseWriter, r *http.Request) {
	var s session
	if c, err := r.Cookie(sessionCookie); err == nil && i.sealer.Open(sealedSession, c.Value, &s) == nil {
		i.seen.add(i.now(), sessionCookie, s.ID, s.until())
	}
	setCookie(w, sessionCookie, "", -1)
}

// A flow is what a page leads on to, sealed into the page's form. It is bound
// to the browser that was shown the page, which keeps other sites from having
// the form sent.
type flow struct {
	Tenant  string `json:"tid"`
	Query   string `json:"qry,omitzero"` // the authorize request, or
	Device  string `json:"dev,omitzero"` // the user code
	Browser string `json:"bro"`          // SHA-256 of the browser's cookie, base64url
	Until   int64  `json:"exp"`          // Unix time
}

// sealFlow returns the flow for a form, and makes sure that the browser has a
// cookie to be known by.
func (i *Issuer) sealFlow(w http.ResponseWriter, r *http.Request, f flow) (string, error) {
	browser := rand.Text()
	if c, err := r.Cookie(browserCookie); err == nil && len(c.Value) == len(browser) {
		browser = c.Value
	} else {
		setCookie(w, browserCookie, browser, 0)
	}
	f.Browser, f.Until = digestOf(browser), i.now().Add(flowLifetime).Unix()
	return i.sealer.Seal(sealedFlow, f)
}

// openFlow returns the flow of a form that this browser was shown in time.
func (i *Issuer) openFlow(r *http.Request, text string) (flow, error) {
	var f flow
	c, err := r.Cookie(browserCookie)
	if err != nil {
		return flow{}, errCookies()
	}
	if i.sealer.Open(sealedFlow, text, &f) != nil || !i.now().Before(time.Unix(f.Until, 0)) {
		return flow{}, errStalePage()
	}
	if subtle.ConstantTimeCompare([]byte(f.Browser), []byte(digestOf(c.Value))) != 1 {
		return flow{}, errStalePage()
	}
	if err := i.forms.Check(r); err != nil {
		return flow{}, errStalePage()
	}
	return f, nil
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// setCookie sets a cookie for this origin alone (the prefix __Host- of RFC
// 6265bis). Lax, because a client's site sends the browser here.
func setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
