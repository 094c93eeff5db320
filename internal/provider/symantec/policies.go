package symantec

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/provider"
)

// maxHint caps nextUpdateHours: a longer pause is not a hint but a fault.
const maxHint = 31 * 24 * time.Hour

// A policies is what getPolicies tells.
type policies struct {
	answer   *node
	nextSync time.Duration
	txID     string
}

func (s *session) policies(ctx context.Context) (policies, error) {
	answer, err := s.call(ctx, policiesRequest(transactionID(), s.profiles))
	if err != nil {
		return policies{}, err
	}
	return policies{
		answer:   answer,
		nextSync: hint(answer.child("response").value("nextUpdateHours")),
		txID:     s.words.Clean(answer.value("serverTransactionID"), maxID),
	}, nil
}

func (s *session) probedPolicies(ctx context.Context) (policies, error) {
	if s.probed == nil {
		return s.policies(ctx)
	}
	p := *s.probed
	s.probed = nil
	return p, nil
}

func hint(hours string) time.Duration {
	n, err := strconv.ParseUint(hours, 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Hour, maxHint)
}

// Authorities asks for the policies and joins them: profile, its policy, the
// policy's CAs, each with its chain and root. Every chain is checked. What a
// Probe before was told is used once.
func (s *session) Authorities(ctx context.Context) (provider.Authorities, error) {
	p, err := s.probedPolicies(ctx)
	if err != nil {
		return provider.Authorities{}, err
	}
	out := provider.Authorities{NextSync: p.nextSync, TxID: p.txID}
	users, err := s.users(p)
	if err != nil {
		return provider.Authorities{}, err
	}
	for _, ca := range p.answer.child("cAs").all("cA") {
		id := ca.value("cAReferenceID")
		if s.profiles != nil && users[id] == nil {
			continue // the CA of a profile that is not followed
		}
		a, err := authority(ca)
		if err != nil {
			err.TxID = p.txID
			return provider.Authorities{}, err
		}
		a.ProfileIDs = users[id]
		out.List = append(out.List, a)
	}
	if len(out.List) == 0 {
		return provider.Authorities{}, &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the CA lists no issuing CA", TxID: p.txID}
	}
	return out, nil
}

// users returns the profile OIDs by the reference of their CA.
func (s *session) users(p policies) (map[string][]string, error) {
	oids := map[string]string{}
	for _, o := range p.answer.child("oIDs").all("oID") {
		oids[o.value("oIDReferenceID")] = o.value("value")
	}
	users := map[string][]string{}
	var seen []string
	for _, policy := range p.answer.child("response").child("policies").all("policy") {
		oid := oids[policy.value("policyOIDReference")]
		if oid == "" || (s.profiles != nil && !slices.Contains(s.profiles, oid)) {
			continue
		}
		seen = append(seen, oid)
		for _, ref := range policy.child("cAs").all("cAReference") {
			if id := ref.text(); !slices.Contains(users[id], oid) {
				users[id] = append(users[id], oid)
			}
		}
	}
	for _, want := range s.profiles {
		if !slices.Contains(seen, want) {
			return nil, &provider.Error{Code: provider.CodeProfileUnknown, Msg: fmt.Sprintf("the CA has no certificate profile %s; correct %s", want, settingProfiles), TxID: p.txID}
		}
	}
	return users, nil
}

// authority reads one element cA and checks its chain.
func authority(ca *node) (provider.Authority, *provider.Error) {
	a := provider.Authority{ID: provider.Clean(ca.value("cAIssuerName"), 200)}
	if a.ID == "" {
		a.ID = provider.Clean(ca.value("cAReferenceID"), 200)
	}
	fail := func(what string, err error) (provider.Authority, *provider.Error) {
		return provider.Authority{}, &provider.Error{Code: provider.CodeRootInvalid, Msg: fmt.Sprintf("issuing CA %q: %s", a.ID, what), Err: err}
	}
	var err error
	if a.Issuing, err = caCertificate(ca.value("certificate")); err != nil {
		return fail("its certificate cannot be read", err)
	}
	if a.Root, err = caCertificate(ca.value("rootCACertificate")); err != nil {
		return fail("its root certificate cannot be read", err)
	}
	var between []*x509.Certificate
	for _, n := range ca.all("intermediateCACertificates") {
		c, err := caCertificate(n.text())
		if err != nil {
			return fail("an intermediate certificate cannot be read", err)
		}
		between = append(between, c)
	}
	if err := checkRoot(a.Root); err != nil {
		return fail("its root is not a self-signed CA certificate", err)
	}
	if a.Chain, err = link(a.Issuing, between, a.Root); err != nil {
		return fail("its certificate does not chain to its root", err)
	}
	return a, nil
}

func caCertificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, fmt.Errorf("decode base64: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	return cert, nil
}
