package web

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"cloudpki/internal/auth"
	"cloudpki/internal/limit"
	"cloudpki/internal/secret"
)

const (
	sessionCookie = "__Host-cloudpki-console"
	attemptCookie = "__Host-cloudpki-console-signin"

	// maxSession is how long a sign-in lasts at most. It ends with the access
	// token that it was made from, where that is sooner; then the issuer is
	// asked again, without a word to a person who is still signed in there.
	maxSession = time.Hour

	maxForm = 64 << 10 // bytes of a form

	formToken = "form_token" // the field of each form that shows who was shown it
)

// What is sealed.
const (
	sealedSession secret.Purpose = "console session"
	sealedAttempt secret.Purpose = "console sign-in"
)

// A session says who has signed in with a browser, and until when. The browser
// carries it, sealed. It cannot be taken back before its end, which is why the
// end is near.
type session struct {
	Principal auth.Principal
	Form      string // stands in each form of this session: other sites do not know it
	Issuer    string // that has vouched for the person, "" for a one-time link
	Until     int64  // Unix time
}

// start signs the browser's user in.
func (s *Server) start(w http.ResponseWriter, p auth.Principal, issuer string, lifetime time.Duration) error {
	lifetime = min(lifetime, maxSession)
	text, err := s.sealer.Seal(sealedSession, session{
		Principal: p, Form: rand.Text(), Issuer: issuer, Until: s.now().Add(lifetime).Unix(),
	})
	if err != nil {
		return err
	}
	setCookie(w, sessionCookie, text, lifetime)
	return nil
}

// session returns the session of a request, if there is one.
func (s *Server) session(r *http.Request) (session, bool) {
	var found session
	c, err := r.Cookie(sessionCookie)
	if err != nil || s.sealer.Open(sealedSession, c.Value, &found) != nil {
		return session{}, false
	}
	return found, s.now().Before(time.Unix(found.Until, 0))
}

// open lets everybody in.
func (s *Server) open(serve func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{w: w, r: r, id: uuid.NewString()}
		s.answer(v, serve)
		if a, ok := w.(*answer); ok {
			a.visit = v
		}
	}
}

// signedIn lets in who has signed in and may do what the page is for. Others
// who ask for a page are sent to sign in; of a form nothing is done.
func (s *Server) signedIn(need auth.Permission, serve func(*visit) error) http.HandlerFunc {
	return s.admitted(need, s.bounds.pages, s.withForm(serve))
}

// admitted is signedIn that takes one of the given places, and reads no form.
func (s *Server) admitted(need auth.Permission, places *limit.Slots, serve func(*visit) error) http.HandlerFunc {
	return s.open(func(v *visit) error {
		found, ok := s.session(v.r)
		if !ok && v.r.Method != http.MethodPost {
			redirect(v.w, Base+"signin?return="+url.QueryEscape(v.r.URL.RequestURI()))
			return nil
		}
		if !ok {
			return errSignedOut()
		}
		v.session = found
		return s.bounded(v, places, func() error {
			if err := found.Principal.Allows(need); err != nil {
				return errForbidden(err)
			}
			return serve(v)
		})
	})
}

// withForm has serve take forms of the session alone.
func (s *Server) withForm(serve func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		if v.r.Method == http.MethodPost {
			if err := s.checkForm(v); err != nil {
				return err
			}
		}
		return serve(v)
	}
}

// checkForm refuses forms that this session was not shown: by what the browser
// says of where the form came from, and by the token that stood in it.
func (s *Server) checkForm(v *visit) error {
	if err := s.readForm(v); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(v.r.PostForm.Get(formToken)), []byte(v.session.Form)) != 1 {
		return errForeignForm()
	}
	return nil
}

// readForm reads the form of a request from a page of this origin.
func (s *Server) readForm(v *visit) error {
	if err := s.forms.Check(v.r); err != nil {
		return errForeignForm()
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		return errBadForm()
	}
	return nil
}

// signOut ends the session here and at the issuer.
func (s *Server) signOut(v *visit) error {
	setCookie(v.w, sessionCookie, "", -1)
	target := SignedOutPath
	if p := s.provider(v.session.Issuer); p != nil {
		target = cmp.Or(p.Client.SignOut(v.r.Context()), target)
	}
	return s.leave(v, target, "Signing out")
}

// setCookie sets a cookie for this origin alone (the prefix __Host- of RFC
// 6265bis); a negative age removes it. Lax, because issuers send browsers here.
func setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	seconds := int(age.Seconds())
	if age < 0 {
		seconds = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: seconds, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// redirect sends the browser on, by GET whatever it came by.
func redirect(w http.ResponseWriter, target string) {
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}
