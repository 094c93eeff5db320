package ejbca

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// The bounds of a listing.
const (
	maxRecords  = 10_000_000
	maxRestarts = 5
)

// backdated is how far before its issue the validity of a certificate may
// begin: EJBCA calls that beginning the date of issue.
const backdated = 48 * time.Hour

// The properties that a search can filter by time and sort by.
const (
	byUpdate     = "UPDATE_TIME"
	byIssue      = "ISSUED_DATE"
	byRevocation = "REVOCATION_DATE"
)

// Mode tells how the session can be followed.
func (s *session) Mode() provider.InventoryMode {
	if s.dates {
		return provider.InventoryIssuedWindow
	}
	return provider.InventoryUpdatedSince
}

// property returns what a scan filters and sorts by, and from when on.
func (s *session) property(scan provider.Scan) (string, time.Time, bool) {
	switch {
	case scan.Mode == provider.ScanAll && s.dates:
		return byIssue, time.Time{}, true
	case scan.Mode == provider.ScanAll:
		return byUpdate, time.Time{}, true
	case scan.Mode == provider.ScanChanged && !s.dates:
		return byUpdate, scan.Since, true
	case scan.Mode == provider.ScanIssued && s.dates:
		return byIssue, scan.Since.Add(-backdated), true
	case scan.Mode == provider.ScanRevoked && s.dates:
		return byRevocation, scan.Since, true
	}
	return "", time.Time{}, false
}

// List returns the next page, in the order of the time that the scan filters
// by.
//
// EJBCA pages by number, and what changes moves to the end of the list, so that
// what follows moves up: a page by number alone would pass records over. A page
// therefore asks anew for what is later than the second before the last record
// told, finds that record, and tells what is behind it. Only where one such
// window is larger than a page is the next page of the same window asked for;
// the page before is then read again, and must still end with that record.
//
// A page is the last where it is shorter than one before it: what was asked for
// is no measure, as the server's own maximum may be lower. What was told is held
// against the count that was taken first.
func (s *session) List(ctx context.Context, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
	property, since, ok := s.property(scan)
	if !ok {
		return provider.Page{}, &provider.Error{Code: provider.CodeUnsupported, Msg: fmt.Sprintf("EJBCA is followed by %s, not by %q", s.Mode(), provider.Clean(string(scan.Mode), 20))}
	}
	p, err := readCursor(after, property)
	if err != nil {
		return provider.Page{}, err
	}
	if after == nil {
		p = position{Property: property, After: before(since)}
		if p.Total, err = s.count(ctx, p); err != nil {
			return provider.Page{}, err
		}
	}
	at, told, err := s.read(ctx, &p)
	if err != nil {
		return provider.Page{}, err
	}
	page := provider.Page{Total: p.Total}
	for _, c := range told {
		s.add(&page, c)
	}
	if missing := at.rows - len(at.list); missing > 0 {
		page.Skipped = append(page.Skipped, provider.Skipped{Reason: fmt.Sprintf("%d certificates of a page are listed without their contents, which EJBCA does not store", missing)})
		p.Read += missing
	}
	p.Read += len(told)
	return finish(page, p, at, scan.Mode == provider.ScanAll)
}

// finish says where the listing goes on, or that it has ended.
func finish(page provider.Page, p position, at answer, all bool) (provider.Page, error) {
	first := p.Last == "" && p.Restarts == 0
	ended := at.rows < max(p.Most, 1) || (first && p.Read >= p.Total)
	p.Most = max(p.Most, at.rows)
	if !ended {
		if p.Read > maxRecords {
			return provider.Page{}, incomplete(fmt.Sprintf("the listing does not end after %d certificates", maxRecords))
		}
		var err error
		page.More = true
		page.Next, err = p.behind(at).cursor()
		return page, err
	}
	if p.Read < p.Total {
		return provider.Page{}, incomplete(fmt.Sprintf("EJBCA counts %d certificates but lists %d", p.Total, p.Read))
	}
	page.Full = all
	return page, nil
}

