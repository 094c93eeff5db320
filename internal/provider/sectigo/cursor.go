package sectigo

import (
	"bytes"
	"encoding/json"

	"cloudpki/internal/provider"
)

// cursorVersion is raised when the meaning of a position changes.
const cursorVersion = 1

// The bounds of a cursor and of a listing.
const (
	maxCursor  = 1 << 10
	maxMarks   = 8
	maxRecords = 10_000_000
)

// A position is where a listing stands: in which status, how many of its
// certificates were read, and which were the last of them.
type position struct {
	Version int     `json:"v"`
	Status  string  `json:"s"`
	Read    int     `json:"n"`
	Last    []int64 `json:"l,omitempty"` // sslIds, in their order
}

func (p position) cursor() (provider.Cursor, error) {
	p.Version = cursorVersion
	b, err := json.Marshal(p)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the position in the listing cannot be written", Err: err}
	}
	return b, nil
}

// readCursor reads a cursor; nil begins. What is not one of this version is no
// position: the listing must begin anew.
func readCursor(c provider.Cursor) (position, error) {
	p := position{Status: statuses()[0]}
	if c == nil {
		return p, nil
	}
	lost := &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the stored position in the listing no longer fits; the listing must begin anew"}
	p = position{}
	if len(c) > maxCursor {
		return p, lost
	}
	d := json.NewDecoder(bytes.NewReader(c))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		lost.Err = err
		return p, lost
	}
	_, known := after(p.Status)
	if p.Version != cursorVersion || !known || p.Read < len(p.Last) || p.Read > maxRecords || len(p.Last) > maxMarks || d.More() {
		return p, lost
	}
	return p, nil
}

// statuses are those of certificates that were issued, in the order in which
// they are listed: what changes goes to one that comes later.
func statuses() []string { return []string{"Issued", "Replaced", "Expired", "Revoked"} }

// after returns the status to list behind one, "" behind the last, and whether
// that one is listed at all.
func after(status string) (string, bool) {
	for i, s := range statuses() {
		if s == status {
			return append(statuses(), "")[i+1], true
		}
	}
	return "", false
}
