package pki_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

func modes() []provider.InventoryMode {
	return []provider.InventoryMode{provider.InventoryFull, provider.InventoryIssuedWindow, provider.InventoryUpdatedSince, provider.InventoryEvents}
}

// Each mode lists everything at first, then asks for what has changed, and now
// and then lists everything again, which alone tells what is missing.
func TestStrategies(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	second := map[provider.InventoryMode][]provider.ScanMode{
		provider.InventoryFull:         {provider.ScanAll},
		provider.InventoryIssuedWindow: {provider.ScanIssued, provider.ScanRevoked},
		provider.InventoryUpdatedSince: {provider.ScanChanged},
		provider.InventoryEvents:       {provider.ScanEvents},
	}
	for _, mode := range modes() {
		t.Run(string(mode), func(t *testing.T) {
			ca, id := all.add(t, mode)
			ca.issue(9)
			ca.good(id, pki.Counts{Found: 9, New: 9})
			ca.compare(id)
			ca.w.now = ca.w.now.Add(100 * time.Hour)
			ca.issue(1)
			ca.turn(ca.any(2), provider.StatusRevoked)
			run := ca.sync(id)
			if c := run.Counts; c.New != 1 || c.Changed != 1 || c.Revoked != 1 || c.Missing != 0 {
				t.Errorf("counts %+v", c)
			}
			if !slices.Equal(slices.Compact(ca.scans), second[mode]) {
				t.Errorf("asked for %q, want %q", ca.scans, second[mode])
			}
			ca.compare(id)
			ca.turn(ca.any(2), provider.StatusValid) // and valid again
			ca.sync(id)
			ca.compare(id)
			delete(ca.records, ca.any(0))
			ca.w.now = ca.w.now.Add(8 * 24 * time.Hour)
			ca.good(id, pki.Counts{Found: 9, Unchanged: 9, Missing: 1})
			ca.compare(id)
		})
	}
}

// A change of what is followed is followed from the beginning.
func TestPositionIsDroppedByAChange(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	ca, id := all.add(t, provider.InventoryUpdatedSince)
	ca.issue(3)
	ca.sync(id)
	ca.w.update(id, pki.Draft{Description: pki.Given("nothing of it")})
	if ca.sync(id); ca.scans[0] != provider.ScanChanged {
		t.Errorf("a new description: asked for %q", ca.scans)
	}
	ca.w.update(id, pki.Draft{Credentials: pki.Given(pki.DraftCredentials{UserName: pki.Given("another")})})
	if ca.sync(id); ca.scans[0] != provider.ScanAll {
		t.Errorf("another account: asked for %q", ca.scans)
	}
}

func TestLostPosition(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	ca, id := all.add(t, provider.InventoryEvents)
	ca.issue(6)
	ca.sync(id)
	ca.issue(1)
	delete(ca.records, ca.any(3))
	ca.forgot = len(ca.events)
	ca.good(id, pki.Counts{Found: 6, New: 1, Unchanged: 5, Missing: 1})
	ca.compare(id)
	ca.issue(1)
	ca.good(id, pki.Counts{Found: 1, New: 1})
}

// A CA's clock may be wrong, and it may tell no times at all.
func TestClocksOfCAs(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	for _, skew := range []time.Duration{-30 * time.Hour, -time.Hour, 0, time.Hour, 30 * time.Hour} {
		for _, mode := range []provider.InventoryMode{provider.InventoryIssuedWindow, provider.InventoryUpdatedSince} {
			t.Run(fmt.Sprint(mode, skew), func(t *testing.T) {
				ca, id := all.add(t, mode)
				ca.skew = skew
				ca.issue(5)
				for n := range 3 {
					ca.sync(id)
					ca.compare(id)
					ca.w.now = ca.w.now.Add(10 * time.Hour)
					ca.issue(1)
					ca.turn(ca.any(n), provider.StatusRevoked)
				}
				if ca.sync(id); ca.scans[0] == provider.ScanAll {
					t.Error("everything was listed again")
				}
				ca.compare(id)
			})
		}
	}
	t.Run("none", func(t *testing.T) {
		ca, id := all.add(t, provider.InventoryUpdatedSince)
		ca.quiet = true
		ca.issue(5)
		ca.sync(id)
		ca.issue(1)
		ca.good(id, pki.Counts{Found: 6, New: 1, Unchanged: 5})
	})
}

