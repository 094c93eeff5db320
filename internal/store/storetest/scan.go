package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

func scans(t *testing.T, open Open) {
	t.Run("what is unchanged is not written", func(t *testing.T) { unwritten(t, open) })
	t.Run("how an inventory is followed comes back", func(t *testing.T) { following(t, open) })
	t.Run("what is known by its serial number", func(t *testing.T) { knownSerials(t, open) })
	t.Run("bits of another listing do not count", func(t *testing.T) { otherListing(t, open) })
}

func unwritten(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	var list []pki.Certificate
	for i := range 700 {
		list = append(list, certificate(pki.ID(fmt.Sprintf("c%03d", i))))
	}
	page := pki.RunPage{Certificates: list, Listing: pki.Listing{ID: "first"}, Run: l.Run, Now: at(1)}
	must2(t)(db.SavePage(t.Context(), l, page))
	from := pki.DeltaPosition{Initial: true}
	for more := true; more; {
		d, err := db.CertificateChanges(t.Context(), tenant, "a", odata.Query{Top: 500}, from)
		must(t, err)
		from, more = d.Next, d.More
	}
	page.Listing.ID, page.Now = "second", at(2)
	counts, err := db.SavePage(t.Context(), l, page)
	must(t, err)
	if counts != (pki.Counts{Found: 700, Unchanged: 700}) {
		t.Errorf("counts are %+v", counts)
	}
	d, err := db.CertificateChanges(t.Context(), tenant, "a", odata.Query{Top: 500}, from)
	must(t, err)
	if len(d.Items) != 0 {
		t.Errorf("%d certificates were written", len(d.Items))
	}
	if n, err := db.MarkMissing(t.Context(), l, "second", at(3), nil); n != 0 || err != nil {
		t.Errorf("%d are missing, %v", n, err)
	}
}

func following(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	got, err := db.Following(t.Context(), l)
	must(t, err)
	if d := cmp.Diff(pki.Following{}, got); d != "" {
		t.Error(d)
	}
	want := pki.Following{
		Position: pki.Position{Mode: provider.InventoryEvents, Config: "c", Watermark: at(-5).Time(), Events: []byte{0, 255}, Full: at(-9).Time()},
		Listing: pki.Listing{
			ID: "listing", Mode: provider.InventoryEvents, Config: "c", Began: at(0), Scan: provider.ScanEvents, Position: []byte{0, 255},
			Cursor: []byte("7"), Latest: at(-4).Time(), Timeless: true, Skipped: true,
		},
	}
	run := l.Run
	run.Status, run.Ended = pki.RunFailed, at(1)
	must(t, db.FinishRun(t.Context(), l, run, func(s *pki.Subscription) pki.Effects {
		s.NextSync = at(2)
		return pki.Effects{Following: &want}
	}))
	l = take(t, db, "another", 2)[0]
	got, err = db.Following(t.Context(), l)
	must(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	finish(t, db, l, 9)
	got, err = db.Following(t.Context(), take(t, db, "another", 9)[0])
	must(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("an end that says nothing of it changed it: %s", d)
	}
}

func knownSerials(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	numbered := func(id pki.ID, serial string) pki.Certificate {
		c := certificate(id)
		c.Serial = serial
		return c
	}
	listed := []pki.Certificate{numbered("a", "1"), numbered("b", "2"), numbered("c", "2"), numbered("gone", "3")}
	listed[0].Status = pki.CertificateSuspended
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: listed, Listing: pki.Listing{ID: "1"}, Run: l.Run, Now: at(1)}))
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: []pki.Certificate{numbered("d", "4")}, Run: l.Run, Now: at(1)}))
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: listed[:3], Listing: pki.Listing{ID: "2"}, Run: l.Run, Now: at(1)}))
	must2(t)(db.MarkMissing(t.Context(), l, "2", at(2), func(int, int) error { return nil }))
	known, err := db.Known(t.Context(), l, []string{"1", "2", "3", "4", "5"})
	must(t, err)
	if d := cmp.Diff(map[string]pki.CertificateStatus{"1": pki.CertificateSuspended}, known); d != "" {
		t.Error(d)
	}
	page := pki.RunPage{Seen: []string{"1", "3", "5"}, Listing: pki.Listing{ID: "3"}, Run: l.Run, Now: at(3)}
	counts, err := db.SavePage(t.Context(), l, page)
	must(t, err)
	if counts != (pki.Counts{Found: 3, Unchanged: 1, Skipped: 2}) {
		t.Errorf("counts are %+v", counts)
	}
	if missing, total, err := db.CountMissing(t.Context(), l, pki.Seen{0: []byte{1}}); missing != 2 || total != 3 || err != nil {
		t.Errorf("%d of %d would be missing, %v; want 2 of 3", missing, total, err)
	}
}

func otherListing(t *testing.T, open Open) {
	db := open(t)
	l := lease(t, db, "a")
	list := []pki.Certificate{certificate("a"), certificate("b")}
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: list, Listing: pki.Listing{ID: "old"}, Run: l.Run, Now: at(1)}))
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: list[:1], Listing: pki.Listing{ID: "new"}, Run: l.Run, Now: at(2)}))
	changed := list[1]
	changed.Holder = "told by an event" // which is no listing
	event := pki.Listing{ID: "new", Scan: provider.ScanEvents}
	must2(t)(db.SavePage(t.Context(), l, pki.RunPage{Certificates: []pki.Certificate{changed}, Listing: event, Run: l.Run, Now: at(2)}))
	n, err := db.MarkMissing(t.Context(), l, "new", at(3), func(missing, total int) error {
		if missing != 1 || total != 2 {
			t.Errorf("asked about %d of %d, want 1 of 2", missing, total)
		}
		return nil
	})
	if n != 1 || err != nil {
		t.Errorf("marked %d, %v", n, err)
	}
}
