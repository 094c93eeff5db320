package pki

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// A judgement is the decision of a sync on the roots that a CA offers. It is
// made inside the transaction that stores what was seen, on the state as it is
// there: what an admin decides meanwhile comes before or after it, never
// between. Last good stays: nothing that a CA leaves out changes trust.
type judgement struct {
	*rootLedger

	subscription *Subscription
	list         []provider.Authority
	offered      []*x509.Certificate
	trusted      *x509.Certificate   // nil where there is none yet
	crosses      []*x509.Certificate // by which trusted vouches for others
	rejected     []*x509.Certificate // by an admin
}

// judgeRoots decides on the roots of list. pending says what an admin must hear
// of; the sync goes on.
func (s *Service) judgeRoots(sub *Subscription, roots []Authority, list []provider.Authority, now odata.DateTimeOffset) (e Effects, pending, err error) {
	e.Unchanged = true
	if fault := checkTrustedRoot(sub.TrustedRoot); fault != nil {
		return e, fault, nil
	}
	j := judgement{
		rootLedger:   s.ledger(sub, roots, Actor{Name: PolicyName}, now),
		subscription: sub, list: list, offered: distinctRoots(list),
	}
	j.rejected = j.known(func(a *Authority, _ *x509.Certificate) bool {
		return a.State == TrustRemoved && a.DecidedBy != PolicyName
	})
	var next *x509.Certificate
	var reason string
	if len(sub.TrustedRoot) == 0 {
		next, reason, pending = j.first()
	} else if j.trusted, err = parseRoot(sub.TrustedRoot); err != nil {
		return e, nil, err
	} else {
		j.crosses = crossCertificates(j.trusted, list, now.Time())
		j.confirm()
		next, reason = j.successor()
	}
	if next != nil {
		j.trust(next, sub.TrustedRoot, reason)
		j.trusted, sub.TrustedRoot, e.Unchanged = next, next.Raw, false
		sub.touch(now)
	}
	j.quarantineOthers()
	if j.trusted != nil {
		pending = j.pending()
	}
	err = j.addTo(&e)
	return e, pending, err
}

// first chooses the root of a subscription that has none: the only one that can
// be trusted.
func (j *judgement) first() (*x509.Certificate, string, error) {
	var fit []*x509.Certificate
	var faults []string
	for _, c := range j.offered {
		switch fault := rootFault(c, j.now.Time()); {
		case fault != "":
			faults = append(faults, describe(c)+": "+fault)
		case j.state(c) != TrustRemoved && !j.isRejected(c):
			fit = append(fit, c)
		}
	}
	if len(fit) > 0 {
		fit = append(fit, j.waitingBeside(j.offered)...) // a list that is shorter today settles nothing
	}
	switch {
	case len(fit) == 1:
		return fit[0], "the only root of the CA, taken over as an admin has subscribed to it", nil
	case len(fit) > 1:
		return nil, "", &provider.Error{
			Code: provider.CodeRootAmbiguous,
			Msg:  "the CA has shown several roots: " + describeAll(fit) + "; set trustedRootCertificate to one of them, or approve one (approveTrustChange)",
		}
	case len(faults) > 0:
		return nil, "", rootInvalid("what the CA offers as its root cannot be trusted: %s", strings.Join(faults[:min(len(faults), maxNamed)], "; "))
	case len(j.offered) > 0:
		return nil, "", &provider.Error{
			Code: provider.CodeTrustChangePending,
			Msg:  "the CA has only roots that were removed or rejected: " + describeAll(j.offered) + "; approve one (approveTrustChange), or set trustedRootCertificate",
		}
	}
	return nil, "", rootInvalid("the CA gave no root certificate; set trustedRootCertificate")
}

// waitingBeside returns the quarantined roots that could be trusted and are not
// in list.
func (j *judgement) waitingBeside(list []*x509.Certificate) []*x509.Certificate {
	return j.known(func(a *Authority, c *x509.Certificate) bool {
		return a.State == TrustQuarantined && !contains(list, c) && rootFault(c, j.now.Time()) == ""
	})
}

// isRejected reports whether an admin has rejected a root with the key of c.
func (j *judgement) isRejected(c *x509.Certificate) bool {
	return slices.ContainsFunc(j.rejected, func(other *x509.Certificate) bool { return sameKey(other, c) })
}

func rootInvalid(format string, args ...any) error {
	return &provider.Error{Code: provider.CodeRootInvalid, Msg: fmt.Sprintf(format, args...)}
}

// confirm notes the root that an admin has set as the trusted one, where it is
// not noted yet.
func (j *judgement) confirm() {
	if j.state(j.trusted) != TrustTrusted {
		j.trust(j.trusted, nil, "set as trustedRootCertificate")
	}
}

