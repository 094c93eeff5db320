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
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Skipped: items(l.Run.ID, 2), Run: l.Run, Now: at(31)}))
	finish(t, db, l, 99)
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
	run.Cursor = []byte("page 2")
	save := func() (pki.Counts, error) {
		return db.SavePage(t.Context(), l, pki.RunPage{
			Certificates: list, Skipped: []pki.SkippedItem{{ID: "s", Run: run.ID, Reason: "r"}}, Listed: true, Run: run, Now: at(1),
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
		if page.Count != stored || string(got.Cursor) != cursor || got.Counts != counts {
			t.Errorf("%d are stored, the run has cursor %q and counts %+v; want %d, %q, %+v", page.Count, got.Cursor, got.Counts, stored, cursor, counts)
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
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: list, Listed: true, Run: l.Run, Now: at(1)}))
	finish(t, db, l, 20)

	l = take(t, db, "worker", 20)[0]
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: list[:n-gone], Listed: true, Run: l.Run, Now: at(21)}))
	asked := 0
	marked, err := db.MarkMissing(t.Context(), l, at(22), func(missing, total int) error {
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

// oneTrusted replaces the trusted root by another.
func oneTrusted(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	root := func(id pki.ID, s pki.TrustState) pki.Authority {
		return pki.Authority{ID: id, Kind: pki.AuthorityRoot, State: s, DER: []byte(id), FirstSeen: at(1), LastSeen: at(1)}
	}
	issuing := root("issuing", pki.TrustDiscovered)
	issuing.Kind = pki.AuthorityIssuing
	steps := []struct {
		name string
		seen []pki.Authority
		new  []pki.ID // quarantined, and not known before
		want map[pki.ID]pki.TrustState
	}{
		{"the first", []pki.Authority{root("old", pki.TrustTrusted), issuing}, nil, map[pki.ID]pki.TrustState{"old": pki.TrustTrusted, "issuing": pki.TrustDiscovered}},
		{"another is offered instead", []pki.Authority{root("new", pki.TrustQuarantined)}, []pki.ID{"new"}, map[pki.ID]pki.TrustState{"old": pki.TrustTrusted, "new": pki.TrustQuarantined}},
		{"and again", []pki.Authority{root("new", pki.TrustQuarantined)}, nil, map[pki.ID]pki.TrustState{"old": pki.TrustTrusted, "new": pki.TrustQuarantined}},
		{"an admin has approved", []pki.Authority{root("new", pki.TrustTrusted)}, nil, map[pki.ID]pki.TrustState{"old": pki.TrustRetiring, "new": pki.TrustTrusted, "issuing": pki.TrustDiscovered}},
		{"the former is offered still", []pki.Authority{root("old", pki.TrustQuarantined), root("new", pki.TrustTrusted)}, nil, map[pki.ID]pki.TrustState{"old": pki.TrustRetiring, "new": pki.TrustTrusted}},
		{"back to the former", []pki.Authority{root("new", pki.TrustQuarantined), root("old", pki.TrustTrusted)}, nil, map[pki.ID]pki.TrustState{"old": pki.TrustTrusted, "new": pki.TrustRetiring}},
		{"none is chosen", []pki.Authority{root("old", pki.TrustQuarantined), root("third", pki.TrustQuarantined)}, []pki.ID{"third"}, map[pki.ID]pki.TrustState{"old": pki.TrustQuarantined, "new": pki.TrustRetiring}},
	}
	for _, step := range steps {
		got, err := db.SaveAuthorities(t.Context(), l, step.seen)
		must(t, err)
		var ids []pki.ID
		for _, a := range got {
			ids = append(ids, a.ID)
		}
		if fmt.Sprint(ids) != fmt.Sprint(step.new) {
			t.Errorf("%s: told of %v, want %v", step.name, ids, step.new)
		}
		for id, want := range step.want {
			if a, err := db.Authority(t.Context(), tenant, "a", id); err != nil || a.State != want {
				t.Errorf("%s: state of %s is %d, %v; want %d", step.name, id, a.State, err, want)
			}
		}
	}
}
