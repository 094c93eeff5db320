package graph

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const memberClientState = "clientState"

// unusedMembers are members of the documented type that only deliveries have
// which there are not here.
func unusedMembers() []string {
	return []string{
		"notificationQueryOptions", "encryptionCertificate", "encryptionCertificateId", "notificationContentType", "notificationUrlAppId",
	}
}

// A notificationView is a subscription to change notifications as one answer
// shows it.
type notificationView struct {
	*pki.NotificationSubscription

	clientState odata.Value // what the caller has just sent; null in all other answers
}

// A personal noun is one of which callers do not see the same.
type personal[T any] struct {
	noun[T]

	bind func(n *noun[T], application string)
}

// as returns the noun as the caller of x sees it.
func (p *personal[T]) as(x *exchange) *noun[T] {
	own := p.noun
	p.bind(&own, x.application())
	return &own
}

func newNotifications(s *Server) (*personal[notificationView], error) {
	entity := pki.NotificationSubscriptionType()
	shape, err := odata.NewShape(entity, notificationMembers())
	n := noun[notificationView]{
		server: s, set: notificationSet, entity: entity, shape: shape,
		id: func(v *notificationView) pki.ID { return v.ID },
		expanded: func(context.Context, pki.TenantID, pki.ID, odata.Query) (notificationView, error) {
			return notificationView{}, errNoExpand()
		},
	}
	return &personal[notificationView]{noun: n, bind: func(n *noun[notificationView], application string) {
		n.page = func(ctx context.Context, t pki.TenantID, _ pki.ID, q odata.Query) (pki.Page[notificationView], error) {
			if len(q.Expand) > 0 {
				return pki.Page[notificationView]{}, errNoExpand()
			}
			page, err := s.notifications.List(ctx, t, application, q)
			views := pki.Page[notificationView]{After: page.After, Count: page.Count, Items: make([]notificationView, len(page.Items))}
			for i := range views.Items {
				views.Items[i] = notificationView{&page.Items[i], odata.NullValue()}
			}
			return views, err
		}
		n.one = func(ctx context.Context, t pki.TenantID, _, id pki.ID, _ odata.Selection) (notificationView, error) {
			found, err := s.notifications.Get(ctx, t, application, id)
			return notificationView{&found, odata.NullValue()}, err
		}
	}}, err
}

func errNoExpand() error {
	return badRequest("$expand", "The query option '$expand' is not supported here. Read %s at its own address.", deadLetterSet)
}

func notificationMembers() map[string]func(*notificationView) odata.Value {
	members := map[string]func(*notificationView) odata.Value{
		"id":                        func(v *notificationView) odata.Value { return odata.String(string(v.ID)) },
		"resource":                  func(v *notificationView) odata.Value { return odata.String(v.Resource) },
		"applicationId":             func(v *notificationView) odata.Value { return textOrNull(v.Application) },
		"changeType":                func(v *notificationView) odata.Value { return odata.String(v.ChangeType) },
		memberClientState:           func(v *notificationView) odata.Value { return v.clientState },
		"notificationUrl":           func(v *notificationView) odata.Value { return odata.String(v.URL) },
		"lifecycleNotificationUrl":  func(v *notificationView) odata.Value { return textOrNull(v.LifecycleURL) },
		"expirationDateTime":        func(v *notificationView) odata.Value { return odata.Date(v.Expires) },
		"creatorId":                 func(v *notificationView) odata.Value { return textOrNull(v.Creator) },
		"includeResourceData":       func(*notificationView) odata.Value { return odata.Bool(false) },
		"latestSupportedTlsVersion": func(v *notificationView) odata.Value { return odata.String(v.LatestTLS) },
	}
	for _, name := range unusedMembers() {
		members[name] = func(*notificationView) odata.Value { return odata.NullValue() }
	}
	return members
}

func newDeadLetters(s *Server) (*personal[pki.DeadLetter], error) {
	entity := pki.DeadLetterType()
	shape, err := odata.NewShape(entity, map[string]func(*pki.DeadLetter) odata.Value{
		"id":              func(d *pki.DeadLetter) odata.Value { return odata.String(string(d.ID)) },
		"event":           func(d *pki.DeadLetter) odata.Value { return odata.String(d.Event) },
		"resource":        func(d *pki.DeadLetter) odata.Value { return textOrNull(d.Resource) },
		"resourceId":      func(d *pki.DeadLetter) odata.Value { return textOrNull(string(d.Object)) },
		"createdDateTime": func(d *pki.DeadLetter) odata.Value { return odata.Date(d.Created) },
		"droppedDateTime": func(d *pki.DeadLetter) odata.Value { return odata.Date(d.Dropped) },
		"reason":          func(d *pki.DeadLetter) odata.Value { return odata.String(d.Reason) },
	})
	n := noun[pki.DeadLetter]{
		server: s, set: deadLetterSet, nested: true, within: notificationSet, entity: entity, shape: shape,
		id: func(d *pki.DeadLetter) pki.ID { return d.ID },
	}
	return &personal[pki.DeadLetter]{noun: n, bind: func(n *noun[pki.DeadLetter], application string) {
		n.page = func(ctx context.Context, t pki.TenantID, parent pki.ID, q odata.Query) (pki.Page[pki.DeadLetter], error) {
			return s.notifications.DeadLetters(ctx, t, application, parent, q)
		}
	}}, err
}
