package store_test

import (
	"strings"
	"testing"

	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// checkPlans examines that each plan names what it must use, and does neither
// sort nor read a whole table.
func checkPlans(t *testing.T, db *store.DB, want map[string]string) {
	t.Helper()
	plans, err := db.Plans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, index := range want {
		plan := plans[name]
		if !strings.Contains(plan, index) {
			t.Errorf("%s does not use %s:\n%s", name, index, plan)
		}
		for _, bad := range []string{"Seq Scan", "Sort", "TEMP B-TREE", "SCAN subscriptions\n", "SCAN certificates"} {
			if strings.Contains(plan+"\n", bad) {
				t.Errorf("%s has «%s»:\n%s", name, bad, plan)
			}
		}
	}
}

func TestSQLitePlans(t *testing.T) {
	checkPlans(t, openSQLite(t), map[string]string{
		"thumbprint":    "certificates_thumbprint (tenant=? AND thumbprint=? AND subscription_key=?)",
		"status":        "subscriptions_sync_status",
		"subscriptions": "COVERING INDEX",
		"due":           "COVERING INDEX subscriptions_due",
		"strangers":     "subscriptions_due (due_at<?)",
		"turn":          "subscriptions_due_tenant (tenant=? AND due_at<?)",
		"expiry":        "COVERING INDEX subscriptions_expiry",
		"expiring":      "COVERING INDEX subscriptions_expiry",
		"missing":       "certificates_ordinal (tenant=? AND subscription_key=? AND ordinal>? AND ordinal<?)",
		"changed":       "subscriptions_change (tenant=? AND (change,id)>(?,?) AND change<?)",
		"issued":        "certificates_change (tenant=? AND subscription_key=? AND (change,id)>(?,?) AND change<?)",
		"watched":       "subscriptions_alerts (alerts_at<?)",
		"ending":        "COVERING INDEX certificates_status_not_after (tenant=? AND subscription_key=? AND status=? AND not_after>? AND not_after<?)",
		"roots":         "certificate_authorities_roots_end",
		"followers":     "notification_subscriptions_2 (tenant=?)",
		"mark":          "sqlite_autoindex_certificates_1 (tenant=? AND subscription_key=? AND id=?)",
	})
}

func TestPostgresPlans(t *testing.T) {
	url := cluster.Database(t)
	db := open(t, url)
	if err := db.CreateSubscription(t.Context(), subscription("a", 0), pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	sql(t, url, `INSERT INTO subscriptions SELECT (jsonb_populate_record(s, jsonb_build_object('tenant', 't' || i % 10,
	'id', 's' || i, 'key', i, 'sync_status', i % 3, 'due_at', i, 'credential_info_expiration_date_time', i))).*
FROM subscriptions s, generate_series(1, 20000) i`)
	sql(t, url, `INSERT INTO certificates (tenant, subscription_key, id, thumbprint, status, first_seen_date_time, last_changed_date_time, ordinal, listed)
SELECT 't1', i % 3, md5(i::text), md5('x' || i), 1, 1, 1, i, 1 FROM generate_series(1, 30000) i`)
	sql(t, url, "VACUUM ANALYZE")
	checkPlans(t, db, map[string]string{
		"thumbprint": "certificates_thumbprint",
		"status":     "subscriptions_sync_status",
		"due":        "subscriptions_due",
		"strangers":  "subscriptions_due",
		"turn":       "subscriptions_due_tenant",
		"expiry":     "subscriptions_expiry",
		"expiring":   "subscriptions_expiry",
		"missing":    "certificates_ordinal",
		"changed":    "subscriptions_change",
		"issued":     "certificates_change",
	})
}