// read returns the answer at p and the certificates in it that are behind p. It
// sends p back to the beginning of its window where that has moved.
func (s *session) read(ctx context.Context, p *position) (answer, []certificate, error) {
	if p.Page == 0 { // a window that begins
		a, err := s.search(ctx, *p, 1)
		return a, a.list[a.index(p.Last)+1:], err
	}
	next, err := s.search(ctx, *p, p.Page+1)
	if err != nil {
		return answer{}, nil, err
	}
	// Behind the next: what moved in between shows.
	again, err := s.search(ctx, *p, p.Page)
	if err != nil {
		return answer{}, nil, err
	}
	i := again.index(p.Last)
	switch {
	case i >= 0 && i == len(again.list)-1:
		return next, next.list, nil
	case i >= 0:
		return again, again.list[i+1:], nil
	case p.Restarts < maxRestarts:
		*p = position{Property: p.Property, After: p.After, Read: p.Read, Total: p.Total, Most: p.Most, Restarts: p.Restarts + 1}
		return s.read(ctx, p)
	}
	return answer{}, nil, incomplete("EJBCA's listing changes faster than it can be read")
}

func incomplete(msg string) *provider.Error {
	return &provider.Error{Code: provider.CodeIncompleteListing, Msg: msg}
}

// The body of a search.
type (
	query struct {
		Pagination *pagination `json:"pagination,omitempty"`
		Sort       *order      `json:"sort,omitempty"`
		Criteria   []criterion `json:"criteria"`
	}
	pagination struct {
		Size int `json:"page_size"`
		Page int `json:"current_page"` // from 1
	}
	order struct {
		Property  string `json:"property"`
		Operation string `json:"operation"`
	}
	criterion struct {
		Property  string `json:"property"`
		Value     string `json:"value"`
		Operation string `json:"operation"`
	}
)

// An answer is one page of a search.
type answer struct {
	page int
	list []certificate
	rows int // of the database, certificates without contents included
}

// index returns where the certificate with that mark is, -1 for none.
func (a answer) index(mark string) int {
	for i := len(a.list) - 1; i >= 0 && mark != ""; i-- {
		if a.list[i].mark() == mark {
			return i
		}
	}
	return -1
}

type searchAnswer struct {
	List    []certificate `json:"certificates"`
	Summary *struct {
		Total *int `json:"total_certs"`
	} `json:"pagination_summary"`
}

// ask makes a search. An answer without its parts is none: an empty listing is
// not concluded from it.
func (s *session) ask(ctx context.Context, q query) (searchAnswer, error) {
	var got searchAnswer
	if err := s.json(ctx, rest.Request{Method: http.MethodPost, Path: "v2/certificate/search", JSON: q}, &got); err != nil {
		return got, err
	}
	if got.Summary == nil || got.List == nil {
		return got, &provider.Error{Code: provider.CodeParse, Msg: "EJBCA's answer to the search lacks certificates or pagination_summary"}
	}
	return got, nil
}

// search reads one page. EJBCA tells total_certs where the page is not full,
// and computes it from the page size that was asked for.
func (s *session) search(ctx context.Context, p position, page int) (answer, error) {
	q := s.query(p)
	q.Pagination = &pagination{s.pageSize, page}
	q.Sort = &order{p.Property, "ASC"}
	got, err := s.ask(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if len(got.List) > s.pageSize {
		return answer{}, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("EJBCA sends %d certificates where %d were asked for", len(got.List), s.pageSize)}
	}
	a := answer{page: page, list: got.List, rows: len(got.List)}
	switch total := got.Summary.Total; {
	case total == nil && len(got.List) > 0:
		a.rows = s.pageSize
	case total != nil:
		a.rows = min(max(*total-s.pageSize*(page-1), a.rows), s.pageSize)
	}
	return a, nil
}

// count returns how many certificates the search of p has in all: EJBCA counts
// where no page is asked for.
func (s *session) count(ctx context.Context, p position) (int, error) {
	got, err := s.ask(ctx, s.query(p))
	if err != nil {
		return 0, err
	}
	if total := got.Summary.Total; total != nil && *total >= 0 {
		return *total, nil
	}
	return 0, incomplete("EJBCA does not count its certificates; the query may take longer than EJBCA permits")
}

// query returns the criteria of a search. Names of one property are
// alternatives. EJBCA reads dates to the second, and AFTER excludes the date.
func (s *session) query(p position) query {
	q := query{Criteria: []criterion{{p.Property, time.Unix(p.After, 0).UTC().Format("2006-01-02T15:04:05Z"), "AFTER"}}}
	for _, name := range s.cas {
		q.Criteria = append(q.Criteria, criterion{"CA", name, "EQUAL"})
	}
	for _, name := range s.profiles {
		q.Criteria = append(q.Criteria, criterion{"CERTIFICATE_PROFILE", name, "EQUAL"})
	}
	return q
}
