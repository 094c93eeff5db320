package store_test

import (
	"strings"
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// certificatePlans are lists with the index that each is to be read by, in its
// order, so that a page costs the same however long the inventory is. What is
// behind the last comma of a filter is looked at row by row.
var certificatePlans = map[string]string{
	"":                                   "certificates_pkey",
	"$filter=status eq 'revoked'":        "certificates_status",
	"$filter=status eq 'revoked'&$top=5": "certificates_status",
	"$filter=notAfter lt 2026-01-01":     "certificates_not_after",
	"$filter=notAfter ge 2026-01-01 and notAfter lt 2026-02-01": "certificates_not_after",
	"$filter=status eq 'valid' and notAfter lt 2026-01-01":      "certificates_status_not_after",
	"$filter=status eq 'valid'&$orderby=notAfter":               "certificates_status_not_after",
	"$filter=status eq 'valid'&$orderby=notAfter desc":          "certificates_status_not_after",
	"$filter=notAfter ge 2026-01-01&$orderby=id":                "certificates_pkey",
	"$filter=status eq 'valid'&$orderby=id desc":                "certificates_status",
	"$orderby=notAfter":                                                                 "certificates_not_after",
	"$orderby=notAfter desc,id desc":                                                    "certificates_not_after",
	"$filter=serialNumber eq '10'":                                                      "certificates_serial_number",
	"$filter=thumbprint eq '10'":                                                        "certificates_thumbprint",
	"$filter=commonName eq 'device'":                                                    "certificates_common_name",
	"$filter=startswith(commonName,'device-1')":                                         "certificates_common_name",
	"$filter=profileId eq '1.2.3'":                                                      "certificates_profile",
	"$filter=startswith(commonName,'device-1')&$orderby=notAfter":                       "certificates_not_after",
	"$filter=status eq 'valid'&$orderby=commonName":                                     "certificates_common_name",
	"$filter=contains(subjectAlternativeNames,'x') and status eq 'valid'":               "certificates_status",
	"$filter=contains(tolower(subjectAlternativeNames),'x') and notAfter lt 2026-01-01": "certificates_not_after",
}

func TestSQLiteCertificatePlans(t *testing.T) {
	checkCertificatePlans(t, openSQLite(t), strings.NewReplacer("certificates_pkey", "sqlite_autoindex_certificates_1"))
}

// TestPostgresCertificatePlans: PostgreSQL chooses by what the table holds, so
// another index may do as well, but never does it read or sort all rows.
func TestPostgresCertificatePlans(t *testing.T) {
	url := cluster.Database(t)
	db := open(t, url)
	if err := db.CreateSubscription(t.Context(), subscription("a", 0), pki.Effects{}, nil); err != nil {
		t.Fatal(err)
	}
	sql(t, url, `INSERT INTO subscriptions SELECT (jsonb_populate_record(s, jsonb_build_object('tenant', 't1', 'id', 's' || i, 'key', i))).*
FROM subscriptions s, generate_series(1, 5000) i`)
	sql(t, url, `INSERT INTO certificates (tenant, subscription_key, id, common_name, serial_number, thumbprint, profile_id, not_after, status,
	first_seen_date_time, last_changed_date_time, ordinal, listed)
SELECT 't1', i % 3, md5(i::text), 'device-' || i, to_hex(i), md5('x' || i), '1.2.' || i % 10, 17671392000000000 + i::bigint * 20000000000, i % 4,
	1, 1, i, 1 FROM generate_series(1, 60000) i`)
	sql(t, url, "VACUUM ANALYZE")
	checkCertificatePlans(t, db, strings.NewReplacer("certificates_pkey", "certificates_", "certificates_status_not_after", "certificates_",
		"certificates_not_after", "certificates_", "certificates_common_name", "certificates_", "certificates_status", "certificates_", "certificates_profile", "certificates_"))
}

func checkCertificatePlans(t *testing.T, db *store.DB, names *strings.Replacer) {
	t.Helper()
	for query, index := range certificatePlans {
		q, err := odata.ParseQuery(strings.ReplaceAll(query, " ", "%20"), pki.CertificateType())
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		plan, err := db.CertificatesPlan(t.Context(), q)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if !strings.Contains(plan, names.Replace(index)) {
			t.Errorf("%s does not use %s:\n%s", query, names.Replace(index), plan)
		}
		for _, bad := range []string{"Seq Scan", "Sort", "TEMP B-TREE", "SCAN"} {
			if strings.Contains(strings.ReplaceAll(plan, "Index Scan", ""), bad) {
				t.Errorf("%s has «%s»:\n%s", query, bad, plan)
			}
		}
	}
}

// TestSQLiteSubscriptionPlans: SQLite knows nothing of how often a value occurs,
// and yet sorts only what is few.
func TestSQLiteSubscriptionPlans(t *testing.T) {
	db := openSQLite(t)
	for query, index := range map[string]string{
		"":                                      "sqlite_autoindex_subscriptions_1",
		"$filter=syncStatus eq 'failed'":        "subscriptions_sync_status",
		"$filter=startswith(displayName,'a')":   "sqlite_autoindex_subscriptions_1",
		"$filter=createdDateTime gt 2026-01-01": "sqlite_autoindex_subscriptions_1",
		"$filter=syncStatus eq 'failed'&$orderby=displayName":      "subscriptions_display_name",
		"$filter=startswith(displayName,'a')&$orderby=displayName": "subscriptions_display_name",
		"$filter=version gt 3&$orderby=lastModifiedDateTime desc":  "subscriptions_last_modified",
		"$filter=syncStatus eq 'failed'&$orderby=createdDateTime":  "subscriptions_created",
		"$filter=displayName eq 'a'":                               "subscriptions_display_name",
	} {
		q, err := odata.ParseQuery(strings.ReplaceAll(query, " ", "%20"), pki.SubscriptionType())
		if err != nil {
			t.Fatal(err)
		}
		plan, err := db.SubscriptionsPlan(t.Context(), q)
		if err != nil || !strings.Contains(plan, index+" ") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s does not use %s alone: %v\n%s", query, index, err, plan)
		}
	}
}