// A process that is killed at any page leaves a run that another goes on with
// at that page; a failure of the network leaves a listing that the next run
// goes on with.
func TestListingsGoOn(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	for _, mode := range []provider.InventoryMode{provider.InventoryFull, provider.InventoryEvents} {
		for page := 1; page <= 4; page++ {
			t.Run(fmt.Sprintf("killed/%s/%d", mode, page), func(t *testing.T) {
				ca, id := all.add(t, mode)
				ca.issue(14) // four pages
				ctx, kill := context.WithCancel(t.Context())
				ca.hook = func(n int) error {
					if n == page {
						kill()
					}
					return nil
				}
				ca.ask(id)
				l := ca.w.take("first")
				if err := ca.w.service.Sync(ctx, l); !errors.Is(err, context.Canceled) {
					t.Fatalf("a killed run answers %v", err)
				}
				ca.w.must(ca.w.store.Release(t.Context(), l))
				ca.hook, ca.scans = nil, nil
				all.serve()
				run := ca.w.syncOne()
				ca.adds(run)
				if run.ID != l.Run.ID || run.Counts.Found != 14 || run.Counts.Missing != 0 || len(ca.scans) > 6-page {
					t.Errorf("resumed as %+v with %d pages", run.Counts, len(ca.scans))
				}
				ca.compare(id)
			})
		}
	}
	for _, fault := range []struct {
		code provider.Code
		kept bool
	}{{provider.CodeTimeout, true}, {provider.CodeUpstream5xx, true}, {provider.CodeProtocol, false}} {
		t.Run("failed/"+string(fault.code), func(t *testing.T) {
			ca, id := all.add(t, provider.InventoryFull)
			ca.issue(14)
			ca.sync(id)
			delete(ca.records, ca.any(1))
			ca.hook = func(n int) error {
				if n == 3 {
					return &provider.Error{Code: fault.code, Msg: "broken"}
				}
				return nil
			}
			if run := ca.sync(id); run.Error != fault.code || run.Counts.Found != 8 {
				t.Fatalf("run %+v", run)
			}
			ca.hook = nil
			run := ca.sync(id)
			if want := map[bool]int{true: 5, false: 13}[fault.kept]; run.Counts.Found != want || run.Counts.Missing != 1 {
				t.Errorf("counts %+v, want %d found and 1 missing", run.Counts, want)
			}
			ca.compare(id)
		})
	}
	t.Run("not for long", func(t *testing.T) {
		ca, id := all.add(t, provider.InventoryFull)
		ca.issue(14)
		ca.hook = func(n int) error {
			if n == 3 {
				return &provider.Error{Code: provider.CodeTimeout, Msg: "slow"}
			}
			return nil
		}
		ca.sync(id)
		ca.hook, ca.w.now = nil, ca.w.now.Add(25*time.Hour)
		ca.good(id, pki.Counts{Found: 14, New: 6, Unchanged: 8})
	})
}

// Whatever a record holds, it is kept as it is and costs nothing but itself.
func TestOddRecords(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	ca, id := all.add(t, provider.InventoryFull)
	ca.issue(3)
	ca.sync(id)
	delete(ca.records, ca.any(0)) // nothing is called missing while a record cannot be read
	sound := provider.Record{Serial: "77", IssuerDN: "CN=x", Status: provider.StatusValid}
	for name, spoil := range map[string]func(r *provider.Record){
		"serial":   func(r *provider.Record) { r.Serial = "00ZZ" },
		"empty":    func(r *provider.Record) { *r = provider.Record{} },
		"issuer":   func(r *provider.Record) { r.IssuerDN = "" },
		"year":     func(r *provider.Record) { r.NotAfter = time.Date(20260, 1, 1, 0, 0, 0, 0, time.UTC) },
		"large":    func(r *provider.Record) { r.DER = make([]byte, 65<<10) },
		"negative": func(r *provider.Record) { r.Serial = "-5" },
	} {
		t.Run(name, func(t *testing.T) {
			r := sound
			spoil(&r)
			ca.w.t = t
			ca.odd = func(page *provider.Page) {
				page.Records = append(slices.Clone(page.Records), r, page.Records[0])
				page.Total = -7
			}
			ca.good(id, pki.Counts{Found: 4, Unchanged: 3, Skipped: 1})
		})
	}
	items, err := ca.w.service.SkippedItems(t.Context(), tenant, id, ca.w.query(pki.SkippedItemType(), "$top=50"))
	ca.w.must(err)
	for _, item := range items.Items {
		if item.Reason == "" || len(item.Raw) > provider.MaxRaw {
			t.Errorf("kept as %q, %d bytes", item.Reason, len(item.Raw))
		}
	}
	ca.odd, ca.w.t, ca.w.now = nil, t, ca.w.now.Add(time.Second)
	ca.good(id, pki.Counts{Found: 2, Unchanged: 2, Missing: 1})
	if items, err = ca.w.service.SkippedItems(t.Context(), tenant, id, ca.w.query(pki.SkippedItemType(), "")); err != nil || len(items.Items) != 0 {
		t.Errorf("%d items are kept after a listing without them, %v", len(items.Items), err)
	}
}

