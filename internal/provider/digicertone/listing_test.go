package digicertone_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/digicertone"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/digicertone"
)

// A shelf is a listing of records that have a serial number and nothing else,
// so that each is skipped under its serial number.
type shelf struct {
	serials []string
	total   int // that it tells; 0 is the truth
}

func newShelf(n int) *shelf {
	s := &shelf{}
	for i := range n {
		s.serials = append(s.serials, fmt.Sprintf("A%03d", i))
	}
	return s
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	items := []map[string]string{}
	for _, serial := range s.serials[min(offset, len(s.serials)):min(offset+limit, len(s.serials))] {
		items = append(items, map[string]string{"serial_number": serial})
	}
	total := s.total
	if total == 0 {
		total = len(s.serials)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"total": total, "offset": offset, "limit": limit, "items": items})
}

// What changes while a listing is read loses none of the records that stay.
func TestListingThatChanges(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(s *shelf) // once, behind the third page
		code   provider.Code  // "" is none
	}{
		"nothing":                  {func(*shelf) {}, ""},
		"some before are gone":     {func(s *shelf) { s.serials = s.serials[5:] }, ""},
		"a page before is gone":    {func(s *shelf) { s.serials = s.serials[15:] }, ""},
		"some come first":          {func(s *shelf) { s.serials = append([]string{"B1", "B2", "B3"}, s.serials...) }, ""},
		"two pages come first":     {func(s *shelf) { s.serials = append(newShelf(20).serials, s.serials...) }, ""},
		"the last read is gone":    {func(s *shelf) { s.serials = slices.Delete(s.serials, 27, 28) }, provider.CodeIncompleteListing},
		"all is gone":              {func(s *shelf) { s.serials = nil }, provider.CodeIncompleteListing},
		"it tells of more":         {func(s *shelf) { s.total = 100 }, provider.CodeIncompleteListing},
		"it tells of ever so many": {func(s *shelf) { s.total = 1 << 40 }, provider.CodeIncompleteListing},
	} {
		t.Run(name, func(t *testing.T) {
			shelf := newShelf(60)
			stay := slices.Clone(shelf.serials)
			inv := open(t, shelf, map[string]string{"pageSize": "10"}).(provider.Inventory)
			var after provider.Cursor
			var got []string
			for pages := 1; ; pages++ {
				p, err := inv.List(t.Context(), provider.Scan{}, after)
				if err != nil {
					var e *provider.Error
					if !errors.As(err, &e) || e.Code != tt.code {
						t.Errorf("page %d: %v, want %q", pages, err, tt.code)
					}
					return
				}
				for _, skipped := range p.Skipped {
					got = append(got, skipped.Serial)
				}
				if after = p.Next; !p.More {
					break
				}
				if pages == 3 {
					tt.change(shelf)
				}
			}
			if tt.code != "" {
				t.Fatalf("%d records and no error", len(got))
			}
			for _, serial := range stay {
				if !slices.Contains(got, serial) {
					t.Errorf("%s is passed over", serial)
				}
			}
		})
	}
}

// A listing that never gets anywhere is given up.
func TestListingWithoutEnd(t *testing.T) {
	flip := 0
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := newShelf(20)
		if flip++; flip%2 == 0 && r.URL.Query().Get("offset") != "0" {
			s.serials = slices.Repeat([]string{"other"}, 20) // the page has the last record only where it was looked for before
		}
		s.total = 1000
		s.ServeHTTP(w, r)
	})
	inv := open(t, h, map[string]string{"pageSize": "10"}).(provider.Inventory)
	var after provider.Cursor
	for range 5000 {
		p, err := inv.List(t.Context(), provider.Scan{}, after)
		if err != nil {
			var e *provider.Error
			if !errors.As(err, &e) || e.Code != provider.CodeIncompleteListing {
				t.Errorf("got %v", err)
			}
			return
		}
		after = p.Next
	}
	t.Error("the listing goes on")
}

// A list of profiles that tells the issuers needs no call for each.
func TestIssuersInTheList(t *testing.T) {
	ca, err := casim.New(casim.Options{})
	must(t, err)
	h := keyless(ca)
	calls := 0
	s := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls++; r.URL.Path != "/mpki/api/v1/profile" {
			h.ServeHTTP(w, r)
			return
		}
		_, _ = w.Write([]byte("["))
		for i, id := range []string{sim.ProfileUser, sim.ProfileDevice} {
			if i > 0 {
				_, _ = w.Write([]byte(","))
			}
			one := r.Clone(r.Context())
			one.URL.Path += "/" + id
			h.ServeHTTP(w, one)
		}
		_, _ = w.Write([]byte("]"))
	}), nil)
	got, err := s.(provider.RootSource).Authorities(t.Context())
	if err != nil || len(got.List) != 2 || calls != 1 || !got.List[0].Root.Equal(ca.Root()) {
		t.Errorf("%d authorities after %d calls, %v", len(got.List), calls, err)
	}
}

// The simulator as a program serves it.
func TestAgainstTheDialect(t *testing.T) {
	ca, err := casim.New(casim.Options{})
	must(t, err)
	_, err = ca.Issue(3)
	must(t, err)
	srv, err := ca.StartAs(t.Context(), "127.0.0.1:0", sim.Dialect())
	must(t, err)
	defer srv.Close()
	for name, in := range map[string]login{"key": byKey, "certificate": byCertificate} {
		c := provider.Config{ServiceURI: srv.URL, ServerCAs: ca.ServerCAs(), Now: time.Now}
		in(t, ca, &c, true)
		c.Transport = provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
		s, err := digicertone.Kind().Open(t.Context(), c)
		must(t, err)
		p, err := s.(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
		if err != nil || len(p.Records) != 3 {
			t.Errorf("%s: %d records, %v", name, len(p.Records), err)
		}
		must(t, s.Close())
	}
}
