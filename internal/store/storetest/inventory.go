package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// certificate returns a valid one whose members follow from its id.
func certificate(id pki.ID) pki.Certificate {
	der := []byte("DER of " + id)
	return pki.Certificate{
		ID: id, SHA256: pki.Thumbprint(der), DER: der, SubjectDN: "CN=" + string(id), CommonName: string(id), IssuerDN: "CN=Ausgeber Ä",
		Serial: "0a", NotBefore: at(-100), NotAfter: at(1000), Status: pki.CertificateValid, RevokedAt: odata.Never(), Reason: -1,
		ProfileID: "1.2.3", Holder: "seat", FirstSeen: at(1), Changed: at(1), Missing: odata.Never(),
	}
}

func inventory(t *testing.T, open Open) {
	t.Run("what is stored of a certificate comes back", func(t *testing.T) {
		db := open(t)
		l := lease(t, db, "a")
		bare := pki.Certificate{
			ID: "bare", NotBefore: odata.Never(), NotAfter: odata.Never(), RevokedAt: odata.Never(), Reason: -1,
			FirstSeen: at(1), Changed: at(1), Missing: odata.Never(),
		}
		want := []pki.Certificate{bare, certificate("full")}
		counts, err := db.SavePage(t.Context(), l, pki.RunPage{Certificates: want, Run: l.Run, Now: at(1)})
		must(t, err)
		if counts != (pki.Counts{Found: 2, New: 2}) {
			t.Errorf("counts are %+v", counts)
		}
		for _, c := range want {
			got, err := db.Certificate(t.Context(), tenant, "a", c.ID)
			must(t, err)
			if d := cmp.Diff(c, got); d != "" {
				t.Error(d)
			}
		}
		for _, selected := range []bool{false, true} {
			q := odata.Query{Top: 10, Select: odata.Selection{All: !selected, Names: []string{"certificate"}}}
			page, err := db.Certificates(t.Context(), tenant, "a", q)
			must(t, err)
			if got := page.Items[1].DER != nil; got != selected {
				t.Errorf("DER is in the list: %v, want %v", got, selected)
			}
		}
	})
	t.Run("a page is counted against what is known", func(t *testing.T) { counting(t, open) })
	t.Run("a revocation list leaves the rest as it is known", func(t *testing.T) {
		db := open(t)
		l := lease(t, db, "a")
		known := certificate("a")
		must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: []pki.Certificate{known}, Run: l.Run, Now: at(1)}))
		entry := pki.Certificate{
			ID: "a", IssuerDN: known.IssuerDN, Serial: known.Serial, NotBefore: odata.Never(), NotAfter: odata.Never(),
			Status: pki.CertificateRevoked, RevokedAt: at(2), Reason: 1, FirstSeen: at(3), Changed: at(3), Missing: odata.Never(),
		}
		for i, want := range []pki.Counts{{Found: 1, Changed: 1, Revoked: 1}, {Found: 1, Unchanged: 1}} {
			counts, err := db.SavePage(t.Context(), l, pki.RunPage{Certificates: []pki.Certificate{entry}, Run: l.Run, Now: at(3 + i)})
			must(t, err)
			if counts != want {
				t.Errorf("counts are %+v, want %+v", counts, want)
			}
		}
		known.Status, known.RevokedAt, known.Reason, known.Changed = pki.CertificateRevoked, at(2), 1, at(3)
		got, err := db.Certificate(t.Context(), tenant, "a", "a")
		must(t, err)
		if d := cmp.Diff(known, got); d != "" {
			t.Error(d)
		}
	})
	t.Run("what a complete listing lacks is marked", func(t *testing.T) { missing(t, open) })
	t.Run("a listing may lack more than fits into one transaction", func(t *testing.T) { manyMissing(t, open) })
	t.Run("a long page is stored in parts", func(t *testing.T) { longPage(t, open) })
	t.Run("skipped items are bounded and healed", func(t *testing.T) { skipped(t, open) })
	t.Run("authorities", func(t *testing.T) { authorities(t, open) })
	t.Run("skipped items", func(t *testing.T) {
		db := open(t)
		l := lease(t, db, "a")
		want := pki.SkippedItem{ID: "s", Run: l.Run.ID, Raw: []byte{0, 1}, Serial: "", Reason: "no serial", Seen: at(1)}
		for i := range 2 {
			want.Seen = at(i)
			counts, err := db.SavePage(t.Context(), l, pki.RunPage{Skipped: []pki.SkippedItem{want}, Run: l.Run, Now: at(i)})
			must(t, err)
			if counts != (pki.Counts{Found: 1, Skipped: 1}) {
				t.Errorf("counts are %+v", counts)
			}
		}
		page, err := db.SkippedItems(t.Context(), tenant, "a", odata.Query{Top: 10, Select: odata.Selection{All: true}})
		must(t, err)
		if d := cmp.Diff([]pki.SkippedItem{want}, page.Items); d != "" {
			t.Error(d)
		}
	})
}

// must2 is must for a result that nobody wants.
func must2(tb testing.TB) func(any, error) {
	return func(_ any, err error) {
		tb.Helper()
		must(tb, err)
	}
}