// A listing that does not get on, and one that is not complete, end honestly.
func TestPoorListings(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	ca, id := all.add(t, provider.InventoryFull)
	ca.issue(9)
	ca.sync(id)
	delete(ca.records, ca.any(8))
	ca.odd = func(page *provider.Page) { page.Full = false }
	ca.good(id, pki.Counts{Found: 8, Unchanged: 8})
	ca.odd = func(page *provider.Page) { page.More, page.Next = true, provider.Cursor("0") }
	if run := ca.sync(id); run.Error != provider.CodeIncompleteListing {
		t.Errorf("run %+v", run)
	}
	ca.odd = func(*provider.Page) { panic("upset") }
	if run := ca.sync(id); run.Error != provider.CodeInternal || strings.Contains(run.Message, "upset") {
		t.Errorf("run %+v", run)
	}
}

// Much that vanishes at once is not believed.
func TestRemovalGuard(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	for _, c := range []struct {
		all, gone int
		refused   bool
	}{{40, 10, false}, {44, 11, false}, {43, 11, true}, {10, 10, false}, {11, 11, true}} {
		ca, id := all.add(t, provider.InventoryFull)
		ca.page = 100
		ca.issue(c.all)
		ca.sync(id)
		for range c.gone {
			delete(ca.records, ca.any(0))
		}
		run := ca.sync(id)
		if refused := run.Error == provider.CodeTooManyRemovals; refused != c.refused || !refused && run.Counts.Missing != c.gone {
			t.Errorf("%d of %d: %s, %+v", c.gone, c.all, run.Message, run.Counts)
		}
	}
}

// A CA that lists serials is asked for what is not known, and nothing of what is
// known is written.
func TestKnownSerials(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	ca, id := all.add(t, provider.InventoryFull)
	ca.serials = true
	ca.issue(9)
	ca.good(id, pki.Counts{Found: 9, New: 9})
	ca.turn(ca.any(4), provider.StatusRevoked)
	ca.issue(1)
	_, before := ca.changesSince(id, pki.DeltaPosition{Initial: true})
	ca.good(id, pki.Counts{Found: 10, New: 1, Changed: 1, Unchanged: 8, Revoked: 1})
	if told, _ := ca.changesSince(id, before); told != 2 {
		t.Errorf("%d certificates were written, want 2", told)
	}
	gone := ca.records[ca.any(0)]
	delete(ca.records, gone.Serial)
	ca.good(id, pki.Counts{Found: 9, Unchanged: 9, Missing: 1})
	ca.records[gone.Serial] = gone // what is back is asked for again
	ca.good(id, pki.Counts{Found: 10, Changed: 1, Unchanged: 9})
	ca.odd = func(page *provider.Page) { page.Seen = append(page.Seen, "dead") }
	ca.good(id, pki.Counts{Found: 13, Unchanged: 10, Skipped: 3})
}

// changesSince returns how many certificates have changed since from.
func (ca *scriptedCA) changesSince(id pki.ID, from pki.DeltaPosition) (n int, next pki.DeltaPosition) {
	ca.w.t.Helper()
	for {
		page, err := ca.w.store.CertificateChanges(ca.w.t.Context(), tenant, id, odata.Query{Top: 100}, from)
		ca.w.must(err)
		n += len(page.Items)
		if from = page.Next; !page.More {
			return n, from
		}
	}
}