// successor returns the one root that the policy lets replace the trusted one,
// and why; nil where there is none, or more than one.
func (j *judgement) successor() (*x509.Certificate, string) {
	if !j.subscription.takesRenewals() || weakKey(j.trusted) != "" {
		return nil, ""
	}
	var next *x509.Certificate
	var reason string
	for _, c := range j.offered {
		if state := j.state(c); state != TrustDiscovered && state != TrustQuarantined || rootFault(c, j.now.Time()) != "" || j.isRejected(c) {
			continue
		}
		why := ""
		switch {
		case isRenewal(j.trusted, c):
			why = "a renewal of the trusted root with the same name and key"
		case isCrossSigned(j.trusted, c, j.crosses, j.list):
			why = "the trusted root has cross-signed it"
		default:
			continue
		}
		if next != nil {
			return nil, ""
		}
		next, reason = c, why
	}
	return next, reason
}

// quarantineOthers keeps what is new beside the trusted root from being
// trusted until an admin decides.
func (j *judgement) quarantineOthers() {
	var trusted ID
	if j.trusted != nil {
		trusted = ID(Thumbprint(j.trusted.Raw))
	}
	for _, c := range j.offered {
		if a := j.row(c); a.ID != trusted && a.State == TrustDiscovered {
			j.quarantine(a, trusted, j.objection(c))
		}
	}
}

// objection says why c is not simply trusted.
func (j *judgement) objection(c *x509.Certificate) string {
	reason := "one of several roots of the CA, of which none was chosen yet"
	if j.trusted != nil {
		reason = difference(j.trusted, c)
		if isCrossSigned(j.trusted, c, j.crosses, j.list) {
			reason += ", cross-signed by the trusted root"
		}
	}
	if j.isRejected(c) {
		reason += "; a root with its key was rejected before"
	}
	if fault := rootFault(c, j.now.Time()); fault != "" {
		reason += "; it cannot be trusted: " + fault
	}
	if m := j.subscription.Migration; m.IsOpen() {
		reason += fmt.Sprintf("; met at %s, to which the provider was changed from %s at %s", m.To, m.From, m.Started.Time().Format(time.RFC3339))
	}
	return reason
}

// pending says what is wrong where the CA does not offer the trusted root; nil
// where it does.
func (j *judgement) pending() error {
	if contains(j.offered, j.trusted) || len(j.offered) == 0 && linksTo(j.list, j.trusted) {
		return nil
	}
	if len(j.offered) == 0 {
		return rootInvalid("the CA gave no root certificate, and no chain to the trusted root %s, which stays as it is", describe(j.trusted))
	}
	var waiting, rejected, retiring []*x509.Certificate
	var faults []string
	for _, c := range j.offered {
		fault := rootFault(c, j.now.Time())
		switch state := j.state(c); {
		case state == TrustRemoved:
			rejected = append(rejected, c)
		case fault != "":
			faults = append(faults, describe(c)+": "+fault)
		case state == TrustRetiring:
			retiring = append(retiring, c)
		default:
			waiting = append(waiting, c)
		}
	}
	stays := "the CA no longer offers the trusted root " + describe(j.trusted) + ", which stays as it is"
	switch {
	case len(waiting) > 0:
		return trustPending("%s, but %s; compare it with the CA's publication, then approveTrustChange or rejectTrustChange", stays, describeAll(waiting))
	case len(retiring) > 0:
		return trustPending("%s, but again the retiring root %s; approveTrustChange with its thumbprint goes back to it", stays, describeAll(retiring))
	case len(rejected) > 0:
		return trustPending("%s, and issues under %s, which was rejected or removed; settle it with the CA, or approveTrustChange with its thumbprint", stays, describeAll(rejected))
	}
	return rootInvalid("%s, but what cannot be trusted: %s", stays, strings.Join(faults[:min(len(faults), maxNamed)], "; "))
}

func trustPending(format string, args ...any) error {
	return &provider.Error{Code: provider.CodeTrustChangePending, Msg: fmt.Sprintf(format, args...)}
}

// TrustedRoots returns the roots that devices are to trust: the one in force
// first, and those that retire beside it, with their DER. There is none before
// the first sync has taken one over. What an admin has set as
// trustedRootCertificate counts even where it is not seen at the CA, unless it
// is no certificate. CodeNotFound.
func (s *Service) TrustedRoots(ctx context.Context, t TenantID, id ID) ([]Authority, error) {
	sub, list, err := s.store.Trust(ctx, t, id)
	if err != nil {
		return nil, err
	}
	var roots []Authority
	var trusted ID
	if c, err := parseRoot(sub.TrustedRoot); err == nil {
		trusted = ID(Thumbprint(c.Raw))
		a := newAuthority(c, AuthorityRoot, nil, sub.LastModified)
		for _, known := range list {
			if known.ID == trusted {
				a = known
			}
		}
		a.State = TrustTrusted
		roots = append(roots, a)
	}
	for _, a := range list {
		if a.Kind == AuthorityRoot && a.ID != trusted && a.State == TrustRetiring {
			roots = append(roots, a)
		}
	}
	return roots, nil
}
