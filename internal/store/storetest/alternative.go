package storetest

import (
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// alternativeNames: a certificate that was stored without its alternative names
// gets them when it is met again, and keeps them when a record tells nothing.
func alternativeNames(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	save := func(names string) pki.Counts {
		t.Helper()
		c := certificate("c")
		c.AltNames = names
		counts, err := db.SavePage(t.Context(), l, pki.RunPage{Certificates: []pki.Certificate{c}, Listing: pki.Listing{ID: l.Run.ID}, Run: l.Run, Now: at(1)})
		must(t, err)
		return counts
	}
	path := odata.Path{Property: pki.CertificateType().Property("subjectAlternativeNames")}
	found := func(e odata.Expr) bool {
		t.Helper()
		page, err := db.Certificates(t.Context(), tenant, "a", odata.Query{Top: 5, Filter: e})
		must(t, err)
		return len(page.Items) == 1
	}
	save("")
	if !found(odata.Comparison{Path: path, Op: odata.Eq, Value: odata.NullValue()}) {
		t.Error("names that are not known are not null")
	}
	if counts := save("DNS:Device.Example"); counts.Changed != 1 {
		t.Errorf("names that are new: %+v, want one that changed", counts)
	}
	if counts := save(""); counts.Unchanged != 1 {
		t.Errorf("a record without names: %+v, want one unchanged", counts)
	}
	if !found(odata.Match{Path: path, Fold: true, Func: odata.Contains, Text: "dns:device.example"}) {
		t.Error("the names are not found by their folded text")
	}
	got, err := db.Certificate(t.Context(), tenant, "a", "c")
	must(t, err)
	if got.AltNames != "DNS:Device.Example" {
		t.Errorf("names are %q", got.AltNames)
	}
}
