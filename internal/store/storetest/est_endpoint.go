package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

func estEndpoints(t *testing.T, open Open) {
	t.Run("what is stored is read", func(t *testing.T) { estEndpointRows(t, open) })
	t.Run("a quota and a subscription are checked", func(t *testing.T) { estEndpointRefusals(t, open) })
	t.Run("a change is checked and told", func(t *testing.T) { estEndpointChanges(t, open) })
}

func estEndpoint(t pki.TenantID, id pki.ID) pki.ESTEndpoint {
	return pki.ESTEndpoint{
		Tenant: t, ID: id, Subscription: "s", UserName: "device", PasswordHash: "hash", Patterns: []string{}, Edits: 1, Created: at(0), LastModified: at(0),
	}
}

func createESTEndpoint(tb testing.TB, db *store.DB, e pki.ESTEndpoint) {
	tb.Helper()
	must(tb, db.CreateESTEndpoint(tb.Context(), e, 10, pki.AuditEvent{ID: "create-" + e.ID, At: at(0)}))
}

func estEndpointRows(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "s"))
	create(t, db, subscription(another, "s"))
	want, foreign := estEndpoint(tenant, "e"), estEndpoint(another, "f")
	want.DisplayName, want.Profile, want.Enabled, want.Reenrol = new("Größe"), "printers", true, true
	want.Patterns = []string{"*.example.com", "it's"}
	createESTEndpoint(t, db, want)
	createESTEndpoint(t, db, foreign)
	got, err := db.ESTEndpoint(t.Context(), tenant, "e")
	must(t, err)
	met, err := db.ESTEndpointOf(t.Context(), "f")
	must(t, err)
	page, err := db.ESTEndpoints(t.Context(), tenant, odata.Query{Count: true})
	must(t, err)
	if d := cmp.Diff([]pki.ESTEndpoint{want, foreign, want}, append([]pki.ESTEndpoint{got, met}, page.Items...)); d != "" {
		t.Errorf("endpoints (-want +got):\n%s", d)
	}
	_, err = db.ESTEndpoint(t.Context(), tenant, "f")
	code(t, err, pki.CodeNotFound)
	_, err = db.ESTEndpointOf(t.Context(), "nobody")
	code(t, err, pki.CodeNotFound)

	must(t, db.DeleteSubscription(t.Context(), tenant, "s", nil, pki.AuditEvent{ID: "gone", At: at(5)}))
	_, err = db.ESTEndpointOf(t.Context(), "e")
	code(t, err, pki.CodeNotFound)
	_, err = db.ESTEndpointOf(t.Context(), "f")
	must(t, err)
}

func estEndpointRefusals(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "s"))
	createESTEndpoint(t, db, estEndpoint(tenant, "e"))
	add := func(e pki.ESTEndpoint, most int) error {
		return db.CreateESTEndpoint(t.Context(), e, most, pki.AuditEvent{ID: "refused", At: at(0)})
	}
	code(t, add(estEndpoint(tenant, "f"), 1), pki.CodeQuota)
	code(t, add(estEndpoint(another, "f"), 10), pki.CodeInvalid)
	if err := add(estEndpoint(tenant, "e"), 10); err == nil {
		t.Error("an id was taken twice")
	}
	must(t, add(estEndpoint(tenant, "f"), 2))
}

func estEndpointChanges(t *testing.T, open Open) {
	db := open(t)
	create(t, db, subscription(tenant, "s"))
	createESTEndpoint(t, db, estEndpoint(tenant, "e"))
	refusal := &pki.Error{Code: pki.CodePreconditionFailed}
	_, err := db.UpdateESTEndpoint(t.Context(), tenant, "e", func(*pki.ESTEndpoint) error { return refusal }, pki.AuditEvent{ID: "refused", At: at(1)})
	code(t, err, pki.CodePreconditionFailed)
	want := estEndpoint(tenant, "e")
	want.PasswordHash, want.Profile, want.Edits, want.LastModified = "other", "vpn", 2, at(2)
	got, err := db.UpdateESTEndpoint(t.Context(), tenant, "e", func(e *pki.ESTEndpoint) error {
		e.PasswordHash, e.Profile, e.Edits, e.LastModified = "other", "vpn", 2, at(2)
		return nil
	}, pki.AuditEvent{ID: "patch", At: at(2)})
	must(t, err)
	read, err := db.ESTEndpoint(t.Context(), tenant, "e")
	must(t, err)
	if d := cmp.Diff([]pki.ESTEndpoint{want, want}, []pki.ESTEndpoint{got, read}); d != "" {
		t.Errorf("the changed endpoint (-want +got):\n%s", d)
	}
	remove := func(tenant pki.TenantID, err error) error {
		return db.DeleteESTEndpoint(t.Context(), tenant, "e", func(pki.ESTEndpoint) error { return err }, pki.AuditEvent{ID: "removed", At: at(3)})
	}
	code(t, remove(another, nil), pki.CodeNotFound)
	code(t, remove(tenant, refusal), pki.CodePreconditionFailed)
	must(t, remove(tenant, nil))
	code(t, remove(tenant, nil), pki.CodeNotFound)
	trail, err := db.AuditEvents(t.Context(), tenant, odata.Query{})
	must(t, err)
	if len(trail.Items) != 3 || trail.Items[0].ID != "removed" || trail.Items[1].ID != "patch" {
		t.Errorf("the audit trail is %+v", trail.Items)
	}
}
