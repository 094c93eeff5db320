package graph

import (
	"context"
	"slices"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	memberInfo     = "credentialInfo"
	memberNextSync = "nextSyncDateTime"
)

// A subscriptionView is a subscription as one answer shows it.
type subscriptionView struct {
	*pki.Subscription
	now      time.Time
	echo     *odata.Value // the credentials that the caller has just sent; nil hides the secrets
	info     bool         // credentialInfo was selected
	nextSync bool         // nextSyncDateTime was selected
	children subscriptionChildren
}

func (s *Server) view(sub *pki.Subscription, selected odata.Selection) subscriptionView {
	v := subscriptionView{Subscription: sub, now: s.now()}
	if !selected.All {
		v.info = slices.Contains(selected.Names, memberInfo)
		v.nextSync = slices.Contains(selected.Names, memberNextSync)
	}
	return v
}

func newSubscriptions(s *Server) (*noun[subscriptionView], error) {
	entity := pki.SubscriptionType()
	shape, err := odata.NewShape(entity, subscriptionMembers())
	return &noun[subscriptionView]{
		server: s, set: subscriptionSet, entity: entity, shape: shape,
		id:  func(v *subscriptionView) pki.ID { return v.ID },
		tag: func(v *subscriptionView) string { return v.ETag() }, clocked: memberInfo,
		page: func(ctx context.Context, t pki.TenantID, _ pki.ID, q odata.Query) (pki.Page[subscriptionView], error) {
			if len(q.Expand) > 0 {
				return s.expandedPage(ctx, t, q)
			}
			page, err := s.service.List(ctx, t, q)
			views := pki.Page[subscriptionView]{After: page.After, Count: page.Count}
			if err == nil {
				views.Items = make([]subscriptionView, len(page.Items))
			}
			for i := range views.Items {
				views.Items[i] = s.view(&page.Items[i], q.Select)
			}
			return views, err
		},
		one: func(ctx context.Context, t pki.TenantID, _, id pki.ID, selected odata.Selection) (subscriptionView, error) {
			sub, err := s.service.Get(ctx, t, id)
			return s.view(&sub, selected), err
		},
		expanded: s.expandedOne,
		children: s.appendChildren,
		changes:  s.subscriptionChanges,
	}, err
}

func subscriptionMembers() map[string]func(*subscriptionView) odata.Value {
	providers := pki.ProviderEnum()
	return map[string]func(*subscriptionView) odata.Value{
		"id": func(v *subscriptionView) odata.Value { return odata.String(string(v.ID)) },
		"cloudPkiProvider": func(v *subscriptionView) odata.Value {
			n, _ := providers.ValueOf(v.Provider) // what is stored was checked; 0 is unKnown
			return odata.Int(n)
		},
		"createdDateTime":              func(v *subscriptionView) odata.Value { return odata.Date(v.Created) },
		"description":                  func(v *subscriptionView) odata.Value { return odata.StringOrNull(v.Description) },
		"lastModifiedDateTime":         func(v *subscriptionView) odata.Value { return odata.Date(v.LastModified) },
		"displayName":                  func(v *subscriptionView) odata.Value { return odata.StringOrNull(v.DisplayName) },
		"syncStatus":                   func(v *subscriptionView) odata.Value { return odata.Int(int64(v.SyncStatus)) },
		"lastSyncError":                func(v *subscriptionView) odata.Value { return odata.StringOrNull(v.LastSyncError) },
		"lastSyncDateTime":             func(v *subscriptionView) odata.Value { return odata.Date(v.LastSync) },
		memberCredentials:              credentials,
		"trustedRootCertificate":       func(v *subscriptionView) odata.Value { return odata.Binary(v.TrustedRoot) },
		"version":                      func(v *subscriptionView) odata.Value { return odata.Int(int64(v.Version)) },
		"serviceUri":                   func(v *subscriptionView) odata.Value { return odata.StringOrNull(v.ServiceURI) },
		"providerSettings":             settings,
		"serverCertificateAuthorities": func(v *subscriptionView) odata.Value { return odata.Binary(v.ServerCAs) },
		"syncSchedule":                 schedule,
		"paused":                       paused,
		"trustChangePolicy":            trustPolicy,
		memberInfo:                     credentialInfo,
		memberNextSync:                 nextSync,
	}
}

// credentials shows the secrets as null, for ever, but in the answer to the
// caller who has just sent them.
func credentials(v *subscriptionView) odata.Value {
	switch {
	case v.echo != nil:
		return *v.echo
	case v.Credentials == nil:
		return odata.NullValue()
	}
	hidden := odata.NullValue()
	return odata.List(odata.StringOrNull(v.Credentials.UserName), hidden, hidden, hidden)
}

func settings(v *subscriptionView) odata.Value {
	if v.Settings == nil {
		return odata.NullValue()
	}
	return settingValues(v.Settings)
}

func settingValues(list []pki.Setting) odata.Value {
	items := make([]odata.Value, len(list))
	for i, s := range list {
		items[i] = odata.List(odata.String(s.Name), odata.String(s.Value))
	}
	return odata.List(items...)
}

func schedule(v *subscriptionView) odata.Value {
	if v.Schedule == nil {
		return odata.NullValue()
	}
	return odata.Duration(*v.Schedule)
}

func paused(v *subscriptionView) odata.Value {
	if v.Paused == nil {
		return odata.NullValue()
	}
	return odata.Bool(*v.Paused)
}

func trustPolicy(v *subscriptionView) odata.Value {
	if v.TrustPolicy == nil {
		return odata.NullValue()
	}
	return odata.Int(int64(*v.TrustPolicy))
}

func nextSync(v *subscriptionView) odata.Value {
	if !v.nextSync {
		return odata.Value{}
	}
	return dateOrNull(v.NextSync)
}

// wholeDays rounds down, so that what expired an hour ago has -1 days left.
func wholeDays(d time.Duration) int64 {
	const day = 24 * time.Hour
	days := int64(d / day)
	if d < 0 && d%day != 0 {
		days--
	}
	return days
}
