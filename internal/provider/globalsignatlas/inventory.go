package globalsignatlas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// The bounds of a listing.
const (
	pageSize = 100          // the most that the service lists at once
	maxPages = 100_000      // of one listing: a CA that always has more is not believed
	maxTime  = 253402300799 // Unix seconds; the end of the year 9999
)

// A line is what a list tells of a certificate, as far as it is used.
type line struct {
	Serial   string      `json:"serial_number"` // upper-case hex
	NotAfter json.Number `json:"not_after"`     // Unix seconds
}

// Mode returns InventoryIssuedWindow: what was issued, and what was revoked, is
// listed by its time.
func (s *session) Mode() provider.InventoryMode { return provider.InventoryIssuedWindow }

// List returns the next page of a scan. The lists hold serial numbers alone; a
// certificate is fetched unless the caller knows it and its state cannot have
// changed but as the list says.
//
// ScanAll goes through what was ever issued, and then, where Scan.Known is
// there, through what was ever revoked: what the caller knows is not fetched in
// the first list, and the second tells what has been revoked since.
//
// The window of time stays the same on all pages, so what is issued meanwhile
// is the next scan's matter. A window in which there is suddenly less is an
// error with CodeIncompleteListing, as pages may have shifted over certificates.
func (s *session) List(ctx context.Context, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
	p, err := s.at(scan, after)
	if err != nil {
		return provider.Page{}, err
	}
	lines, count, err := s.lines(ctx, p)
	if err != nil {
		return provider.Page{}, err
	}
	page := provider.Page{Total: count}
	if p.Then != "" || scan.Mode == provider.ScanAll && p.List == listRevoked {
		page.Total = -1 // of both lists together
	}
	if err := s.fill(ctx, &page, scan, p.List, lines); err != nil {
		return provider.Page{}, err
	}
	switch p, page.More = p.behind(len(lines), count); {
	case page.More:
		page.Next, err = p.cursor()
	default:
		page.Full = scan.Mode == provider.ScanAll
	}
	return page, err
}

// behind returns the position behind a page of n lines, and whether there is
// anything.
func (p position) behind(n, count int) (position, bool) {
	switch {
	case (p.Page-1)*pageSize+n < count:
		p.Page, p.Count = p.Page+1, count
		return p, true
	case p.Then != "" && count > 0: // what was never issued was not revoked
		p.List, p.Then, p.Page, p.Count = p.Then, "", 1, 0
		return p, true
	}
	return p, false
}

// lines makes the call of a position and checks that its answer makes sense.
func (s *session) lines(ctx context.Context, p position) ([]json.RawMessage, int, error) {
	if p.Page > maxPages {
		return nil, 0, s.incomplete(fmt.Sprintf("does not end after %d pages", maxPages))
	}
	var list []json.RawMessage
	a, err := s.get(ctx, rest.Request{Path: "stats/" + p.List, Query: url.Values{
		"page": {strconv.Itoa(p.Page)}, "per_page": {strconv.Itoa(pageSize)},
		"from": {strconv.FormatInt(p.From, 10)}, "to": {strconv.FormatInt(p.To, 10)},
	}}, &list)
	if err != nil {
		return nil, 0, err
	}
	count, err := strconv.Atoi(a.Header.Get("Total-Count"))
	read := (p.Page-1)*pageSize + len(list)
	switch {
	case err != nil || count < 0 || count > maxPages*pageSize:
		return nil, 0, &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("%s does not say with stats/%s how many certificates there are (Total-Count)", s.client.Host(), p.List), Err: err}
	case count < p.Count:
		return nil, 0, s.incomplete(fmt.Sprintf("had %d certificates, and %d while it was read", p.Count, count))
	case len(list) > pageSize:
		return nil, 0, &provider.Error{Code: provider.CodeProtocol, Msg: fmt.Sprintf("%s lists %d certificates at once; %d were asked for", s.client.Host(), len(list), pageSize)}
	case len(list) < pageSize && read < count:
		return nil, 0, s.incomplete(fmt.Sprintf("has %d certificates, but ends after %d", count, read))
	}
	return list, count, nil
}

