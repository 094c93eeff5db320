package entrustgateway

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// maxEmpty is how many pages without events are passed over at once: days on
// which nothing happened.
const maxEmpty = 30

// Mode is the feed of events, unless the settings say otherwise.
func (s *session) Mode() provider.InventoryMode { return s.follow }

// List reads one stretch of the feeds, CA by CA. ScanAll reads them from their
// beginning: what was issued is in there, and what happened to it later.
func (s *session) List(ctx context.Context, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
	if scan.Mode != provider.ScanAll && (scan.Mode != provider.ScanEvents || s.follow != provider.InventoryEvents) {
		return provider.Page{}, &provider.Error{Code: provider.CodeUnsupported, Msg: fmt.Sprintf("the gateway cannot be asked for %q", string(scan.Mode))}
	}
	ids, err := s.followed(ctx)
	if err != nil {
		return provider.Page{}, err
	}
	p, err := s.at(after, scan, ids)
	if err != nil {
		return provider.Page{}, err
	}
	p.Indexes = maps.Clone(p.Indexes)
	page := provider.Page{Total: -1}
	for range maxEmpty {
		ca := p.CA
		events, more, err := s.page(ctx, scan.Mode, ids, &p)
		if err != nil {
			return provider.Page{}, err
		}
		if err := s.add(ctx, &page, scan, ca, events); err != nil {
			return provider.Page{}, err
		}
		if !more {
			return s.last(page, p, scan, ids)
		}
		if len(events) > 0 {
			break
		}
	}
	page.More = true
	page.Next, err = s.cursor(p)
	return page, err
}

// last closes the last page of a scan. What the feeds told of CAs that are not
// followed any more is forgotten.
func (s *session) last(page provider.Page, p position, scan provider.Scan, ids []string) (provider.Page, error) {
	page.Full = scan.Mode == provider.ScanAll
	if s.follow != provider.InventoryEvents {
		return page, nil
	}
	maps.DeleteFunc(p.Indexes, func(id, _ string) bool { return !slices.Contains(ids, id) })
	p.Scan, p.CA, p.Calls = behindAll, "", 0
	var err error
	page.Position, err = s.cursor(p)
	return page, err
}

// An answer is one page of a feed. hasMore was morePages before.
type answer struct {
	Events    []json.RawMessage `json:"events"`
	Next      rest.Text         `json:"nextPageIndex"`
	HasMore   *bool             `json:"hasMore"`
	MorePages *bool             `json:"morePages"`
}

func (a answer) more() (more, told bool) {
	switch {
	case a.HasMore != nil:
		return *a.HasMore, true
	case a.MorePages != nil:
		return *a.MorePages, true
	}
	return false, false
}

// page reads the events behind p and moves p on: in the feed, or to the next
// CA. more tells whether anything is left.
func (s *session) page(ctx context.Context, mode provider.ScanMode, ids []string, p *position) (events []json.RawMessage, more bool, err error) {
	index := p.Indexes[p.CA]
	var a answer
	_, err = s.JSON(ctx, eventsRequest(p.CA, s.from, s.size, index), &a)
	switch {
	case index != "" && said(err, http.StatusBadRequest, http.StatusUnprocessableEntity):
		return nil, false, lost(mode, err)
	case said(err, http.StatusNotFound):
		return nil, false, s.unknownCA(p.CA, err)
	case err != nil:
		return nil, false, err
	}
	more, told := a.more()
	if !told {
		return nil, false, s.unreadable(caPath(p.CA)+"/certificate-events", "is not a page of events")
	}
	if err := moves(p, a, index, more); err != nil {
		return nil, false, err
	}
	if a.Next != "" {
		p.Indexes[p.CA] = string(a.Next)
	}
	if more {
		return a.Events, true, nil
	}
	i := slices.Index(ids, p.CA)
	if i+1 == len(ids) {
		return a.Events, false, nil
	}
	p.CA = ids[i+1]
	return a.Events, true, nil
}

// moves refuses a feed that stands still or never ends. The last page may come
// without an index: it is read again the next time.
func moves(p *position, a answer, index string, more bool) error {
	p.Calls++
	switch {
	case len(a.Next) > maxIndex:
		return &provider.Error{Code: provider.CodeProtocol, Msg: "the gateway's page index is too long"}
	case more && (a.Next == "" || string(a.Next) == index), p.Calls > maxCalls:
		return &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the feed of events does not move on: the gateway says that more follow, but not where"}
	}
	return nil
}
