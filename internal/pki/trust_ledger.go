package pki

import (
	"cmp"
	"crypto/x509"
	"maps"
	"slices"
	"time"

	"cloudpki/internal/odata"
)

// A rootLedger holds the roots of one subscription inside a transaction, moves
// them from state to state, and notes each move for the audit trail.
type rootLedger struct {
	service *Service
	sub     ID
	actor   Actor // who decides; the zero Actor for nobody
	now     odata.DateTimeOffset
	overlap time.Duration

	roots  map[ID]*Authority
	moved  []ID
	events []AuditEvent
	err    error // the first that making an event met
}

// ledger opens the roots as they stand. What it is changed to takes effect with
// effects.
func (s *Service) ledger(sub *Subscription, roots []Authority, a Actor, now odata.DateTimeOffset) *rootLedger {
	l := &rootLedger{
		service: s, sub: sub.ID, actor: a, now: now, overlap: s.trustOverlap,
		roots: make(map[ID]*Authority, len(roots)),
	}
	for i := range roots {
		root := roots[i]
		l.roots[root.ID] = &root
	}
	return l
}

// who names the actor as DecidedBy does; "" for nobody.
func (a Actor) who() string { return cmp.Or(a.Name, a.Subject, a.Client) }

// row returns the row of c, made where it is not known yet.
func (l *rootLedger) row(c *x509.Certificate) *Authority {
	id := ID(Thumbprint(c.Raw))
	if l.roots[id] == nil {
		a := newAuthority(c, AuthorityRoot, nil, l.now)
		l.roots[id] = &a
	}
	return l.roots[id]
}

// state returns the state of c, TrustDiscovered where it is not known.
func (l *rootLedger) state(c *x509.Certificate) TrustState {
	if a := l.roots[ID(Thumbprint(c.Raw))]; a != nil {
		return a.State
	}
	return TrustDiscovered
}

// known returns the known roots that is takes, by their ids.
func (l *rootLedger) known(is func(*Authority, *x509.Certificate) bool) []*x509.Certificate {
	var list []*x509.Certificate
	for _, id := range slices.Sorted(maps.Keys(l.roots)) {
		if c, err := x509.ParseCertificate(l.roots[id].DER); err == nil && is(l.roots[id], c) {
			list = append(list, c)
		}
	}
	return list
}

// set moves a root and returns it.
func (l *rootLedger) set(a *Authority, to TrustState, reason string) *Authority {
	a.Kind, a.State, a.StateChanged, a.StateReason, a.DecidedBy = AuthorityRoot, to, l.now, reason, l.actor.who()
	a.Retire = odata.Never()
	l.moved = append(l.moved, a.ID)
	return a
}

// trust puts c in force. The roots that were so far are distributed beside it
// until the overlap is over.
func (l *rootLedger) trust(c *x509.Certificate, before []byte, reason string) {
	a := l.row(c)
	old := l.retire(before, a.ID)
	l.set(a, TrustTrusted, reason).Replaces = old
	l.note(ActivityRoot, old, a.ID, reason)
}

// replace follows an admin who has set another trustedRootCertificate: what is
// no certificate, or none, puts nothing in the place of the old root.
func (l *rootLedger) replace(before, after []byte) {
	const reason = "set as trustedRootCertificate"
	next, err := parseRoot(after)
	if err != nil {
		if old := l.retire(before, ""); old != "" {
			l.note(ActivityRootRetiring, old, "", "trustedRootCertificate was cleared, or set to what is no certificate")
		}
		return
	}
	if l.state(next) != TrustTrusted {
		l.trust(next, before, reason)
	}
}

// retire makes every root but next that was in force retire, and returns the
// id of the one in before; "" where that is none or next.
func (l *rootLedger) retire(before []byte, next ID) (old ID) {
	if root, err := parseRoot(before); err == nil && ID(Thumbprint(root.Raw)) != next {
		a := l.row(root)
		a.State, old = TrustTrusted, a.ID
	}
	for id, a := range l.roots {
		if a.State != TrustTrusted || id == next {
			continue
		}
		reason := "no longer the trusted root"
		if next != "" {
			reason = "replaced by the root with the SHA-256 " + string(next)
		}
		l.set(a, TrustRetiring, reason).Retire = odata.FromTime(l.now.Time().Add(l.overlap))
	}
	return old
}

// quarantine keeps a root from being trusted until an admin decides.
func (l *rootLedger) quarantine(a *Authority, trusted ID, reason string) {
	l.set(a, TrustQuarantined, reason)
	a.DecidedBy, a.Replaces = "", trusted
	l.note(ActivityQuarantine, trusted, a.ID, reason)
}

// remove ends a root.
func (l *rootLedger) remove(a *Authority, activity, reason string) {
	l.set(a, TrustRemoved, reason)
	l.note(activity, "", a.ID, reason)
}

// note adds an event. A quarantine is a finding that nobody has decided.
func (l *rootLedger) note(activity string, before, after ID, reason string) {
	actor := l.actor
	if activity == ActivityQuarantine {
		actor = Actor{}
	}
	e, err := l.service.event(activity, l.sub, actor, []string{"trustedRootCertificate"})
	if err != nil && l.err == nil {
		l.err = err
	}
	e.At, e.OldRoot, e.NewRoot, e.Reason = l.now, before, after, reason
	l.events = append(l.events, e)
}

// addTo puts what was moved into e.
func (l *rootLedger) addTo(e *Effects) error {
	done := make(map[ID]bool, len(l.moved))
	for _, id := range l.moved {
		if !done[id] {
			done[id] = true
			e.Roots = append(e.Roots, *l.roots[id])
		}
	}
	e.Decisions = append(e.Decisions, l.events...)
	return l.err
}