// Whatever happens at the CA and to the runs, what is stored is in the end what
// the CA has.
func TestStoredIsWhatTheCAHas(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	for _, mode := range modes() {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(mode, seed), func(t *testing.T) {
				ca, id := all.add(t, mode)
				r := rand.New(rand.NewPCG(seed, 42))
				ca.issue(10)
				for range 12 {
					ca.happen(r)
					ca.w.now = ca.w.now.Add(time.Duration(r.IntN(30)) * time.Hour)
					ca.disturb(r, id)
				}
				ca.hook = nil
				ca.sync(id)
				if run := ca.sync(id); run.Status != pki.RunSucceeded {
					t.Fatalf("run %+v", run)
				}
				ca.compare(id)
				delete(ca.records, ca.any(r.IntN(99)))
				ca.w.now = ca.w.now.Add(8 * 24 * time.Hour)
				ca.sync(id)
				ca.compare(id)
			})
		}
	}
}

// happen changes something at the CA.
func (ca *scriptedCA) happen(r *rand.Rand) {
	switch r.IntN(4) {
	case 0:
		ca.issue(1 + r.IntN(5))
	case 1:
		ca.turn(ca.any(r.IntN(99)), provider.StatusRevoked)
	case 2:
		ca.turn(ca.any(r.IntN(99)), provider.StatusValid)
	}
}

// disturb syncs while something happens, to the CA, the network or the process.
func (ca *scriptedCA) disturb(r *rand.Rand, id pki.ID) {
	at, what := 1+r.IntN(4), r.IntN(4)
	ctx, kill := context.WithCancel(ca.w.t.Context())
	defer kill()
	ca.hook = func(n int) error {
		if n != at {
			return nil
		}
		switch what {
		case 0:
			kill()
		case 1:
			return &provider.Error{Code: provider.CodeTimeout, Msg: "slow"}
		case 2:
			return &provider.Error{Code: provider.CodeProtocol, Msg: "odd"}
		case 3:
			ca.happen(r)
		}
		return nil
	}
	ca.ask(id)
	l := ca.w.take("worker")
	if err := ca.w.service.Sync(ctx, l); err != nil {
		ca.w.must(ca.w.store.Release(ca.w.t.Context(), l))
		return
	}
	run, err := ca.w.service.Run(ca.w.t.Context(), tenant, id, l.Run.ID)
	ca.w.must(err)
	ca.adds(run)
}

// A dry run tells what a sync would do, and does nothing of it.
func TestPreview(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	ca, id := all.add(t, provider.InventoryFull)
	preview := func() pki.Run {
		t.Helper()
		asked, err := ca.w.service.RequestPreview(t.Context(), tenant, pki.Actor{}, id)
		ca.w.must(err)
		run := ca.w.syncOne()
		if ca.adds(run); run.ID != asked.ID || !run.DryRun || run.Status != pki.RunSucceeded {
			t.Errorf("run %+v", run)
		}
		return run
	}
	ca.issue(9)
	if c := preview().Counts; c != (pki.Counts{Found: 9, New: 9}) {
		t.Errorf("counts %+v", c)
	}
	if page := ca.w.certificates(id, "$count=true"); page.Count != 0 {
		t.Errorf("%d certificates were stored", page.Count)
	}
	ca.good(id, pki.Counts{Found: 9, New: 9})
	before := ca.w.get(id)
	ca.turn(ca.any(3), provider.StatusRevoked)
	delete(ca.records, ca.any(5))
	ca.issue(1)
	want := pki.Counts{Found: 9, New: 1, Changed: 1, Unchanged: 7, Revoked: 1, Missing: 1}
	_, from := ca.changesSince(id, pki.DeltaPosition{Initial: true})
	for range 2 {
		if c := preview().Counts; c != want {
			t.Errorf("counts %+v, want %+v", c, want)
		}
	}
	if told, _ := ca.changesSince(id, from); told != 0 {
		t.Errorf("%d certificates were written", told)
	}
	after := ca.w.get(id)
	if before.Revision = after.Revision; after.SyncStatus != before.SyncStatus || after.LastSync != before.LastSync || after.NextSync != before.NextSync {
		t.Errorf("before %+v, after %+v", before, after)
	}
	ca.good(id, want)
}

// A dry run that is queued gives way to a sync, which tells more.
func TestPreviewBecomesSync(t *testing.T) {
	t.Parallel()
	all := newScripted(t)
	ca, id := all.add(t, provider.InventoryFull)
	ca.issue(1)
	dry, err := ca.w.service.RequestPreview(t.Context(), tenant, pki.Actor{}, id)
	ca.w.must(err)
	if run := ca.sync(id); run.ID != dry.ID || run.DryRun || run.Counts.New != 1 {
		t.Errorf("run %+v", run)
	}
	ca.compare(id)
}
