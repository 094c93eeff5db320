package digicertone

import (
	"bytes"
	"encoding/json"
	"net/url"
	"time"

	"cloudpki/internal/provider"
)

// cursorVersion is raised when the meaning of a position changes.
const cursorVersion = 1

// maxCursor bounds a cursor in bytes.
const maxCursor = 1024

// A position is where a scan stands: in which of its searches, how many records
// of it were read, and which was the last of them.
type position struct {
	Version int    `json:"v"`
	Scan    string `json:"m,omitempty"` // provider.ScanMode
	Pass    int    `json:"p"`
	Name    string `json:"q,omitempty"` // of the pass, so that a change of settings is noticed
	Read    int    `json:"n"`
	Last    string `json:"l,omitempty"` // mark of the last record read
	Back    int    `json:"b,omitempty"` // how often the scan had to go back
}

// A pass is one search of a scan.
type pass struct {
	name  string
	query url.Values
}

// passes returns the searches of a scan: one a profile, and a status where
// those that are no longer valid are asked for. valid_from takes a date; as
// neither its zone nor its edge is documented, it is two days before.
func (s *session) passes(scan provider.Scan) []pass {
	statuses := []string{""}
	if scan.Mode == provider.ScanRevoked {
		statuses = []string{"REVOKED", "SUSPENDED"}
	}
	profiles := s.profiles
	if profiles == nil {
		profiles = []string{""}
	}
	var all []pass
	for _, status := range statuses {
		for _, id := range profiles {
			q := s.query(id, status)
			if scan.Mode == provider.ScanIssued && scan.Since.After(time.Unix(0, 0)) {
				q.Set("valid_from", scan.Since.UTC().AddDate(0, 0, -2).Format(time.DateOnly))
			}
			all = append(all, pass{id + "|" + status, q})
		}
	}
	return all
}

func (p position) cursor(scan provider.Scan, passes []pass) (provider.Cursor, error) {
	p.Version, p.Scan, p.Name = cursorVersion, string(scan.Mode), passes[p.Pass].name
	b, err := json.Marshal(p)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the position in the listing cannot be written", Err: err}
	}
	return b, nil
}

// at returns the position of a cursor. One of another version, of another scan,
// or of a search that the settings no longer have, is none: the listing must
// begin anew.
func at(c provider.Cursor, scan provider.Scan, passes []pass) (position, error) {
	var p position
	if c == nil {
		return p, nil
	}
	lost := &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the stored position in the listing no longer fits; the listing must begin anew"}
	if len(c) > maxCursor {
		return position{}, lost
	}
	d := json.NewDecoder(bytes.NewReader(c))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		lost.Err = err
		return position{}, lost
	}
	switch {
	case d.More(), p.Version != cursorVersion, p.Scan != string(scan.Mode), p.Pass < 0, p.Pass >= len(passes):
		return position{}, lost
	case p.Name != passes[p.Pass].name, p.Read < 0, p.Read > maxRecords, (p.Read == 0) != (p.Last == ""), p.Back < 0:
		return position{}, lost
	}
	return p, nil
}
