package ejbca

import (
	"bytes"
	"encoding/json"
	"time"

	"cloudpki/internal/provider"
)

// cursorVersion is raised when the meaning of a position changes.
const cursorVersion = 1

// The bounds of a cursor.
const (
	maxCursor = 1 << 10
	maxMark   = 128
)

// A position is where a listing stands.
type position struct {
	Version  int    `json:"v"`
	Property string `json:"p"`           // what the scan filters and sorts by
	After    int64  `json:"a"`           // the window: what is later than this second, Unix
	Page     int    `json:"g,omitempty"` // the page of the window that was told to its end; 0 where the window begins
	Last     string `json:"l,omitempty"` // mark of the last certificate told
	Read     int    `json:"n"`           // certificates told
	Total    int    `json:"t"`           // certificates there were in the beginning
	Most     int    `json:"m,omitempty"` // rows of the longest page
	Restarts int    `json:"r,omitempty"` // how often a window was read anew
}

// before returns the second before t, whose criterion AFTER includes t. The
// zero time is before the epoch, where EJBCA has no restriction.
func before(t time.Time) int64 {
	const day = 24 * 60 * 60
	if t.Unix() <= 0 {
		return -day
	}
	return t.Unix() - 1
}

// behind returns the position behind all of an answer: a window that begins
// with its last second where that is shorter than the page, else the page.
func (p position) behind(a answer) position {
	if len(a.list) == 0 {
		p.Page = a.page
		return p
	}
	last := a.list[len(a.list)-1]
	p.Last = last.mark()
	after := before(time.UnixMilli(last.key(p.Property)))
	if after > p.After && a.list[0].key(p.Property) <= after*1000 {
		p.After, p.Page = after, 0
		return p
	}
	p.Page = a.page
	return p
}

func (p position) cursor() (provider.Cursor, error) {
	p.Version = cursorVersion
	b, err := json.Marshal(p)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the position in the listing cannot be written", Err: err}
	}
	return b, nil
}

// readCursor reads the cursor of a scan by property; nil begins. What is not
// one of this version and of that scan is no position: the listing must begin
// anew.
func readCursor(c provider.Cursor, property string) (position, error) {
	var p position
	if c == nil {
		return p, nil
	}
	lost := &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the stored position in the listing no longer fits; the listing must begin anew"}
	if len(c) > maxCursor {
		return p, lost
	}
	d := json.NewDecoder(bytes.NewReader(c))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		lost.Err = err
		return p, lost
	}
	// 253402300799 is the last second of the year 9999.
	sound := p.Version == cursorVersion && p.Property == property && p.After >= before(time.Time{}) && p.After <= 253402300799 &&
		p.Page >= 0 && p.Page <= maxRecords && len(p.Last) <= maxMark && p.Read >= 0 && p.Read <= 2*maxRecords &&
		p.Total >= 0 && p.Most >= 0 && p.Most <= maxPageSize && p.Restarts >= 0 && p.Restarts <= maxRestarts && !d.More()
	if !sound {
		return p, lost
	}
	return p, nil
}
