package storetest

import (
	"fmt"
	"testing"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/store"
)

func skippedCount(tb testing.TB, db *store.DB) int64 {
	tb.Helper()
	page, err := db.SkippedItems(tb.Context(), tenant, "a", odata.Query{Top: 1, Count: true})
	must(tb, err)
	return page.Count
}

// skipped lets a CA answer more unreadable records than are kept.
func skipped(t *testing.T, open Open) {
	const kept, met = 1000, 1200
	db := open(t)
	l := lease(t, db, "a")
	items := func(run pki.ID, n int) (list []pki.SkippedItem) {
		for i := range n {
			list = append(list, pki.SkippedItem{ID: pki.ID(fmt.Sprintf("s%04d", i)), Run: run, Raw: []byte{1}, Reason: "r", Seen: at(1)})
		}
		return list
	}
	for range 2 {
		counts, err := db.SavePage(t.Context(), l, pki.RunPage{Skipped: items(l.Run.ID, met), Run: l.Run, Now: at(1)})
		must(t, err)
		if counts != (pki.Counts{Found: met, Skipped: met}) {
			t.Errorf("counts are %+v, want all %d", counts, met)
		}
		if n := skippedCount(t, db); n != kept {
			t.Errorf("%d items are kept, want %d", n, kept)
		}
	}
	finish(t, db, l, 20)

	l = take(t, db, "worker", 20)[0]
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Skipped: items(l.Run.ID, 3), Run: l.Run, Now: at(21)}))
	failed := l.Run
	failed.Status, failed.Ended = pki.RunFailed, at(22)
	must(t, db.FinishRun(t.Context(), l, failed, func(s *pki.Subscription) pki.Effects { s.NextSync = at(30); return pki.Effects{} }))
	if n := skippedCount(t, db); n != kept {
		t.Errorf("%d items are left by a run that failed, want all %d", n, kept)
	}
	l = take(t, db, "worker", 30)[0]
	again := items(l.Run.ID, 2)
	again[0].Seen, again[1].Seen = at(31), at(32)
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Skipped: again, Run: l.Run, Now: at(31)}))
	good := l.Run
	good.Status, good.Ended = pki.RunSucceeded, at(33)
	must(t, db.FinishRun(t.Context(), l, good, func(*pki.Subscription) pki.Effects { return pki.Effects{Reread: at(31)} }))
	if n := skippedCount(t, db); n != 2 {
		t.Errorf("%d items are left by a good run, want the 2 that it has met", n)
	}
}

// longPage breaks in the middle of a page: what came before is kept, and the
// run stands where it stood, so that the page is fetched again.
func longPage(t *testing.T, open Open) {
	const n, chunk = 1300, 500
	db := open(t)
	l := lease(t, db, "a")
	var list []pki.Certificate
	for i := range n {
		list = append(list, certificate(pki.ID(fmt.Sprintf("c%04d", i))))
	}
	list[n-1].Holder = "cannot be stored: \x00"
	run := l.Run
	save := func() (pki.Counts, error) {
		return db.SavePage(t.Context(), l, pki.RunPage{
			Certificates: list, Skipped: []pki.SkippedItem{{ID: "s", Run: run.ID, Reason: "r"}}, Run: run, Now: at(1),
			Listing: pki.Listing{ID: l.Run.ID, Cursor: []byte("page 2")},
		})
	}
	_, err := save()
	code(t, err, pki.CodeInvalid)
	expect := func(stored int64, cursor string, counts pki.Counts) {
		t.Helper()
		page, err := db.Certificates(t.Context(), tenant, "a", odata.Query{Top: 1, Count: true})
		must(t, err)
		got, err := db.Run(t.Context(), tenant, "a", run.ID)
		must(t, err)
		following, err := db.Following(t.Context(), l)
		must(t, err)
		if at := string(following.Listing.Cursor); page.Count != stored || at != cursor || got.Counts != counts {
			t.Errorf("%d are stored, the listing has cursor %q and the run counts %+v; want %d, %q, %+v", page.Count, at, got.Counts, stored, cursor, counts)
		}
	}
	expect(2*chunk, "", pki.Counts{})
	list[n-1] = certificate("last")
	counts, err := save()
	must(t, err)
	want := pki.Counts{Found: n + 1, New: n - 2*chunk, Unchanged: 2 * chunk, Skipped: 1}
	if counts != want {
		t.Errorf("counts are %+v, want %+v", counts, want)
	}
	expect(n, "page 2", want)
}

// manyMissing goes beyond what is looked at in one transaction.
func manyMissing(t *testing.T, open Open) {
	const n, gone = 5300, 5100 // of each chunk some are missing
	db := open(t)
	l := lease(t, db, "a")
	var list []pki.Certificate
	for i := range n {
		c := certificate(pki.ID(fmt.Sprintf("c%04d", i)))
		c.SHA256, c.DER = "", nil
		list = append(list, c)
	}
	// Known from a revocation list alone: never listed, so never missing.
	entry := certificate("z revoked")
	entry.Status, entry.RevokedAt = pki.CertificateRevoked, at(1)
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: []pki.Certificate{entry}, Run: l.Run, Now: at(1)}))
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: list, Listing: pki.Listing{ID: l.Run.ID}, Run: l.Run, Now: at(1)}))
	finish(t, db, l, 20)

	l = take(t, db, "worker", 20)[0]
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: list[:n-gone], Listing: pki.Listing{ID: l.Run.ID}, Run: l.Run, Now: at(21)}))
	asked := 0
	marked, err := db.MarkMissing(t.Context(), l, l.Run.ID, at(22), func(missing, total int) error {
		if asked++; missing != gone || total != n {
			t.Errorf("asked about %d of %d, want %d of %d", missing, total, gone, n)
		}
		return nil
	})
	if marked != gone || err != nil || asked != 1 {
		t.Errorf("marked %d, %v, asked %d times; want %d and once", marked, err, asked, gone)
	}
	since := odata.Path{Property: pki.CertificateType().Property("missingSinceDateTime")}
	page, err := db.Certificates(t.Context(), tenant, "a", odata.Query{
		Top: 1, Count: true, Filter: odata.Comparison{Path: since, Op: odata.Eq, Value: odata.Date(at(22))},
	})
	must(t, err)
	if page.Count != gone {
		t.Errorf("%d are missing, want %d", page.Count, gone)
	}
	if c, err := db.Certificate(t.Context(), tenant, "a", "z revoked"); err != nil || !c.Missing.IsNever() {
		t.Errorf("what was never listed is missing since %v, %v", c.Missing.Time(), err)
	}
}
