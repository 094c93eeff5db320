package web

import (
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"sync"
	"time"

	"cloudpki/internal/auth"
)

const (
	linkPath     = Base + "signin/link/"
	linkLifetime = 10 * time.Minute
)

// A link signs one person in, once.
type link struct {
	principal auth.Principal
	until     time.Time
}

type digest [sha256.Size]byte

// links are those that nobody has used yet. They end with the process.
type links struct {
	mu   sync.Mutex
	open map[digest]link
}

// NewLink returns an address that signs p in to the console: once, within ten
// minutes, at this process alone. Whoever has it is p.
func (s *Server) NewLink(p auth.Principal) string {
	token := rand.Text()
	s.links.mu.Lock()
	defer s.links.mu.Unlock()
	s.links.open[sha256.Sum256([]byte(token))] = link{p, s.now().Add(linkLifetime)}
	return s.origin + linkPath + token
}

// find returns the link of a token, and takes it away where it is used.
func (l *links) find(token string, now time.Time, use bool) (auth.Principal, error) {
	key := digest(sha256.Sum256([]byte(token)))
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.open[key]
	if use || ok && !now.Before(found.until) {
		delete(l.open, key)
	}
	if !ok || !now.Before(found.until) {
		return auth.Principal{}, errUsedLink()
	}
	return found.principal, nil
}

// showLink asks whether to sign in. The link is used by the form alone, so that
// nothing that looks ahead along links uses it up.
func (s *Server) showLink(v *visit) error {
	p, err := s.links.find(v.r.PathValue("token"), s.now(), false)
	if err != nil {
		return err
	}
	return s.show(v, "link", "Sign in", struct{ Name, Action string }{p.Name, v.r.URL.Path})
}

// useLink signs the person of a link in.
func (s *Server) useLink(v *visit) error {
	if err := s.readForm(v); err != nil {
		return err
	}
	p, err := s.links.find(v.r.PathValue("token"), s.now(), true)
	if err != nil {
		return err
	}
	s.log.LogAttrs(v.r.Context(), slog.LevelInfo, "a person has signed in to the console by a one-time link",
		slog.String("tenant", string(p.Tenant)), slog.String("subject", p.Subject))
	if err := s.start(v.w, p, "", maxSession); err != nil {
		return err
	}
	redirect(v.w, "/")
	return nil
}
