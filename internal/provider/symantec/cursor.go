package symantec

import (
	"encoding/json"
	"slices"

	"cloudpki/internal/provider"
)

// cursorVersion is raised when the meaning of a position changes.
const cursorVersion = 1

// A position is where a listing stands: in which profile, how many records of
// it were read, and which was the last of them.
type position struct {
	Version int    `json:"v"`
	Profile string `json:"p,omitempty"` // "" lists the account
	Read    int    `json:"n"`
	Last    string `json:"l,omitempty"` // mark of the last record read
}

func (p position) cursor() (provider.Cursor, error) {
	p.Version = cursorVersion
	b, err := json.Marshal(p)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the position in the listing cannot be written", Err: err}
	}
	return b, nil
}

// at returns the position of a cursor. One of another version, or of a profile
// no longer followed, is no position: the listing must begin anew.
func (s *session) at(c provider.Cursor) (position, error) {
	var p position
	if c == nil {
		if s.profiles != nil {
			p.Profile = s.profiles[0]
		}
		return p, nil
	}
	err := json.Unmarshal(c, &p)
	known := (s.profiles == nil && p.Profile == "") || slices.Contains(s.profiles, p.Profile)
	if err != nil || p.Version != cursorVersion || !known || p.Read < 0 || p.Read > maxRecords {
		return p, &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the stored position in the listing no longer fits; the listing must begin anew", Err: err}
	}
	return p, nil
}

// nextProfile returns the profile to list after p, and whether there is one.
func (s *session) nextProfile(p string) (string, bool) {
	i := slices.Index(s.profiles, p)
	if i < 0 || i+1 >= len(s.profiles) {
		return "", false
	}
	return s.profiles[i+1], true
}
