package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cloudpki/internal/provider"
)

// How many serial numbers a page goes through at most: so many may be asked of
// Scan.Known at once, and where most are not known, so many are fetched.
const (
	pageKeys    = 500
	pageFetched = 100
)

// maxKey bounds a serial number as listed, in bytes.
const maxKey = 256

// cursorVersion is raised when the meaning of a position changes.
const cursorVersion = 1

// A position is where a listing stands.
type position struct {
	Version int    `json:"v"`
	Mount   string `json:"m"`
	After   string `json:"a"` // the last key gone through
}

func (s *session) cursor(after string) (provider.Cursor, error) {
	b, err := json.Marshal(position{cursorVersion, s.mount, after})
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInternal, Msg: "the position in the listing cannot be written", Err: err}
	}
	return b, nil
}

// after returns the key that a cursor stands behind. A cursor of another
// version or mount is no position: the listing must begin anew.
func (s *session) after(c provider.Cursor) (string, error) {
	if c == nil {
		return "", nil
	}
	var p position
	err := json.Unmarshal(c, &p)
	if err != nil || p.Version != cursorVersion || p.Mount != s.mount || p.After == "" {
		return "", &provider.Error{Code: provider.CodeIncompleteListing, Msg: "the stored position in the listing no longer fits; the listing must begin anew", Err: err}
	}
	return p.After, nil
}

// keyOf writes a serial number as the storage of Vault has it, "0a-ff": by this
// spelling the list is sorted, and OpenBao's after is compared with it. What is
// too long for a serial number is cut, as keys are stored in cursors.
func keyOf(listed string) string {
	return strings.ReplaceAll(strings.ToLower(listed[:min(len(listed), maxKey)]), ":", "-")
}

// serials returns up to limit keys behind after, sorted, and whether more
// follow. OpenBao is asked for a page; Vault knows no pages and lists all, which
// is kept for the pages to come. A list is taken for all there is only where it
// has more than was asked for, or what was not.
func (s *session) serials(ctx context.Context, after string, limit int) (keys []string, more bool, err error) {
	if after == "" {
		s.whole = nil // from the beginning: as it is now
	}
	if s.whole == nil {
		listed, sent, err := s.listKeys(ctx, url.Values{"limit": {strconv.Itoa(limit)}, "after": nonEmpty(after)})
		if err != nil {
			return nil, false, err
		}
		fresh := behind(listed, after)
		switch all := after == "" && sent < limit; {
		case all, sent > limit:
			s.whole = listed
		case len(fresh) < len(listed), len(fresh) == 0 && sent == limit:
			// after was passed over, or leads nowhere: what was sent may be a part
			if s.whole, _, err = s.listKeys(ctx, nil); err != nil {
				return nil, false, err
			}
		default:
			return fresh, sent == limit, nil
		}
	}
	fresh := behind(s.whole, after)
	if len(fresh) > limit {
		return fresh[:limit], true, nil
	}
	return fresh, false, nil
}

// nonEmpty is the value of a parameter that is left out where it is "".
func nonEmpty(v string) []string {
	if v == "" {
		return nil
	}
	return []string{v}
}

// behind returns the part of sorted keys that follows after.
func behind(keys []string, after string) []string {
	i, found := slices.BinarySearch(keys, after)
	if found {
		i++
	}
	return keys[i:]
}

// listKeys asks for the serial numbers of what the mount has issued and kept.
// Its own issuers are left out: they are authorities. sent is how many numbers
// came with them.
func (s *session) listKeys(ctx context.Context, query url.Values) (keys []string, sent int, err error) {
	all, err := s.loadIssuers(ctx)
	if err != nil {
		return nil, 0, err
	}
	var data struct {
		Keys []string `json:"keys"`
	}
	if _, err := s.list(ctx, "certs", query, &data); err != nil {
		return nil, 0, err
	}
	for i, k := range data.Keys {
		data.Keys[i] = keyOf(k)
	}
	slices.Sort(data.Keys)
	own := all.serials()
	keys = slices.DeleteFunc(slices.Compact(data.Keys), func(k string) bool {
		serial, err := provider.ParseSerial(k)
		return err == nil && own[serial]
	})
	return keys, len(data.Keys), nil
}

// A revokedList says which serial numbers are revoked.
type revokedList struct {
	serials  map[string]bool
	complete bool // what is not in it is not revoked
}

// loadRevoked reads what is revoked, once in a listing: the list of revoked
// certificates, or the CRLs where the version or the policy does not have it.
// CRLs leave out what has expired.
func (s *session) loadRevoked(ctx context.Context) (*revokedList, error) {
	if s.revoked != nil {
		return s.revoked, nil
	}
	var data struct {
		Keys []string `json:"keys"`
	}
	_, err := s.list(ctx, "certs/revoked", nil, &data)
	if isUnknownPath(err) || isForbidden(err) {
		return s.revokedByCRL(ctx)
	}
	if err != nil {
		return nil, err
	}
	r := &revokedList{serials: make(map[string]bool, len(data.Keys)), complete: true}
	for _, k := range data.Keys {
		serial, err := provider.ParseSerial(k)
		if err != nil {
			return nil, &provider.Error{Code: provider.CodeParse, Msg: fmt.Sprintf("the list of revoked certificates of the mount '%s' has what is no serial number", s.mountName), Err: err}
		}
		r.serials[serial] = true
	}
	s.revoked = r
	return r, nil
}

func (s *session) revokedByCRL(ctx context.Context) (*revokedList, error) {
	lists, err := s.CRLs(ctx)
	if err != nil {
		return nil, err
	}
	r := &revokedList{serials: map[string]bool{}}
	for _, list := range lists {
		for _, e := range list.RevokedCertificateEntries {
			r.serials[e.SerialNumber.Text(16)] = true
		}
	}
	s.revoked = r
	return r, nil
}
