package graph

import (
	"net/http"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// The segments of the addresses of subscriptions to change notifications.
const (
	notificationSet = "subscriptions"
	deadLetterSet   = "deadLetters"
)

// notificationRoutes is the part of the table of routes that is about change
// notifications. Whoever may read a resource may follow it. None is atomic: a
// create waits for the receiver.
func (s *Server) notificationRoutes() []route {
	const set, one, letters = notificationSet, notificationSet + "/{id}", notificationSet + "/{id}/" + deadLetterSet
	subscription, letter := s.nouns.notifications.entity, s.nouns.deadLetters.entity
	count := []string{mediaText, mediaJSON}
	return []route{
		{
			method: http.MethodGet, path: set, need: auth.Read, tells: lists(set+".list", subscription),
			handle: func(x *exchange) error { return s.nouns.notifications.as(x).list(x) },
		},
		{
			method: http.MethodGet, path: set + "/$count", need: auth.Read, produces: count, tells: counts(set+".count", subscription),
			handle: func(x *exchange) error { return s.nouns.notifications.as(x).count(x) },
		},
		{
			method: http.MethodGet, path: one, need: auth.Read, tells: gets(set+".get", subscription, false),
			handle: func(x *exchange) error { return s.nouns.notifications.as(x).get(x) },
		},
		{
			method: http.MethodPost, path: set, need: auth.Read, body: true, handle: s.createNotificationSubscription,
			tells: preferring(creates(set+".create", "Follows a resource, once the receiver has agreed.", subscription)),
		},
		{
			method: http.MethodPatch, path: one, need: auth.Read, body: true, handle: s.updateNotificationSubscription,
			tells: preferring(updates(set+".update", "Renews a subscription to change notifications, or moves it to another receiver.", subscription)),
		},
		{
			method: http.MethodDelete, path: one, need: auth.Read, handle: s.deleteNotificationSubscription,
			tells: operation{id: set + ".delete", summary: "Ends a subscription to change notifications.", status: []int{http.StatusNoContent}},
		},
		{
			method: http.MethodPost, path: one + "/reauthorize", need: auth.Read, handle: s.reauthorize,
			tells: acts(set+".reauthorize", "Confirms that the caller may still follow the resource.", http.StatusNoContent),
		},
		{
			method: http.MethodGet, path: letters, need: auth.Read, tells: lists(deadLetterSet+".list", letter),
			handle: func(x *exchange) error { return s.nouns.deadLetters.as(x).list(x) },
		},
		{
			method: http.MethodGet, path: letters + "/$count", need: auth.Read, produces: count, tells: counts(deadLetterSet+".count", letter),
			handle: func(x *exchange) error { return s.nouns.deadLetters.as(x).count(x) },
		},
	}
}

// preferring is o with Prefer as its only header field.
func preferring(o operation) operation {
	o.fields = []string{"Prefer"}
	return o
}

// application is whose subscriptions the caller may see: its own or, with the
// permission to change, "" for all of the tenant.
func (x *exchange) application() string {
	if x.principal.Allows(auth.Write) == nil {
		return ""
	}
	return x.caller()
}

// createNotificationSubscription answers POST on the set.
func (s *Server) createNotificationSubscription(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	o, err := s.nouns.notifications.entity.Decode(x.body)
	if err != nil {
		return err
	}
	n, err := s.notifications.Create(x.r.Context(), x.principal.Tenant, x.actor(), notificationDraft(o))
	if err != nil {
		return err
	}
	h := x.w.Header()
	h["Location"] = []string{x.url(notificationSet + "/" + string(n.ID))}
	h["Cache-Control"] = []string{"no-store"}
	if x.minimal() {
		h["OData-EntityId"] = h["Location"]
		x.write(http.StatusNoContent, nil)
		return nil
	}
	v := notificationView{&n, o.Get(memberClientState)}
	a := odata.Annotations{Context: x.context(notificationSet, everything(), "/$entity")}
	x.writeEcho(s.nouns.notifications.shape.Append(nil, &v, everything(), x.format, a))
	return nil
}

// updateNotificationSubscription answers PATCH.
func (s *Server) updateNotificationSubscription(x *exchange) error {
	id, err := x.notification()
	if err != nil {
		return err
	}
	o, err := s.nouns.notifications.entity.DecodeChange(x.body)
	if err != nil {
		return err
	}
	n, err := s.notifications.Update(x.r.Context(), x.principal.Tenant, x.application(), x.actor(), id, notificationDraft(o))
	if err != nil {
		return err
	}
	if x.minimal() {
		x.w.Header()["OData-EntityId"] = []string{x.url(notificationSet + "/" + string(n.ID))}
		x.write(http.StatusNoContent, nil)
		return nil
	}
	v := notificationView{&n, odata.NullValue()}
	s.nouns.notifications.writeOne(x, http.StatusOK, &v, everything())
	return nil
}

// deleteNotificationSubscription answers DELETE.
func (s *Server) deleteNotificationSubscription(x *exchange) error {
	id, err := x.notification()
	if err != nil {
		return err
	}
	if err := s.notifications.Delete(x.r.Context(), x.principal.Tenant, x.application(), x.actor(), id); err != nil {
		return err
	}
	x.write(http.StatusNoContent, nil)
	return nil
}

// reauthorize answers the action of that name.
func (s *Server) reauthorize(x *exchange) error {
	id, err := x.notification()
	if err != nil {
		return err
	}
	if err := s.notifications.Reauthorize(x.r.Context(), x.principal.Tenant, x.application(), x.actor(), id); err != nil {
		return err
	}
	x.write(http.StatusNoContent, nil)
	return nil
}

// notification reads which subscription is to be changed.
func (x *exchange) notification() (pki.ID, error) {
	if err := x.noQuery(); err != nil {
		return "", err
	}
	return x.key(0, "subscription")
}

// notificationDraft reads the members of a body.
func notificationDraft(o odata.Object) pki.NotificationDraft {
	d := pki.NotificationDraft{
		ChangeType:   maybe(o.Get("changeType"), odata.Value.Str),
		Resource:     maybe(o.Get("resource"), odata.Value.Str),
		URL:          maybe(o.Get("notificationUrl"), odata.Value.Str),
		LifecycleURL: maybe(o.Get("lifecycleNotificationUrl"), odata.Value.Str),
		ClientState:  maybe(o.Get(memberClientState), func(v odata.Value) secret.Text { return secret.NewString(v.Str()) }),
		Expires:      maybe(o.Get("expirationDateTime"), odata.Value.Time),
		LatestTLS:    maybe(o.Get("latestSupportedTlsVersion"), odata.Value.Str),
		IncludeData:  maybe(o.Get("includeResourceData"), odata.Value.IsTrue),
	}
	for _, name := range unusedMembers() {
		if v := o.Get(name); v.State() == odata.Present && v.Str() != "" {
			d.Unsupported = append(d.Unsupported, name)
		}
	}
	return d
}
