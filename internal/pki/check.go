package pki

import (
	"context"
	"errors"
	"slices"

	"cloudpki/internal/provider"
)

// CheckDraft returns what is wrong with d as a create, as far as it can be told
// without the CA: what Create refuses, and what the kind of CA lacks, by member.
// Its error is of the service.
func (s *Service) CheckDraft(ctx context.Context, t TenantID, d Draft) ([]Problem, error) {
	problems := s.checkDraft(d)
	if len(problems) > 0 {
		return problems, nil
	}
	return s.checkKind(ctx, Subscription{Tenant: t, Provider: ProviderUnknown}, d)
}

// CheckChange is CheckDraft for an update of a subscription. It finds also what
// was wrong before. CodeNotFound.
func (s *Service) CheckChange(ctx context.Context, t TenantID, id ID, d Draft) ([]Problem, error) {
	problems := s.checkMembers(d)
	if len(problems) > 0 {
		return problems, nil
	}
	stored, err := s.store.Subscription(ctx, t, id)
	if err != nil {
		return nil, err
	}
	return s.checkKind(ctx, stored, d)
}

// checkKind returns what the kind of CA finds in stored with d.
func (s *Service) checkKind(ctx context.Context, stored Subscription, d Draft) ([]Problem, error) {
	sub, credentials, err := s.imagine(ctx, stored, ConnectionDraft{Draft: d})
	if err != nil {
		return nil, err
	}
	kind, ok := s.catalog.Kind(sub.Provider)
	if !ok {
		return []Problem{{"cloudPkiProvider", unsupportedProvider(sub.Provider).Msg}}, nil
	}
	var problems []Problem
	note := func(target string, err error) {
		var fault *provider.Error
		if errors.As(err, &fault) && !slices.ContainsFunc(problems, func(p Problem) bool { return p.Target == target }) {
			problems = append(problems, Problem{target, fault.Text()})
		}
	}
	note("providerSettings", checkSettingNames(kind, sub.Settings))
	for _, p := range kind.Validate(s.configOf(&sub, kind, credentials)) {
		note(p.Target, &provider.Error{Code: p.Code, Msg: p.Msg})
	}
	note("trustedRootCertificate", checkTrustedRoot(sub.TrustedRoot))
	return problems, nil
}
