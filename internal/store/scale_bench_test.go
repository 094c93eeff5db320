package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

// longInventory returns a store with one subscription, a, that has n
// certificates. They end at 97 days of 5 years from 2024 on, in another order
// than that of their ids.
func longInventory(b *testing.B, n int) *store.DB {
	b.Helper()
	db := openSQLite(b)
	s := subscription("a", 1)
	if err := db.CreateSubscription(b.Context(), s, pki.Effects{}, nil); err != nil {
		b.Fatal(err)
	}
	const chunk = 10_000 // rows of one transaction
	for from := 0; from < n; from += chunk {
		err := db.Execute(b.Context(), `INSERT INTO certificates (tenant, subscription_key, id,
	subject_name, subject_name_folded, common_name, common_name_folded, issuer_name, issuer_name_folded,
	serial_number, thumbprint, not_before, not_after, status, revocation_reason, profile_id, holder,
	first_seen_date_time, last_changed_date_time, ordinal, listed)
WITH RECURSIVE row (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM row WHERE i + 1 < ?2)
SELECT ?3, ?4, printf('%032x', i),
	printf('CN=device-%07d,O=Example', i), printf('cn=device-%07d,o=example', i), printf('device-%07d', i), printf('device-%07d', i),
	'CN=Issuing CA,O=Example', 'cn=issuing ca,o=example', printf('%x', i + 4096), printf('%064x', i),
	?5 + i, ?5 + 864000000000 * 19 * (i % 97) + i, CASE WHEN i % 20 = 0 THEN 3 WHEN i % 5 = 1 THEN 2 ELSE 1 END, NULL,
	printf('1.2.3.%d', i % 10), printf('seat-%d', i), ?5, ?5, i, 1
FROM row`, from, min(from+chunk, n), "t", s.Key, odata.FromTime(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).Ticks)
		if err != nil {
			b.Fatal(err)
		}
	}
	return db
}

// scaled are lists that an admin asks for. NN is another number each time, so
// that the same few pages of the file do not answer all.
var scaled = []struct{ name, query string }{
	{"status", "$filter=status eq 'revoked'"},
	{"expiring", "$filter=notAfter lt 2024-03-NN"},
	{"expiringRarely", "$filter=notAfter lt 2024-01-01T00:00:NNZ"},
	{"validExpiring", "$filter=status eq 'valid' and notAfter ge 2025-06-NN and notAfter lt 2026-06-01"},
	{"serial", "$filter=serialNumber eq '10NN'"},
	{"name", "$filter=commonName eq 'device-00000NN'"},
	{"namesByExpiry", "$filter=startswith(commonName,'device-')&$orderby=notAfter&$skip=NN"},
	{"namesBegin", "$filter=startswith(commonName,'device-0000NN')"},
	{"namesBeginAll", "$filter=startswith(commonName,'device-')&$skip=NN"},
	{"validByName", "$filter=status eq 'valid'&$orderby=commonName&$skip=NN"},
	{"validByExpiry", "$filter=status eq 'valid'&$orderby=notAfter desc&$skip=NN"},
	{"expiringByName", "$filter=notAfter lt 2026-03-NN&$orderby=commonName"},
	{"revokedOrSuspended", "$filter=status in ('revoked','suspended')&$skip=NN"},
	{"notValid", "$filter=status ne 'valid'&$skip=NN"},
	{"profile", "$filter=profileId eq '1.2.3.4' and serialNumber ne 'NN'"},
	{"search", "$search=device-&$skip=NN"},
}

// BenchmarkFilteredAtScale measures a list of 100 certificates out of 1,000,000
// against the same out of 10,000. ratio is how many times as long it takes.
func BenchmarkFilteredAtScale(b *testing.B) {
	inventories := [2]*store.DB{longInventory(b, 10_000), longInventory(b, 1_000_000)}
	entity := pki.CertificateType()
	for _, s := range scaled {
		b.Run(s.name, func(b *testing.B) {
			var took [2]time.Duration
			for i := 0; b.Loop(); i++ {
				text := strings.NewReplacer(" ", "%20", "NN", fmt.Sprintf("%02d", i%20+10)).Replace(s.query)
				q, err := odata.ParseQuery(text, entity)
				if err != nil {
					b.Fatal(err)
				}
				for turn := range took {
					j := (i + turn) % len(took) // each is the first as often as the other
					begun := time.Now()
					if _, err := inventories[j].Certificates(b.Context(), "t", "a", q); err != nil {
						b.Fatal(err)
					}
					took[j] += time.Since(begun)
				}
			}
			b.ReportMetric(float64(took[1])/float64(took[0]), "ratio")
			b.ReportMetric(float64(took[1].Microseconds())/float64(b.N), "large-us/op")
		})
	}
}
