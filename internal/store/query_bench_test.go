package store_test

import (
	"fmt"
	"strings"
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// BenchmarkCompile measures how a checked query becomes SQL.
func BenchmarkCompile(b *testing.B) {
	db := openSQLite(b)
	for name, text := range map[string]string{
		"plain":    "",
		"equal":    "$filter=serialNumber eq '10'",
		"composed": "$filter=status eq 'valid' and notAfter lt 2026-01-01 and not contains(tolower(subjectAlternativeNames),'example')&$orderby=notAfter desc,commonName",
		"terms=50": "$filter=commonName in (" + strings.TrimSuffix(strings.Repeat("'name',", 50), ",") + ")",
	} {
		b.Run(name, func(b *testing.B) {
			q, err := odata.ParseQuery(strings.ReplaceAll(text, " ", "%20"), pki.CertificateType())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := db.CompileCertificates(q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkExpand measures a page of 100 subscriptions with what is expanded.
func BenchmarkExpand(b *testing.B) {
	db := filled(b, 100)
	for i := range int64(100) {
		err := db.Execute(b.Context(), `INSERT INTO certificates (tenant, subscription_key, id, common_name, not_after, status,
	first_seen_date_time, last_changed_date_time, ordinal, listed)
WITH RECURSIVE row (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM row WHERE i < 99)
SELECT ?1, ?2, printf('%04x', i), 'device', i, 1, 1, 1, i, 1 FROM row`, "t", realistic(i).Key)
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, expand := range []string{"certificates", "certificates($count=true;$orderby=notAfter desc)", "*"} {
		b.Run(expand, func(b *testing.B) {
			q, err := odata.ParseQuery("$expand="+strings.ReplaceAll(expand, " ", "%20"), pki.SubscriptionType())
			if err != nil {
				b.Fatal(err)
			}
			cpu(b, func() {
				for range b.N {
					page, e, err := db.ExpandedSubscriptions(b.Context(), "t", q)
					if err != nil || len(page.Items) != 100 || len(e.Certificates[99].Items) != odata.DefaultExpandTop {
						b.Fatal(fmt.Errorf("%d subscriptions: %w", len(page.Items), err))
					}
				}
			})
		})
	}
}
