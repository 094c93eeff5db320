package sectigo

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"cloudpki/internal/provider"
)

// Mode returns InventoryFull: the API cannot list by change.
func (s *session) Mode() provider.InventoryMode { return provider.InventoryFull }

// List returns the next page: certificates by status, in the order of the API.
//
// The API pages by position, and what is revoked leaves the list of those
// issued, so that what follows moves up. A page therefore begins with the last
// certificates that were read; where none of them is found, they are looked for
// further up and down, and where they are gone the listing fails.
//
// The list tells of ids and serial numbers alone; a certificate and its dates
// cost two calls. One that the caller knows in the status listed costs none.
func (s *session) List(ctx context.Context, scan provider.Scan, cursor provider.Cursor) (provider.Page, error) {
	if scan.Mode != provider.ScanAll {
		return provider.Page{}, &provider.Error{Code: provider.CodeUnsupported, Msg: "Sectigo can be listed as a whole alone, not by " + provider.Clean(string(scan.Mode), 20)}
	}
	p, err := readCursor(cursor)
	if err != nil {
		return provider.Page{}, err
	}
	page := provider.Page{Total: -1}
	for { // past the statuses that no certificate has
		f, err := s.behind(ctx, p)
		if err != nil {
			return provider.Page{}, err
		}
		if err := s.fill(ctx, &page, p.Status, f.fresh, scan); err != nil {
			return provider.Page{}, err
		}
		next, more := f.after(p)
		if !more {
			page.Full = true
			return page, nil
		}
		if next.Status == p.Status || len(f.items) > 0 {
			page.More = true
			page.Next, err = next.cursor()
			return page, err
		}
		p = next
	}
}

// A found is a stretch of the list.
type found struct {
	start int
	items []item
	fresh []item // those behind the position
	more  bool   // of this status
}

// after returns the position behind f, and whether anything is left.
func (f found) after(p position) (position, bool) {
	if !f.more {
		next, _ := after(p.Status)
		return position{Status: next}, next != ""
	}
	next := position{Status: p.Status, Read: f.start + len(f.items)}
	for _, i := range f.items[max(0, len(f.items)-maxMarks):] {
		next.Last = append(next.Last, i.ID)
	}
	return next, true
}

// behind returns the stretch that holds what is behind p.
func (s *session) behind(ctx context.Context, p position) (found, error) {
	if len(p.Last) == 0 {
		f, err := s.stretch(ctx, p.Status, p.Read)
		f.fresh = f.items
		return f, err
	}
	step := max(s.pageSize-maxMarks, 1)
	for _, away := range []int{0, -1, 1, -2, 2, -3, 3} {
		start := p.Read - len(p.Last) + away*step
		if start <= -step {
			continue // the one before was the first
		}
		f, err := s.stretch(ctx, p.Status, max(start, 0))
		if err != nil {
			return f, err
		}
		for i := len(f.items) - 1; i >= 0; i-- {
			if slices.Contains(p.Last, f.items[i].ID) {
				f.fresh = f.items[i+1:]
				return f, nil
			}
		}
	}
	return found{}, incomplete("Sectigo's list changed while it was read")
}

// stretch reads the list from start on.
func (s *session) stretch(ctx context.Context, status string, start int) (found, error) {
	if start > maxRecords {
		return found{}, incomplete(fmt.Sprintf("the list does not end after %d certificates", maxRecords))
	}
	size := min(s.pageSize+maxMarks, maxPageSize)
	items, total, err := s.list(ctx, url.Values{"status": {status}}, start, size)
	if err != nil {
		return found{}, err
	}
	f := found{start: start, items: items, more: len(items) == size}
	if total >= 0 {
		f.more = start+len(items) < total
	}
	if f.more && len(items) == 0 {
		return f, incomplete(fmt.Sprintf("Sectigo counts %d certificates but lists %d", total, start))
	}
	return f, nil
}

func incomplete(msg string) *provider.Error {
	return &provider.Error{Code: provider.CodeIncompleteListing, Msg: msg}
}

// fill puts certificates into the page: as seen where the caller knows them so,
// else as records.
func (s *session) fill(ctx context.Context, page *provider.Page, status string, items []item, scan provider.Scan) error {
	known, err := s.known(ctx, items, scan)
	if err != nil {
		return err
	}
	for _, i := range items {
		serial, err := provider.ParseSerial(i.Serial)
		if err == nil && same(status, known[serial]) {
			page.Seen = append(page.Seen, serial)
			continue
		}
		if err := s.add(ctx, page, status, i); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) known(ctx context.Context, items []item, scan provider.Scan) (map[string]provider.Status, error) {
	if scan.Known == nil || len(items) == 0 {
		return nil, nil //nolint:nilnil // nothing is known
	}
	var serials []string
	for _, i := range items {
		if serial, err := provider.ParseSerial(i.Serial); err == nil {
			serials = append(serials, serial)
		}
	}
	return scan.Known(ctx, serials)
}

// same reports whether a certificate listed under a status is as it is known.
func same(status string, known provider.Status) bool {
	switch status {
	case "Issued":
		return known == provider.StatusValid
	case "Expired":
		return known == provider.StatusExpired
	case "Revoked":
		return known == provider.StatusRevoked
	default: // replaced by a newer one: good until it ends
		return known == provider.StatusValid || known == provider.StatusExpired
	}
}
