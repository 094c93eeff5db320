package web_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// stock gives alpha an inventory of n certificates, as a worker would.
func (w *world) stock(n int) {
	w.t.Helper()
	l, now := w.lease(), odata.FromTime(w.Now())
	page := pki.RunPage{Listing: pki.Listing{ID: l.Run.ID}, Provider: 1, Run: l.Run, Now: now}
	for i := range n {
		serial, long := fmt.Sprintf("%04x", i), 0
		if i < 100 {
			long = 900
		}
		page.Certificates = append(page.Certificates, pki.Certificate{
			ID: pki.CertificateID(nil, "CN=issuing", serial), SubjectDN: fmt.Sprintf("=CN=device-%04d%s", i, strings.Repeat(`"`, long)), CommonName: fmt.Sprintf("Device-%04d", i),
			AltNames: strings.Repeat(`"`, long), IssuerDN: "CN=issuing", Serial: serial, NotBefore: now, NotAfter: odata.FromTime(w.Now().AddDate(0, 0, i)),
			Status: pki.CertificateStatus(1 + i%4), RevokedAt: odata.Never(), Reason: -1, ProfileID: strings.Repeat(`"`, long/10), Holder: strings.Repeat(`"`, long/10),
			FirstSeen: now, Changed: now, Missing: odata.Never(),
		})
	}
	_, err := w.store.SavePage(w.t.Context(), l, page)
	must(w.t, err)
}

// The inventory is gone through page by page, each small whatever stands in the
// certificates, and searched by text and state.
func TestInventory(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	w.stock(100)
	b := w.browser()
	b.enter("admin", tenantA)
	path, rows, pages := alpha+"/certificates", 0, 0
	for ; path != ""; pages++ {
		p := b.get(path)
		p.check(t)
		rows += strings.Count(p.body, `<th scope="row">`)
		path = ""
		if m := regexp.MustCompile(`href="([^"]*after=[^"]*)">Next page`).FindStringSubmatch(p.body); m != nil {
			path = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	if rows != 100 || pages != 3 {
		t.Errorf("%d certificates on %d pages", rows, pages)
	}
	for query, want := range map[string]int{"?search=DEVICE-0042": 1, "?search=nobody": 0, "?status=valid": 25, "?search=device-000&status=valid": 3} {
		if p := b.get(alpha + "/certificates" + query); strings.Count(p.body, `<th scope="row">`) != want {
			t.Errorf("%s: %d, want %d", query, strings.Count(p.body, `<th scope="row">`), want)
		}
	}
	for _, query := range []string{"?status=good", "?after=x", "?search=" + strings.Repeat("x", 300), "?search=%ff"} {
		if p := b.get(alpha + "/certificates" + query); p.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", query, p.Status)
		}
	}
}

// Exports have all that a search finds, beyond one page of the store, and no
// text that a spreadsheet takes for a formula.
func TestExport(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	w.stock(1010)
	b := w.browser()
	b.enter("admin", tenantA)
	p := b.get(alpha + "/certificates.csv")
	lines, err := csv.NewReader(strings.NewReader(p.body)).ReadAll()
	if err != nil || len(lines) != 1011 || lines[0][1] != "subjectName" || !strings.HasPrefix(lines[1][1], "'=CN=device-0000") {
		t.Errorf("CSV: %d lines, %v, %.80q", len(lines), err, lines[1])
	}
	if got := p.Header.Get("Content-Disposition"); got != `attachment; filename="certificates.csv"` {
		t.Errorf("Content-Disposition %q", got)
	}
	for query, want := range map[string]int{"": 1010, "?search=device-0042": 1, "?search=nobody": 0} {
		p := b.get(alpha + "/certificates.json" + query)
		var list []map[string]string
		if err := json.Unmarshal([]byte(p.body), &list); err != nil || len(list) != want {
			t.Errorf("JSON %s: %d of %d, %v", query, len(list), want, err)
		}
	}
}

// The audit trail tells who did what, page by page, and is the tenant's own.
func TestAudit(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.subscribe(pki.ID(fmt.Sprintf("sub-%02d", i)))
	}
	b, other := w.browser(), w.browser()
	b.enter("admin", tenantA)
	other.enter("other", tenantB)
	p := b.get("/console/audit")
	p.check(t)
	next := regexp.MustCompile(`href="([^"]*after=[^"]*)">Next page`).FindStringSubmatch(p.body)
	if !strings.Contains(p.body, "sub-59") || strings.Contains(p.body, ">sub-09<") || next == nil {
		t.Fatalf("first page:\n%s", p.body)
	}
	if p := b.get(next[1]); !strings.Contains(p.body, ">sub-09<") || !strings.Contains(p.body, "First page") {
		t.Errorf("second page:\n%s", p.body)
	}
	if p := other.get(next[1]); p.StatusCode != http.StatusBadRequest {
		t.Errorf("another tenant goes on: %s", p.Status)
	}
	if p := other.get("/console/audit"); strings.Contains(p.body, "sub-") {
		t.Error("another tenant sees the trail")
	}
	for _, path := range []string{alpha + "/certificates", alpha + "/certificates.csv"} {
		if p := other.get(path); p.StatusCode != http.StatusNotFound {
			t.Errorf("%s of another tenant: %s", path, p.Status)
		}
	}
}