func (s *session) incomplete(what string) *provider.Error {
	return &provider.Error{Code: provider.CodeIncompleteListing, Msg: fmt.Sprintf("the listing of %s %s", s.client.Host(), what)}
}

// fill puts the certificates of a page of lines into the page.
func (s *session) fill(ctx context.Context, page *provider.Page, scan provider.Scan, list string, raw []json.RawMessage) error {
	var lines []line
	var serials []string
	for _, r := range raw {
		l, serial, err := parseLine(r)
		if err != nil {
			s.skip(page, l, r, err.Error())
			continue
		}
		lines, serials = append(lines, l), append(serials, serial)
	}
	known := map[string]provider.Status{}
	if scan.Known != nil && len(serials) > 0 {
		var err error
		if known, err = scan.Known(ctx, serials); err != nil {
			return err
		}
	}
	for i, serial := range serials {
		if s.isSettled(known[serial], list, lines[i]) {
			page.Seen = append(page.Seen, serial)
		} else if err := s.add(ctx, page, lines[i], serial); err != nil {
			return err
		}
	}
	return nil
}

// parseLine reads a line and its serial number.
func parseLine(raw []byte) (l line, serial string, err error) {
	if err := json.Unmarshal(raw, &l); err != nil {
		return l, "", errors.New("the list has an entry of another form")
	}
	if serial, err = provider.ParseSerial(l.Serial); err != nil {
		return l, "", errors.New("the list has a serial number that is not in hex")
	}
	return l, serial, nil
}

// isSettled reports whether the caller knows of a certificate what the list
// says. In the list of issued ones, one that is known as valid may have been
// revoked: that is told by the list of revoked ones.
func (s *session) isSettled(known provider.Status, list string, l line) bool {
	switch {
	case known == provider.StatusRevoked:
		return true
	case list == listRevoked || known == "":
		return false
	}
	end := moment(l.NotAfter)
	return !end.IsZero() && known == provider.StatusAt(end, s.now())
}

// add fetches one certificate and reads it into the page, as a record or as
// skipped. The path has the serial number as the list spells it.
func (s *session) add(ctx context.Context, page *provider.Page, l line, serial string) error {
	var found certificate
	a, err := s.get(ctx, rest.Request{Path: "certificates/" + url.PathEscape(strings.TrimSpace(l.Serial))}, &found)
	var e *provider.Error
	switch {
	case errors.As(err, &e) && e.Code == provider.CodeParse:
		s.skip(page, l, a.Body, e.Msg)
		return nil
	case errors.As(err, &e) && e.Code == provider.CodeUpstreamFault && rest.IsStatus(err, http.StatusNotFound):
		s.skip(page, l, nil, "the service lists the certificate, but says that it does not have it")
		return nil
	case err != nil:
		return err
	}
	r, raw, err := s.record(found, serial)
	if err != nil {
		s.skip(page, l, raw, err.Error())
		return nil
	}
	page.Records = append(page.Records, r)
	return nil
}

// skip reports what could not be read; where there is nothing, its serial number.
func (s *session) skip(page *provider.Page, l line, raw []byte, reason string) {
	if len(raw) == 0 {
		raw = []byte(l.Serial)
	}
	page.Skipped = append(page.Skipped, provider.Skipped{
		Raw: raw[:min(len(raw), provider.MaxRaw)], Serial: provider.Clean(l.Serial, 100), Reason: s.words.Clean(reason, maxWords),
	})
}

// moment reads a Unix time in seconds; what is none is the zero time. A value
// beyond the year 5138 can only be milliseconds.
func moment(v json.Number) time.Time {
	n, err := v.Int64()
	if n > 1e11 {
		n /= 1000
	}
	if err != nil || n <= 0 || n > maxTime {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