func counting(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	var list []pki.Certificate
	for i := range 250 {
		list = append(list, certificate(pki.ID(fmt.Sprintf("c%03d", i))))
	}
	save := func(want pki.Counts) {
		t.Helper()
		got, err := db.SavePage(t.Context(), l, pki.RunPage{Certificates: list, Run: l.Run, Listing: pki.Listing{ID: l.Run.ID}, Now: at(2)})
		must(t, err)
		if got != want {
			t.Errorf("counts are %+v, want %+v", got, want)
		}
		l.Run.Counts.Add(got)
		stored, err := db.Run(t.Context(), tenant, "a", l.Run.ID)
		must(t, err)
		if stored.Counts != l.Run.Counts {
			t.Errorf("the run has the counts %+v, want %+v", stored.Counts, l.Run.Counts)
		}
	}
	save(pki.Counts{Found: 250, New: 250})
	save(pki.Counts{Found: 250, Unchanged: 250})
	list[7].Status, list[7].RevokedAt, list[7].Reason = pki.CertificateRevoked, at(1), 4
	list[9].Holder = "somebody else"
	list = append(list, list[9], certificate("another"))
	save(pki.Counts{Found: 252, New: 1, Changed: 2, Unchanged: 249, Revoked: 1})
	got, err := db.Certificate(t.Context(), tenant, "a", list[9].ID)
	must(t, err)
	if got.FirstSeen != at(1) || got.Changed != at(2) {
		t.Errorf("first seen %v, changed %v", got.FirstSeen.Time(), got.Changed.Time())
	}
}

func missing(t *testing.T, open Open) {
	db := open(t)
	refusal := errors.New("too many")
	first := lease(t, db, "a")
	all := []pki.Certificate{certificate("a"), certificate("b"), certificate("c")}
	must2(t)(db.SavePage(t.Context(), first, pki.RunPage{Certificates: all, Run: first.Run, Listing: pki.Listing{ID: first.Run.ID}, Now: at(1)}))
	n, err := db.MarkMissing(t.Context(), first, first.Run.ID, at(2), func(int, int) error { return refusal })
	if n != 0 || err != nil {
		t.Errorf("marked %d, %v, although all were seen", n, err)
	}
	finish(t, db, first, 20)

	second := take(t, db, "worker", 20)[0]
	seen := []pki.Certificate{certificate("b"), certificate("new")}
	must2(t)(db.SavePage(t.Context(), second, pki.RunPage{Certificates: seen, Run: second.Run, Listing: pki.Listing{ID: second.Run.ID}, Now: at(21)}))
	_, err = db.MarkMissing(t.Context(), second, second.Run.ID, at(22), func(missing, total int) error {
		if missing != 2 || total != 3 {
			t.Errorf("asked about %d of %d, want 2 of 3", missing, total)
		}
		return refusal
	})
	if !errors.Is(err, refusal) {
		t.Errorf("error is %v, want the refusal", err)
	}
	expect := func(id pki.ID, want odata.DateTimeOffset) {
		t.Helper()
		c, err := db.Certificate(t.Context(), tenant, "a", id)
		must(t, err)
		if c.Missing != want {
			t.Errorf("%s is missing since %v, want %v", id, c.Missing.Time(), want.Time())
		}
	}
	expect("a", odata.Never())
	n, err = db.MarkMissing(t.Context(), second, second.Run.ID, at(23), func(int, int) error { return nil })
	if n != 2 || err != nil {
		t.Errorf("marked %d, %v; want 2", n, err)
	}
	expect("a", at(23))
	expect("b", odata.Never())
	expect("new", odata.Never())
	counts, err := db.SavePage(t.Context(), second, pki.RunPage{Certificates: all[:1], Run: second.Run, Listing: pki.Listing{ID: second.Run.ID}, Now: at(24)})
	must(t, err)
	if counts.Changed != 1 {
		t.Errorf("counts are %+v; what is back has changed", counts)
	}
	expect("a", odata.Never())
}

func authorities(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	want := pki.Authority{
		ID: "root", Kind: pki.AuthorityRoot, State: pki.TrustTrusted, DER: []byte("root"), SubjectDN: "CN=Würzel", IssuerDN: "CN=Würzel",
		Serial: "1", NotBefore: at(-9), NotAfter: at(9), ProfileIDs: []string{"p", "q"}, FirstSeen: at(1), LastSeen: at(1),
	}
	must(t, db.SaveAuthorities(t.Context(), l, []pki.Authority{want}, nil))
	again := want
	again.State, again.Kind, again.ProfileIDs = pki.TrustDiscovered, pki.AuthorityIssuing, []string{}
	again.FirstSeen, again.LastSeen = at(2), at(2)
	must(t, db.SaveAuthorities(t.Context(), l, []pki.Authority{again}, nil))
	want.ProfileIDs, want.LastSeen = again.ProfileIDs, again.LastSeen // a root stays a root, in the state that was decided on
	got, err := db.Authority(t.Context(), tenant, "a", "root")
	must(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	page, err := db.Authorities(t.Context(), tenant, "a", odata.Query{Top: 10, Select: odata.Selection{All: true}})
	must(t, err)
	if d := cmp.Diff([]pki.Authority{want}, page.Items); d != "" {
		t.Error(d)
	}
}
