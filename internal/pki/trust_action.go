package pki

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"cloudpki/internal/odata"
)

// maxComment bounds the comment of a decision, in Unicode code points.
const maxComment = 512

// ApproveTrustChange is the action that puts a quarantined root in force.
func ApproveTrustChange() odata.Action {
	return odata.Action{
		Name: "approveTrustChange", Parameters: trustParameters(), ResultEntity: &odata.EntityType{Name: "cloudPkiSubscription"},
		Doc: "Puts a quarantined root in force; the one that was in force retires, distributed beside it for a while.",
	}
}

// RejectTrustChange is the action that removes a root that is not in force.
func RejectTrustChange() odata.Action {
	return odata.Action{
		Name: "rejectTrustChange", Parameters: trustParameters(), ResultEntity: &odata.EntityType{Name: "cloudPkiSubscription"},
		Doc: "Rejects a quarantined root, or removes a retiring one; the root in force stays.",
	}
}

func trustParameters() []odata.Property {
	return []odata.Property{
		{Name: "thumbprint", Kind: odata.KindString, Nullable: true, MaxLength: 128, Doc: "SHA-256 of the root's DER in hex; may be left out where a single root is quarantined."},
		{Name: "comment", Kind: odata.KindString, Nullable: true, MaxLength: maxComment, Doc: "Why; kept in the audit trail and as the root's stateReason."},
	}
}

// A TrustDecision is what an admin says of a root.
type TrustDecision struct {
	Thumbprint string // SHA-256 in hex, colons and spaces allowed; "" where a single root is quarantined
	Comment    string
}

// ApproveTrustChange puts a root that the CA has offered in force, in one
// transaction with all that follows from it: the old root retires, the version
// rises, a sync is asked for. CodeNotFound, CodeInvalid where the root is not
// named well enough, CodeConflict where it cannot be trusted or already is, or
// what c returns.
func (s *Service) ApproveTrustChange(ctx context.Context, t TenantID, a Actor, id ID, d TrustDecision, c Condition) (Subscription, error) {
	return s.decideTrust(ctx, t, a, id, d, c, func(sub *Subscription, l *rootLedger, root *Authority) error {
		if root.State == TrustTrusted {
			return trustConflict("The root with the SHA-256 %s is the trusted one already.", root.ID)
		}
		certificate, err := x509.ParseCertificate(root.DER)
		if err != nil {
			return fmt.Errorf("parse stored root: %w", err)
		}
		if fault := rootFault(certificate, l.now.Time()); fault != "" {
			return trustConflict("The root with the SHA-256 %s cannot be trusted: %s.", root.ID, fault)
		}
		l.trust(certificate, sub.TrustedRoot, decided("approved", d.Comment))
		sub.TrustedRoot = certificate.Raw
		sub.touch(l.now)
		sub.Edits++
		return nil
	})
}

// RejectTrustChange removes a root that is not in force. It is not quarantined
// again while the CA goes on offering it, and the syncs fail for as long as the
// CA offers nothing else, because what it issues is not trusted. A rejected
// root can be approved later. Errors are as of ApproveTrustChange.
func (s *Service) RejectTrustChange(ctx context.Context, t TenantID, a Actor, id ID, d TrustDecision, c Condition) (Subscription, error) {
	return s.decideTrust(ctx, t, a, id, d, c, func(_ *Subscription, l *rootLedger, root *Authority) error {
		switch root.State {
		case TrustTrusted:
			return trustConflict("The root with the SHA-256 %s is the trusted one. Approve another before, or set trustedRootCertificate.", root.ID)
		case TrustRemoved:
			return trustConflict("The root with the SHA-256 %s is removed already: %s.", root.ID, root.StateReason)
		case TrustDiscovered, TrustQuarantined, TrustRetiring:
		}
		l.remove(root, ActivityRootRejected, decided("rejected", d.Comment))
		return nil
	})
}

// decideTrust has decide move the root that d names, inside one transaction.
func (s *Service) decideTrust(ctx context.Context, t TenantID, a Actor, id ID, d TrustDecision, c Condition, decide func(*Subscription, *rootLedger, *Authority) error) (Subscription, error) {
	now := s.stamp()
	run, err := newRun(TriggerChanged, now)
	if err != nil {
		return Subscription{}, err
	}
	return s.store.ChangeTrust(ctx, t, id, func(sub *Subscription, roots []Authority) (Effects, error) {
		if err := c.check(sub.ETag()); err != nil {
			return Effects{}, err
		}
		l, before := s.ledger(sub, roots, a, now), *sub
		root, err := l.named(d.Thumbprint)
		if err != nil {
			return Effects{}, err
		}
		if err := decide(sub, l, root); err != nil {
			return Effects{}, err
		}
		var e Effects
		if s.reschedule(&before, sub, []string{"trustedRootCertificate"}) {
			e.Run = &run // what the CA says is held against the decision now, not hours later
		}
		err = l.addTo(&e)
		return e, err
	})
}

func decided(verb, comment string) string {
	return cmp.Or(strings.TrimSuffix(verb+": "+printable(strings.TrimSpace(comment)), ": "), verb)
}

func trustConflict(format string, args ...any) error {
	return &Error{Code: CodeConflict, Target: "thumbprint", Msg: fmt.Sprintf(format, args...)}
}

// named returns the root with a thumbprint, or the only quarantined one.
func (l *rootLedger) named(thumbprint string) (*Authority, error) {
	if thumbprint == "" {
		return l.waiting()
	}
	id := ID(strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(thumbprint)))
	if b, err := hex.DecodeString(string(id)); err != nil || len(b) != 32 {
		return nil, &Error{Code: CodeInvalid, Target: "thumbprint", Msg: "A thumbprint is the SHA-256 of the root's DER: 64 hexadecimal digits, as the id in certificateAuthorities."}
	}
	root := l.roots[id]
	if root == nil {
		return nil, NotFound("cloudPkiCertificateAuthority", id)
	}
	return root, nil
}

func (l *rootLedger) waiting() (*Authority, error) {
	var list []*Authority
	for _, a := range l.roots {
		if a.State == TrustQuarantined {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *Authority) int { return cmp.Compare(a.ID, b.ID) })
	switch len(list) {
	case 0:
		return nil, trustConflict("No root is quarantined. Name the root to be decided on by its thumbprint, or sync first.")
	case 1:
		return list[0], nil
	}
	const most = 8
	names := make([]string, 0, most)
	for _, a := range list[:min(len(list), most)] {
		names = append(names, fmt.Sprintf("'%s' (%s)", clip(a.SubjectDN, 80), a.ID))
	}
	return nil, &Error{
		Code: CodeInvalid, Target: "thumbprint",
		Msg: fmt.Sprintf("%d roots are quarantined. Name one by its thumbprint: %s.", len(list), strings.Join(names, ", ")),
	}
}
