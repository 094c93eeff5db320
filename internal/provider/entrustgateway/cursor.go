package entrustgateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"cloudpki/internal/provider"
)

// cursorVersion is raised when the meaning of a position changes.
const cursorVersion = 1

// The bounds of a position: bytes of all of it, bytes of one index, calls.
const (
	maxCursor = 256 << 10
	maxIndex  = 2048
	maxCalls  = 10_000_000
)

// A position is where the feeds stand: one a CA. An index is good for the page
// size and the first day that it was made for.
type position struct {
	Version int               `json:"v"`
	Scan    string            `json:"m,omitempty"` // provider.ScanMode; "position" behind all feeds
	From    string            `json:"f"`
	Size    int               `json:"s"`
	CA      string            `json:"c,omitempty"` // being read; those before it in their order are done
	Calls   int               `json:"n,omitempty"`
	Indexes map[string]string `json:"i"` // by CA; a CA without one is read from its beginning
}

// behindAll is the Scan of a Page.Position.
const behindAll = "position"

// begin returns where a scan starts.
func (s *session) begin(scan provider.Scan, ids []string) (position, error) {
	p := position{Indexes: map[string]string{}}
	if scan.Mode == provider.ScanEvents {
		var err error
		if p, err = s.read(scan.Position, behindAll); err != nil {
			return p, lost(scan.Mode, err)
		}
	}
	p.Scan, p.CA, p.Calls = string(scan.Mode), ids[0], 0
	return p, nil
}

// at returns the position of a cursor of a scan.
func (s *session) at(after provider.Cursor, scan provider.Scan, ids []string) (position, error) {
	if after == nil {
		return s.begin(scan, ids)
	}
	p, err := s.read(after, string(scan.Mode))
	if err == nil && !slices.Contains(ids, p.CA) {
		err = fmt.Errorf("CA %q is not followed", p.CA)
	}
	if err != nil {
		return p, lost(scan.Mode, err)
	}
	return p, nil
}

// read is strict: what was not written by cursor under the same settings is no
// position.
func (s *session) read(c provider.Cursor, scan string) (position, error) {
	var p position
	if len(c) > maxCursor {
		return p, fmt.Errorf("%d bytes", len(c))
	}
	d := json.NewDecoder(bytes.NewReader(c))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("read position: %w", err)
	}
	switch {
	case d.More(), p.Version != cursorVersion, p.Scan != scan, p.Indexes == nil, len(p.Indexes) > 4*maxCAs, p.Calls < 0:
		return p, fmt.Errorf("read position: not one of scan %q", scan)
	case p.Size != s.size, p.From != s.from.Format(time.DateOnly):
		return p, fmt.Errorf("read position: made for pages of %d from %s", p.Size, p.From)
	}
	for id, index := range p.Indexes {
		if !isCAID(id) || index == "" || len(index) > maxIndex {
			return p, fmt.Errorf("read position: index of CA %q", id)
		}
	}
	return p, nil
}

func (s *session) cursor(p position) (provider.Cursor, error) {
	p.Version, p.From, p.Size = cursorVersion, s.from.Format(time.DateOnly), s.size
	b, err := json.Marshal(p)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the position in the feed cannot be written", Err: err}
	}
	return b, nil
}

// lost is the error of a position that leads nowhere: of events, it tells that
// all must be read again.
func lost(mode provider.ScanMode, cause error) *provider.Error {
	if mode == provider.ScanEvents {
		cause = fmt.Errorf("%w: %w", provider.ErrPositionLost, cause)
	}
	return &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the stored position in the feed of events no longer fits; it must be read from its beginning", Err: cause}
}
