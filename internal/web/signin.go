package web

import (
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/oidc"
)

const (
	attemptLifetime = 30 * time.Minute // from the console to the issuer and back
	maxReturn       = 1 << 10          // bytes of the page to come back to
)

// A Provider is where people sign in. It knows the console as a client whose
// redirect URI is CallbackPath.
type Provider struct {
	Name   string // of a choice, for people: the tenant, or what the operator calls it
	Listed bool   // shown to everybody; of others people must know the name
	Client *oidc.Client
}

// An attempt to sign in, bound to the browser by a sealed cookie.
type attempt struct {
	oidc.Attempt

	Issuer string // that was asked
	Return string // path of the page to come back to
	Until  int64  // Unix time
}

// provider returns the provider of an issuer, nil for none.
func (s *Server) provider(issuer string) *Provider {
	for i := range s.providers {
		if s.providers[i].Client.Issuer() == issuer {
			return &s.providers[i]
		}
	}
	return nil
}

// beginSignIn sends the browser to the issuer, or lets a person choose one.
func (s *Server) beginSignIn(v *visit) error {
	q := v.r.URL.Query()
	back, name := localPath(q.Get("return")), q.Get("tenant")
	n := slices.IndexFunc(s.providers, func(p Provider) bool { return strings.EqualFold(p.Name, name) })
	if len(s.providers) == 1 && name == "" {
		n = 0
	}
	if n < 0 {
		page := s.newSignInPage(back)
		page.Unknown = name
		return s.show(v, "signin", "Sign in", page)
	}
	begun, target, err := s.providers[n].Client.Begin(v.r.Context())
	if err != nil {
		return errNoIssuer(err)
	}
	a := attempt{Attempt: begun, Issuer: s.providers[n].Client.Issuer(), Return: back, Until: s.now().Add(attemptLifetime).Unix()}
	text, err := s.sealer.Seal(sealedAttempt, a)
	if err != nil {
		return err
	}
	setCookie(v.w, attemptCookie, text, attemptLifetime)
	return s.leave(v, target, "Signing in")
}

// showSignedOut is where people arrive who have signed out.
func (s *Server) showSignedOut(v *visit) error {
	page := s.newSignInPage("/")
	page.SignedOut = true
	return s.show(v, "signin", "Sign in", page)
}

// signInPage lets a person choose where to sign in.
type signInPage struct {
	Return    string
	SignedOut bool
	Listed    []string // providers by name
	Others    bool     // there are providers whose name is not told
	Named     bool     // one of them must be named
	None      bool
	Unknown   string // a name that no provider has

	// Where the page leads by itself, and where to by a link if it does not.
	Onward string
}

func (s *Server) newSignInPage(back string) signInPage {
	page := signInPage{Return: back, None: len(s.providers) == 0, Named: len(s.providers) > 1}
	for _, p := range s.providers {
		if p.Listed {
			page.Listed = append(page.Listed, p.Name)
		} else {
			page.Others = true
		}
	}
	return page
}

// leave sends the browser to an issuer. To another origin it goes by a page that
// leads on by itself: what comes after a form, over however many redirects,
// must stay within the form-action of the policy, and which addresses an issuer
// leads through nobody can list.
func (s *Server) leave(v *visit, target, title string) error {
	if strings.HasPrefix(target, "/") || strings.HasPrefix(target, s.origin+"/") {
		redirect(v.w, target)
		return nil
	}
	v.w.Header().Set("Refresh", "0; url="+target)
	return s.show(v, "signin", title, signInPage{Onward: target})
}

// endSignIn takes what the issuer has sent the browser back with.
func (s *Server) endSignIn(v *visit) error {
	var a attempt
	c, err := v.r.Cookie(attemptCookie)
	if err != nil || s.sealer.Open(sealedAttempt, c.Value, &a) != nil || !s.now().Before(time.Unix(a.Until, 0)) {
		return errStaleSignIn()
	}
	p := s.provider(a.Issuer)
	if p == nil {
		return errStaleSignIn()
	}
	principal, lifetime, err := p.Client.Finish(v.r.Context(), a.Attempt, v.r.URL.Query())
	if errors.Is(err, oidc.ErrForeign) {
		return errStaleSignIn()
	}
	setCookie(v.w, attemptCookie, "", -1) // it is good for one answer
	var refusal *oidc.Refusal
	switch {
	case errors.As(err, &refusal):
		return errRefusedSignIn(refusal.Code, refusal.Description)
	case errors.Is(err, oidc.ErrUnavailable):
		return errNoIssuer(err)
	case err != nil:
		return errFailedSignIn(err)
	}
	if err := principal.Allows(auth.Read); err != nil {
		return errForbidden(err)
	}
	s.log.LogAttrs(v.r.Context(), slog.LevelInfo, "a person has signed in to the console",
		slog.String("tenant", string(principal.Tenant)), slog.String("subject", principal.Subject))
	if err := s.start(v.w, principal, a.Issuer, lifetime); err != nil {
		return err
	}
	redirect(v.w, a.Return)
	return nil
}

// localPath returns the path and query of one of the console's own pages, "/"
// for anything else: nobody is led away by a link to the console.
func localPath(text string) string {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxReturn || u.Scheme != "" || u.Host != "" || u.Opaque != "" || u.User != nil ||
		!strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || strings.Contains(text, `\`) || strings.HasPrefix(u.Path, Base+"sign") {
		return "/"
	}
	return u.RequestURI()
}
