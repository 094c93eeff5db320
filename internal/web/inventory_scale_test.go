package web_test

import (
	"database/sql"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"       // fills the one engine
	_ "github.com/ncruces/go-sqlite3/driver" // fills the other
)

// enlarge copies the first certificate of alpha's inventory, until there are
// 100,000 that end one minute after the other.
func (w *world) enlarge() {
	w.t.Helper()
	driver, address := "pgx", w.url
	if file, ok := strings.CutPrefix(w.url, "sqlite:"); ok {
		driver, address = "sqlite3", "file:"+file
	}
	db, err := sql.Open(driver, address)
	must(w.t, err)
	defer func() { must(w.t, db.Close()) }()
	const same = "tenant, subscription_key, subject_name, subject_name_folded, subject_alternative_names, subject_alternative_names_folded, issuer_name, issuer_name_folded, " +
		"not_before, status, profile_id, holder, first_seen_date_time, last_changed_date_time, listed, first_provider, last_provider"
	for _, step := range []string{
		`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
		INSERT INTO certificates (` + same + `, id, common_name, common_name_folded, serial_number, not_after, ordinal)
		SELECT ` + same + `, id || '-' || i, 'Laptop-' || i, 'laptop-' || i, serial_number || i, not_after + i * CAST(600000000 AS BIGINT), i FROM n, certificates WHERE ordinal = 0`,
		"ANALYZE",
	} {
		_, err := db.ExecContext(w.t.Context(), step)
		must(w.t, err)
	}
}

// However long an inventory is and whatever stands in it, a page of it is small
// and takes one query, which is the only one: who asks stands in the cookie.
func TestLargeInventory(t *testing.T) {
	const most = 100 << 10 // bytes
	w := newWorld(t)
	w.subscribe("alpha")
	w.stock(1)
	w.enlarge()
	b := w.browser()
	b.enter("admin", tenantA)
	ask := func(path string) page {
		t.Helper()
		before := w.store.Stats().Queries
		p := b.get(path)
		if queries := w.store.Stats().Queries - before; queries != 1 {
			t.Fatalf("%s: %d queries", path, queries)
		}
		if p.StatusCode != http.StatusOK || len(p.body) > most {
			t.Errorf("%s: %s, %d bytes", path, p.Status, len(p.body))
		}
		return p
	}
	const rowMark = `<th scope="row">`
	path := alpha + "/certificates"
	nextPage := regexp.MustCompile(`href="([^"]*after=[^"]*)">Next page`)
	for n := 1; n <= 50; n++ {
		p := ask(path)
		if rows := strings.Count(p.body, rowMark); rows != 40 {
			t.Fatalf("page %d has %d certificates", n, rows)
		}
		m := nextPage.FindStringSubmatch(p.body)
		path = html.UnescapeString(m[1])
	}
	for search, want := range map[string]int{"laptop-99999": 1, "laptop-777": 40, "LAPTOP-4242": 11} {
		if p := ask(alpha + "/certificates?search=" + url.QueryEscape(search)); strings.Count(p.body, rowMark) != want {
			t.Errorf("%s: %d certificates, want %d", search, strings.Count(p.body, rowMark), want)
		}
	}
}
