package storetest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func subscriptions(t *testing.T, open Open) {
	t.Run("what is stored comes back", func(t *testing.T) {
		db := open(t)
		for _, want := range []pki.Subscription{subscription(tenant, "plain"), fullSubscription(tenant, "full")} {
			create(t, db, want)
			got, err := db.Subscription(t.Context(), tenant, want.ID)
			must(t, err)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		}
	})
	t.Run("a list shows all but the secrets", func(t *testing.T) {
		db := open(t)
		want := create(t, db, fullSubscription(tenant, "full"))
		create(t, db, fullSubscription(another, "foreign"))
		page, err := db.Subscriptions(t.Context(), tenant, odata.Query{Top: 10, Count: true})
		must(t, err)
		want = withoutSecrets(want)
		if d := cmp.Diff(pki.Page[pki.Subscription]{Items: []pki.Subscription{want}, Count: 1}, page); d != "" {
			t.Error(d)
		}
	})
	t.Run("an id is taken once in a tenant", func(t *testing.T) {
		db := open(t)
		create(t, db, subscription(tenant, "a"))
		create(t, db, subscription(another, "a"))
		changed := subscription(tenant, "a")
		changed.Key, changed.DisplayName = 5, new("other")
		e := pki.AuditEvent{ID: "e", At: at(0)}
		code(t, db.CreateSubscription(t.Context(), changed, pki.Effects{Audit: &e}, &pki.Receipt{Tenant: tenant, Key: "k", ID: "a", At: at(0), BodyMAC: []byte{1}}), pki.CodeExists)
		got, err := db.Subscription(t.Context(), tenant, "a")
		must(t, err)
		if got.DisplayName != nil {
			t.Error("the refused create has changed the object")
		}
		if _, err := db.Receipt(t.Context(), tenant, "", "k"); pki.CodeOf(err) != pki.CodeNotFound {
			t.Errorf("the refused create has left a receipt: %v", err)
		}
		audit, err := db.AuditEvents(t.Context(), tenant, odata.Query{Top: 10})
		must(t, err)
		if len(audit.Items) != 0 {
			t.Error("the refused create has left an audit event")
		}
	})
	t.Run("a text that cannot be stored is refused", func(t *testing.T) {
		db := open(t)
		for _, bad := range []string{"a\x00b", "\xff"} {
			s := subscription(tenant, "a")
			s.DisplayName = &bad
			code(t, db.CreateSubscription(t.Context(), s, pki.Effects{}, nil), pki.CodeInvalid)
			name := odata.Path{Property: pki.SubscriptionType().Property("displayName")}
			_, err := db.Subscriptions(t.Context(), tenant, odata.Query{Top: 1, Filter: odata.Match{Path: name, Func: odata.Contains, Text: bad}})
			code(t, err, pki.CodeInvalid)
		}
		create(t, db, subscription(tenant, "a"))
	})
	t.Run("an update", func(t *testing.T) { update(t, open) })
}

func update(t *testing.T, open Open) {
	db := open(t)
	s := create(t, db, subscription(tenant, "a"))
	t.Run("changes what it changes and raises the revision", func(t *testing.T) {
		got, err := db.UpdateSubscription(t.Context(), tenant, "a", func(s *pki.Subscription) (pki.Effects, error) {
			full := fullSubscription(tenant, "ignored")
			full.Revision = 99
			*s = full
			return pki.Effects{}, nil
		})
		must(t, err)
		want := fullSubscription(tenant, "a")
		want.Key, want.Revision = s.Key, 2
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		stored, err := db.Subscription(t.Context(), tenant, "a")
		must(t, err)
		if d := cmp.Diff(want, stored); d != "" {
			t.Error(d)
		}
	})
	t.Run("that changes nothing writes nothing", func(t *testing.T) {
		got, err := db.UpdateSubscription(t.Context(), tenant, "a", func(s *pki.Subscription) (pki.Effects, error) {
			return pki.Effects{Unchanged: true, Audit: &pki.AuditEvent{ID: "e", At: at(1)}}, nil
		})
		must(t, err)
		if got.Revision != 2 {
			t.Errorf("revision is %d, want 2", got.Revision)
		}
	})
	t.Run("that fails changes nothing and returns the error", func(t *testing.T) {
		refusal := errors.New("refused")
		_, err := db.UpdateSubscription(t.Context(), tenant, "a", func(s *pki.Subscription) (pki.Effects, error) {
			s.DisplayName = nil
			return pki.Effects{}, refusal
		})
		if !errors.Is(err, refusal) {
			t.Errorf("error is %v, want the function's own", err)
		}
		if got, _ := db.Subscription(t.Context(), tenant, "a"); got.DisplayName == nil {
			t.Error("the failed update was stored")
		}
	})
}
