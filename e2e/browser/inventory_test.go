package browser

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	_ "github.com/ncruces/go-sqlite3/driver" // the database of the service
)

// large is how many certificates the inventory has that is searched.
const large = 100_000

// enlarge fills the inventory of the only subscription of a database, whose
// service is stopped, with copies of one certificate under other names: to
// issue and sync as many takes a minute.
func enlarge(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{
		"BEGIN",
		`CREATE TEMP TABLE copies AS WITH RECURSIVE n (i) AS (SELECT (SELECT ordinals FROM inventories) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ` + fmt.Sprint(large) + `)
			SELECT n.i AS i, c.* FROM n, (SELECT * FROM certificates WHERE status = (SELECT status FROM certificates WHERE ordinal = 0) AND ordinal = 0) AS c`,
		`UPDATE copies SET ordinal = i, id = id || '-' || i, serial_number = printf('%s%06x', serial_number, i), common_name = printf('laptop-%06d.example.com', i),
			not_after = not_after + i * (86400000000 / 1000), profile_id = '2.16.840.1.113733.1.16.1.2.3.6.1.81234567', holder = printf('seat-%06d', i)`,
		`UPDATE copies SET subject_name = 'CN=' || common_name || ',O=Example', common_name_folded = common_name,
			subject_alternative_names = NULL, subject_alternative_names_folded = NULL`,
		`UPDATE copies SET subject_name_folded = lower(subject_name)`,
		`ALTER TABLE copies DROP COLUMN i`,
		`INSERT INTO certificates SELECT * FROM copies`,
		`UPDATE inventories SET ordinals = ` + fmt.Sprint(large),
		"COMMIT",
	} {
		if _, err := db.ExecContext(t.Context(), step); err != nil {
			t.Fatalf("%.60s: %v", step, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// searches finds one certificate among 100,000, and a hundred, which it exports.
func (w *world) searches(p *tab) {
	p.open("/console/subscriptions/" + w.laptops)
	p.follow("a[href$='/certificates']")
	p.await("//h2[.='Found']")
	p.write("#search", "laptop-098765")
	p.press(kb.Enter)
	p.await("//tbody[count(tr)=1]//th[contains(., 'CN=laptop-098765.example.com')]")
	p.open("/console/subscriptions/" + w.laptops + "/certificates?search=laptop-0987")
	p.await("//tbody[count(tr)=40]//th[contains(., 'CN=laptop-098700.example.com')]")
	p.follow("nav a[href*='after=']")
	p.await("//tbody[count(tr)=40]//th[contains(., 'CN=laptop-098740.example.com')]")
	for _, format := range []string{"csv", "json"} {
		file := string(p.download("a[href*='certificates." + format + "?']"))
		if n := strings.Count(file, "CN=laptop-0987"); n != 100 {
			p.Errorf("the %s has %d of 100 certificates:\n%.500s", format, n, file)
		}
	}
	p.open("/console/subscriptions/" + w.laptops + "/certificates?search=nobody")
	p.await("//p[.='No certificate.']")
}
