package digicertone

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// The bounds of one search: the records of a listing that ends at all, and how
// often a listing may shift so far that the scan has to go back.
const (
	maxRecords = 10_000_000
	maxBack    = 1000
)

// Mode is the window: the API filters by the time of issue and by status. Its
// audit log, which tells of changes, names certificates by an id that the
// search does not have.
func (s *session) Mode() provider.InventoryMode { return provider.InventoryIssuedWindow }

// List reads one stretch of a scan. ScanRevoked tells of all that are revoked or
// suspended, whenever that was, as the API has no filter for it; it does not
// tell of those that are valid again.
//
// The API pages by offset and promises no order, so a page begins with the last
// record of the one before. Where that stands elsewhere, records came or went
// meanwhile, and it is looked for near by; a listing in which it is not found is
// incomplete.
func (s *session) List(ctx context.Context, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
	switch scan.Mode {
	case provider.ScanAll, provider.ScanIssued, provider.ScanRevoked:
	default:
		return provider.Page{}, &provider.Error{Code: provider.CodeUnsupported, Msg: fmt.Sprintf("DigiCert ONE cannot be asked for %q", string(scan.Mode))}
	}
	passes := s.passes(scan)
	p, err := at(after, scan, passes)
	if err != nil {
		return provider.Page{}, err
	}
	f, fresh, err := s.behind(ctx, passes[p.Pass].query, p)
	if err != nil {
		return provider.Page{}, err
	}
	page := provider.Page{Total: -1}
	if len(passes) == 1 {
		page.Total = f.total
	}
	for _, raw := range fresh {
		s.add(&page, raw)
	}
	next, more, err := advance(p, f, fresh, len(passes))
	if err != nil {
		return provider.Page{}, err
	}
	page.More, page.Full = more, !more && scan.Mode == provider.ScanAll
	if more {
		page.Next, err = next.cursor(scan, passes)
	}
	return page, err
}

// advance returns the position behind an answer, and whether anything is left.
func advance(p position, f found, fresh []json.RawMessage, passes int) (position, bool, error) {
	end := f.start + len(f.items)
	switch {
	case end >= f.total && p.Pass+1 < passes:
		return position{Pass: p.Pass + 1, Back: p.Back}, true, nil
	case end >= f.total:
		return p, false, nil
	case len(fresh) == 0:
		return p, false, incomplete(fmt.Sprintf("the CA says that it has %d certificates but lists %d", f.total, end))
	}
	next := position{Pass: p.Pass, Read: end, Last: mark(f.items[len(f.items)-1]), Back: p.Back}
	if end <= p.Read {
		next.Back++
	}
	if next.Back > maxBack {
		return p, false, incomplete("the CA's listing shifts so much that it cannot be read")
	}
	return next, true, nil
}

// A found is one answer of a search.
type found struct {
	start int // of its first record in the listing
	items []json.RawMessage
	total int
}

// behind returns the answer that holds the records behind p, and those records.
func (s *session) behind(ctx context.Context, q url.Values, p position) (found, []json.RawMessage, error) {
	if p.Last == "" {
		f, err := s.search(ctx, q, 0, s.limit)
		return f, f.items, err
	}
	stride := s.limit - 1
	for _, away := range []int{0, -1, 1, -2, 2, -3, 3} {
		start := p.Read - 1 + away*stride
		if start <= -stride {
			continue // the page before was the first
		}
		f, err := s.search(ctx, q, max(start, 0), s.limit)
		if err != nil {
			return f, nil, err
		}
		if n := len(f.items); away == 0 && n > 1 {
			stride = min(stride, n-1) // the server may give fewer than it was asked for
		}
		switch i := slices.IndexFunc(f.items, func(raw json.RawMessage) bool { return mark(raw) == p.Last }); {
		case i < 0:
		case i+1 < len(f.items) || f.start+len(f.items) >= f.total:
			return f, f.items[i+1:], nil
		default:
			return s.next(ctx, q, p, f)
		}
	}
	return found{}, nil, incomplete("the CA's listing changed while it was read")
}

// next reads on where an answer ended with the last record and more follow.
func (s *session) next(ctx context.Context, q url.Values, p position, f found) (found, []json.RawMessage, error) {
	g, err := s.search(ctx, q, f.start+len(f.items), s.limit)
	if err != nil {
		return g, nil, err
	}
	if slices.ContainsFunc(g.items, func(raw json.RawMessage) bool { return mark(raw) == p.Last }) {
		return g, nil, incomplete("the CA's listing repeats itself")
	}
	return g, g.items, nil
}

// search makes one call and checks that its answer makes sense.
func (s *session) search(ctx context.Context, q url.Values, offset, limit int) (found, error) {
	if offset > maxRecords {
		return found{}, incomplete(fmt.Sprintf("the CA's listing does not end after %d certificates", maxRecords))
	}
	var answer struct {
		Total rest.Text         `json:"total"`
		Items []json.RawMessage `json:"items"`
	}
	if _, err := s.JSON(ctx, searchRequest(q, offset, limit), &answer); err != nil {
		return found{}, err
	}
	f := found{start: offset, items: answer.Items}
	var err error
	if f.total, err = strconv.Atoi(string(answer.Total)); err != nil || f.total < 0 {
		return f, &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("the answer of %s to /certificate-search has no total", s.Host()), Err: err}
	}
	if len(f.items) == 0 && offset < f.total {
		return f, incomplete(fmt.Sprintf("the CA says that it has %d certificates but lists %d", f.total, offset))
	}
	return f, nil
}

func incomplete(msg string) *provider.Error {
	return &provider.Error{Code: provider.CodeIncompleteListing, Msg: msg}
}

// mark identifies a record by what cannot change: serial and certificate. A
// record without either is known by all of it.
func mark(raw json.RawMessage) string {
	var i item
	what := []byte(raw)
	if json.Unmarshal(raw, &i) == nil && i.SerialNumber+i.Certificate != "" {
		what = []byte(string(i.SerialNumber) + "|" + string(i.Certificate))
	}
	sum := sha256.Sum256(what)
	return hex.EncodeToString(sum[:12])
}
