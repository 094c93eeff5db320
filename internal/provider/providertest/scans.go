package providertest

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"cloudpki/internal/provider"

	"github.com/google/go-cmp/cmp"
)

// scan reads a scan behind a cursor to its end.
func (s *stand) scan(t *testing.T, session provider.Session, scan provider.Scan, after provider.Cursor) (pages []provider.Page) {
	t.Helper()
	for {
		p, err := session.(provider.Inventory).List(t.Context(), scan, after)
		if err != nil {
			t.Fatalf("List of %q behind %q: %v", scan.Mode, after, s.hear(t, err))
		}
		pages = append(pages, p)
		if !p.More {
			return pages
		}
		if p.Full || len(p.Next) == 0 || bytes.Equal(p.Next, after) || len(pages) > 10_000 {
			t.Fatalf("page %d says that more follows; full %v, next %q after %q", len(pages), p.Full, p.Next, after)
		}
		after = p.Next
	}
}

// bySerial returns the last record of each serial, as a store keeps it.
func bySerial(pages []provider.Page) map[string]provider.Record {
	out := map[string]provider.Record{}
	for _, r := range records(pages) {
		out[r.Serial] = r
	}
	return out
}

// seen returns the serials that pages tell of, as records or as known, sorted.
func seen(pages []provider.Page) []string {
	out := serials(pages)
	for _, p := range pages {
		out = append(out, p.Seen...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// testShift issues certificates between all pages: whatever was there when the
// listing began is listed, or the listing fails and says that it is incomplete.
func testShift(t *testing.T, s *stand) {
	session := s.open(t)
	var pages []provider.Page
	var after provider.Cursor
	for {
		p, err := session.(provider.Inventory).List(t.Context(), provider.Scan{}, after)
		if err != nil {
			if e := s.hear(t, err); e.Code != provider.CodeIncompleteListing {
				t.Fatalf("while certificates are issued: %v", e)
			}
			return
		}
		pages = append(pages, p)
		if !p.More {
			break
		}
		s.Issue(2)
		after = p.Next
	}
	got := serials(pages)
	for _, serial := range s.Serials {
		if _, listed := slices.BinarySearch(got, serial); !listed {
			t.Errorf("certificate %s, issued before the listing, is passed over", serial)
		}
	}
}

// testRevoking revokes a certificate and makes it valid again, each between
// two listings.
func testRevoking(t *testing.T, s *stand) {
	serial := s.Serials[7]
	now := time.Now()
	s.Revoke(serial)
	r := bySerial(s.scan(t, s.open(t), provider.Scan{}, nil))[serial]
	if r.Status != provider.StatusRevoked || r.RevokedAt.Before(now.Add(-time.Minute)) || r.RevokedAt.After(now.Add(time.Minute)) || r.RevokedAt.Location() != time.UTC {
		t.Errorf("after its revocation: status %s, revoked at %v, now %v", r.Status, r.RevokedAt, now)
	}
	if r.Reason != 4 && r.Reason != -1 {
		t.Errorf("the reason is %d, want superseded (4), or -1 where the CA does not tell", r.Reason)
	}
	if s.ca.lacks(Resuming) {
		return
	}
	s.Resume(serial)
	r = bySerial(s.scan(t, s.open(t), provider.Scan{}, nil))[serial]
	if r.Status != provider.StatusValid || !r.RevokedAt.IsZero() || r.Reason != -1 {
		t.Errorf("after its resumption: %+v", r)
	}
}

// testIncrement follows a CA by its best mode: what happened behind a complete
// listing is told.
func testIncrement(t *testing.T, s *stand) {
	session := s.open(t)
	mode := session.(provider.Inventory).Mode()
	if mode != s.ca.Kind.Can.Inventory {
		t.Errorf("with good credentials the mode is %q, the kind claims %q", mode, s.ca.Kind.Can.Inventory)
	}
	if mode == provider.InventoryFull {
		return // the next listing tells all, which testRevoking sees
	}
	all := s.scan(t, session, provider.Scan{}, nil)
	from := provider.Scan{Since: newest(all), Position: all[len(all)-1].Position}
	want := s.Issue(3)
	if s.Revoke != nil {
		s.Revoke(s.Serials[5])
		want = append(want, s.Serials[5])
	}
	var told []provider.Page
	for _, m := range scansOf(mode) {
		from.Mode = m
		pages := s.scan(t, s.open(t), from, nil)
		told = append(told, pages...)
		if _, ok := bySerial(pages)[s.Serials[5]]; !ok && m == provider.ScanRevoked && s.Revoke != nil {
			t.Error("the scan of what was revoked does not tell the revocation: that of an old certificate would be lost")
		}
	}
	got := bySerial(told)
	for _, serial := range want {
		if _, ok := got[serial]; !ok {
			t.Errorf("%s, issued or revoked behind the listing, is not told", serial)
		}
	}
	if s.Revoke != nil && got[s.Serials[5]].Status != provider.StatusRevoked {
		t.Errorf("the revocation is not told: %+v", got[s.Serials[5]])
	}
	for _, p := range told {
		if p.Full {
			t.Error("a part of the inventory is called full")
		}
	}
	if mode == provider.InventoryEvents {
		s.testPosition(t, told[len(told)-1].Position, want)
	}
}

// testPosition sees that a position moves on, and that a lost one is told.
func (s *stand) testPosition(t *testing.T, at provider.Cursor, before []string) {
	t.Helper()
	if len(at) == 0 {
		t.Fatal("the last page of the events has no position")
	}
	again := bySerial(s.scan(t, s.open(t), provider.Scan{Mode: provider.ScanEvents, Position: at}, nil))
	if len(again) >= len(before) {
		t.Errorf("%d certificates are told again behind the last position", len(again))
	}
	fresh := s.Issue(1)
	if _, ok := bySerial(s.scan(t, s.open(t), provider.Scan{Mode: provider.ScanEvents, Position: at}, nil))[fresh[0]]; !ok {
		t.Error("what happened behind the last position is not told")
	}
	_, err := s.open(t).(provider.Inventory).List(t.Context(), provider.Scan{Mode: provider.ScanEvents, Position: provider.Cursor("no position at all")}, nil)
	if err == nil {
		t.Fatal("a position that is none is taken")
	}
	if s.hear(t, err); !errors.Is(err, provider.ErrPositionLost) {
		t.Errorf("a position that is none: %v, want one around ErrPositionLost", err)
	}
}

// scansOf returns the scans by which a mode is followed; for a CA that can only
// be listed as a whole, none.
func scansOf(mode provider.InventoryMode) []provider.ScanMode {
	switch mode {
	case provider.InventoryIssuedWindow:
		return []provider.ScanMode{provider.ScanIssued, provider.ScanRevoked}
	case provider.InventoryUpdatedSince:
		return []provider.ScanMode{provider.ScanChanged}
	case provider.InventoryEvents:
		return []provider.ScanMode{provider.ScanEvents}
	default:
		return nil
	}
}

// newest is the watermark of a listing: the latest time that its records tell.
func newest(pages []provider.Page) time.Time {
	var last time.Time
	for _, r := range records(pages) {
		for _, at := range []time.Time{r.Issued, r.Updated} {
			if at.After(last) {
				last = at
			}
		}
	}
	if last.IsZero() {
		last = time.Now().Add(-time.Hour)
	}
	return last
}

// testFuture asks for what happened since a time that has not come. As CAs and
// providers take windows that overlap, it is ten days ahead. Whoever passes Since
// over tells everything.
func testFuture(t *testing.T, s *stand) {
	session := s.open(t)
	mode := session.(provider.Inventory).Mode()
	if mode == provider.InventoryEvents {
		return // followed by position
	}
	for _, m := range scansOf(mode) {
		scan := provider.Scan{Mode: m, Since: time.Now().AddDate(0, 0, 10)}
		if n := len(serials(s.scan(t, session, scan, nil))); n > len(s.Serials)/10 {
			t.Errorf("scan %q since a time that has not come tells of %d certificates", m, n)
		}
	}
}

// testForeignScans asks for the scans that the session does not have.
func testForeignScans(t *testing.T, s *stand) {
	session := s.open(t)
	inv := session.(provider.Inventory)
	for _, m := range []provider.ScanMode{provider.ScanIssued, provider.ScanRevoked, provider.ScanChanged, provider.ScanEvents, "other"} {
		if slices.Contains(scansOf(inv.Mode()), m) {
			continue
		}
		_, err := inv.List(t.Context(), provider.Scan{Mode: m, Since: time.Now()}, nil)
		if err == nil {
			t.Errorf("scan %q of a session whose mode is %q: a success", m, inv.Mode())
		} else if e := s.hear(t, err); e.Code != provider.CodeUnsupported {
			t.Errorf("scan %q: %v, want %s", m, e, provider.CodeUnsupported)
		}
	}
}

// testKnown lists with all certificates known, one of them revoked meanwhile:
// nothing is lost between records and what is only seen.
func testKnown(t *testing.T, s *stand) {
	stored := map[string]provider.Status{}
	for _, r := range records(s.scan(t, s.open(t), provider.Scan{}, nil)) {
		stored[r.Serial] = r.Status
	}
	want := slices.Clone(s.Serials)
	if s.Issue != nil {
		want = append(want, s.Issue(1)...)
	}
	if s.Revoke != nil {
		s.Revoke(s.Serials[9])
	}
	asked := 0
	pages := s.scan(t, s.open(t), provider.Scan{Known: known(t, stored, &asked)}, nil)
	slices.Sort(want)
	if diff := cmp.Diff(want, seen(pages)); diff != "" {
		t.Errorf("with known certificates (-issued +told):\n%s", diff)
	}
	saved := 0
	for _, p := range pages {
		for _, serial := range p.Seen {
			if saved++; stored[serial] == "" {
				t.Errorf("%s is called known and is not", serial)
			}
		}
	}
	if asked > 0 && saved < len(stored)/2 {
		t.Errorf("%d certificates are known, and %d of them are not told anew", len(stored), saved)
	}
	if s.Revoke != nil && bySerial(pages)[s.Serials[9]].Status != provider.StatusRevoked {
		t.Error("the revocation of a known certificate is not told")
	}
	failure := errors.New("the store failed")
	called := false
	_, err := s.open(t).(provider.Inventory).List(t.Context(), provider.Scan{
		Known: func(context.Context, []string) (map[string]provider.Status, error) {
			called = true
			return nil, failure
		},
	}, nil)
	if called != errors.Is(err, failure) {
		t.Errorf("a failure of Known comes back as %v", err)
	}
}

// known is a Scan.Known over what is stored.
func known(t *testing.T, stored map[string]provider.Status, asked *int) func(context.Context, []string) (map[string]provider.Status, error) {
	return func(_ context.Context, serials []string) (map[string]provider.Status, error) {
		if *asked++; len(serials) > 500 {
			t.Errorf("%d serials are asked for at once", len(serials))
		}
		found := map[string]provider.Status{}
		for _, serial := range serials {
			if status, ok := stored[serial]; ok {
				found[serial] = status
			}
		}
		return found, nil
	}
}

// testOddities lists under each oddity: the inventory is the same.
func testOddities(t *testing.T, s *stand) {
	plain := bySerial(s.scan(t, s.open(t), provider.Scan{}, nil))
	for _, odd := range s.Odd {
		t.Run(odd.Name, func(t *testing.T) {
			odd.Apply()
			pages := s.scan(t, s.open(t), provider.Scan{}, nil)
			got := bySerial(pages)
			for serial, want := range plain {
				r, ok := got[serial]
				switch {
				case !ok:
					t.Errorf("certificate %s is lost", serial)
				case !bytes.Equal(r.DER, want.DER) || r.Status != want.Status || !r.NotAfter.Equal(want.NotAfter) || !r.RevokedAt.Equal(want.RevokedAt):
					t.Errorf("certificate %s is another: %+v, was %+v", serial, r, want)
				}
			}
			if len(got) != len(plain) {
				t.Errorf("%d records, were %d", len(got), len(plain))
			}
			for _, p := range pages {
				for _, skipped := range p.Skipped {
					t.Errorf("skipped: %s", skipped.Reason)
				}
			}
		})
	}
}

// testCursors gives cursors that are none: an error, or a listing from where
// they lead, but neither a panic nor an end that looks complete.
func testCursors(t *testing.T, s *stand) {
	session := s.open(t)
	for _, c := range []string{"x", "{}", `{"v":99}`, "null", "[]", "\x00\xff", `{"v":1,"start":-1}`, string(make([]byte, 1<<16))} {
		p, err := session.(provider.Inventory).List(t.Context(), provider.Scan{}, provider.Cursor(c))
		if err != nil {
			s.hear(t, err)
		} else if p.Full && len(p.Records)+len(p.Seen) < len(s.Serials) {
			t.Errorf("behind the cursor %.20q the listing is called full after %d records", c, len(p.Records))
		}
	}
}

// testMemory lists two inventories, one several times the other: what stays on
// the heap between pages must not follow their length.
func testMemory(t *testing.T, large *stand) {
	few, many := 100, len(large.Serials)
	small := start(t, large.ca, World{Issued: few})
	least, most := small.grown(t), large.grown(t)
	// A serial and its bookkeeping may stay, the certificates may not.
	t.Logf("%d bytes more are held after %d certificates, %d after %d", most, many, least, few)
	if limit := least + int64(many-few)*300 + 128<<10; most > limit {
		t.Errorf("%d bytes more are held after %d certificates, %d after %d", most, many, least, few)
	}
}

// grown lists everything and returns how many bytes were held more behind any
// page than behind the first.
func (s *stand) grown(t *testing.T) (most int64) {
	t.Helper()
	session := s.open(t)
	var after provider.Cursor
	var base int64
	for {
		p, err := session.(provider.Inventory).List(t.Context(), provider.Scan{}, after)
		if err != nil {
			t.Fatalf("List: %v", s.hear(t, err))
		}
		if !p.More {
			return most
		}
		after = p.Next
		p = provider.Page{}
		heap := live()
		if base == 0 {
			base = heap
		}
		most = max(most, heap-base)
	}
}

// live returns the bytes that are reachable on the heap, without what lies in
// pools.
func live() int64 {
	var m runtime.MemStats
	runtime.GC() // pools give up what they hold in two steps
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
