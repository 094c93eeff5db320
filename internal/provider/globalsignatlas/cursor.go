package globalsignatlas

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"cloudpki/internal/provider"
)

// cursorVersion is raised when the meaning of a position changes.
const cursorVersion = 1

// The lists of the service.
const (
	listIssued  = "issued"
	listRevoked = "revoked"
)

// A position is where a listing stands.
type position struct {
	Version int    `json:"v"`
	List    string `json:"l"`           // listIssued or listRevoked
	Then    string `json:"n,omitempty"` // the list that follows; "" is none
	From    int64  `json:"f"`           // the window, Unix seconds
	To      int64  `json:"t"`
	Page    int    `json:"p"` // to read next; counts from 1
	Count   int    `json:"c"` // Total-Count of the page before; 0 on the first
}

func (p position) cursor() (provider.Cursor, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the position in the listing cannot be written", Err: err}
	}
	return b, nil
}

// begin returns the first position of a scan. The window ends a little behind
// the service's clock as this side sees it, so that it holds what was issued in
// this very second; it stays the same on all pages.
func (s *session) begin(scan provider.Scan) (position, error) {
	p := position{Version: cursorVersion, Page: 1, To: s.now().Add(ahead).Unix()}
	switch scan.Mode {
	case provider.ScanAll:
		p.List = listIssued
		if scan.Known != nil { // else each certificate is fetched, and its state with it
			p.Then = listRevoked
		}
		return p, nil
	case provider.ScanIssued:
		p.List = listIssued
	case provider.ScanRevoked:
		p.List = listRevoked
	default:
		return p, &provider.Error{Code: provider.CodeUnsupported, Msg: "the service cannot be followed by " + string(scan.Mode)}
	}
	p.From = max(scan.Since.Unix(), 0)
	p.To = max(p.To, p.From)
	return p, nil
}

// ahead is how far the service's clock may run before ours.
const ahead = 5 * time.Minute

// at returns the position of a cursor. One of another version is no position:
// the listing must begin anew.
func (s *session) at(scan provider.Scan, c provider.Cursor) (position, error) {
	first, err := s.begin(scan)
	if err != nil || c == nil {
		return first, err
	}
	p, err := parsePosition(c)
	fits := scan.Mode == provider.ScanAll || p.List == first.List && p.Then == ""
	if err != nil || !fits {
		return p, &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the stored position in the listing no longer fits; the listing must begin anew", Err: err}
	}
	return p, nil
}

func parsePosition(c provider.Cursor) (position, error) {
	var p position
	dec := json.NewDecoder(bytes.NewReader(c))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return p, errors.New("something follows the position")
	}
	isList := p.List == listIssued || p.List == listRevoked
	follows := p.Then == "" || p.Then == listRevoked && p.List == listIssued
	if p.Version != cursorVersion || !isList || !follows || p.From < 0 || p.To < p.From || p.To > maxTime || p.Page < 1 || p.Page > maxPages || p.Count < 0 {
		return p, errors.New("the position is out of bounds")
	}
	return p, nil
}
