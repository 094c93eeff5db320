package storetest

import (
	"errors"
	"sync"
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

func keys(t *testing.T, open Open) {
	db := open(t)
	ctx := t.Context()
	if _, err := db.CurrentKey(ctx, "t"); !errors.Is(err, secret.ErrNoDataKey) {
		t.Errorf("error is %v, want ErrNoDataKey", err)
	}
	if _, err := db.Key(ctx, "t", [16]byte{1}); !errors.Is(err, secret.ErrNoDataKey) {
		t.Errorf("error is %v, want ErrNoDataKey", err)
	}
	if _, _, found, err := db.AnyKey(ctx); found || err != nil {
		t.Errorf("any key: %v, %v; want none", found, err)
	}
	var wait sync.WaitGroup
	got := make([]secret.WrappedKey, 8)
	for i := range got {
		wait.Go(func() {
			var err error
			got[i], err = db.AddFirstKey(ctx, "t", secret.WrappedKey{ID: [16]byte{byte(i + 1)}, Wrapped: []byte{byte(i)}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, k := range got {
		if k.ID != got[0].ID || string(k.Wrapped) != string(got[0].Wrapped) {
			t.Fatalf("the first key is %v for one and %v for another", got[0], k)
		}
	}
	current, err := db.CurrentKey(ctx, "t")
	if err != nil || current.ID != got[0].ID {
		t.Errorf("current key is %v, %v; want %v", current, err, got[0])
	}
	must2(t)(db.AddFirstKey(ctx, "u", secret.WrappedKey{ID: [16]byte{99}, Wrapped: []byte("u")}))
	if k, owner, found, err := db.AnyKey(ctx); !found || err != nil || owner != "t" || k.ID != got[0].ID || string(k.Wrapped) != string(got[0].Wrapped) {
		t.Errorf("any key is %v of %q, %v, %v; want the first tenant's", k, owner, found, err)
	}
	if k, err := db.Key(ctx, "t", got[0].ID); err != nil || string(k.Wrapped) != string(got[0].Wrapped) {
		t.Errorf("key is %v, %v; want %v", k, err, got[0])
	}
	if _, err := db.Key(ctx, "another", got[0].ID); !errors.Is(err, secret.ErrNoDataKey) {
		t.Errorf("another tenant reads the key: %v", err)
	}
}

func receipts(t *testing.T, open Open) {
	db := open(t)
	ctx := t.Context()
	make := func(id pki.ID, at odata.DateTimeOffset) error {
		r := &pki.Receipt{Tenant: tenant, Client: "c", Key: "k", BodyMAC: []byte(id), ID: id, At: at}
		return db.CreateSubscription(ctx, subscription(tenant, id), pki.Effects{}, r)
	}
	must(t, make("a", at(0)))
	code(t, make("b", at(1)), pki.CodeExists)
	if _, err := db.Subscription(ctx, tenant, "b"); pki.CodeOf(err) != pki.CodeNotFound {
		t.Errorf("a repeated create has made an object: %v", err)
	}
	got, err := db.Receipt(ctx, tenant, "c", "k")
	must(t, err)
	if got.ID != "a" || string(got.BodyMAC) != "a" || got.At != at(0) || got.Client != "c" || got.Tenant != tenant {
		t.Errorf("receipt is %+v", got)
	}
	for _, other := range []struct {
		tenant      pki.TenantID
		client, key string
	}{{another, "c", "k"}, {tenant, "d", "k"}, {tenant, "c", "K"}} {
		_, err := db.Receipt(ctx, other.tenant, other.client, other.key)
		code(t, err, pki.CodeNotFound)
	}
	const day = 24 * 60 * 60
	code(t, make("c", at(day)), pki.CodeExists)
	must(t, make("c", at(day+1)))
	if got, err := db.Receipt(ctx, tenant, "c", "k"); err != nil || got.ID != "c" {
		t.Errorf("receipt is %+v, %v; want the newer", got, err)
	}
	more, err := db.Purge(ctx, at(day+1), 10)
	if err != nil || more {
		t.Errorf("purge: %v, %v", more, err)
	}
	if _, err := db.Receipt(ctx, tenant, "c", "k"); err != nil {
		t.Errorf("a receipt in force was purged: %v", err)
	}
	must2(t)(db.Purge(ctx, at(day+2), 10))
	_, err = db.Receipt(ctx, tenant, "c", "k")
	code(t, err, pki.CodeNotFound)
}
