package globalsignatlas_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
)

// all reads a scan to its end.
func all(t *testing.T, s session, scan provider.Scan) (pages []provider.Page) {
	t.Helper()
	var after provider.Cursor
	for {
		p, err := s.List(t.Context(), scan, after)
		if err != nil {
			t.Fatalf("page %d: %v", len(pages)+1, err)
		}
		if pages = append(pages, p); !p.More {
			return pages
		}
		after = p.Next
	}
}

// statuses returns the status of each record, the last one where it comes twice.
func statuses(pages []provider.Page) map[string]provider.Status {
	out := map[string]provider.Status{}
	for _, p := range pages {
		for _, r := range p.Records {
			out[r.Serial] = r.Status
		}
	}
	return out
}

func knows(statuses map[string]provider.Status) func(context.Context, []string) (map[string]provider.Status, error) {
	return func(_ context.Context, serials []string) (map[string]provider.Status, error) {
		out := map[string]provider.Status{}
		for _, s := range serials {
			if status, ok := statuses[s]; ok {
				out[s] = status
			}
		}
		return out, nil
	}
}

func TestScansByTime(t *testing.T) {
	t.Parallel()
	s := stand(t, casim.Options{}, 3)
	open := s.open(t)
	s.clock.Store(int64(time.Hour))
	since := s.config.Now()
	more, err := s.ca.Issue(2)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ca.Revoke(s.serials[1], "KeyCompromise"); err != nil {
		t.Fatal(err)
	}
	issued := statuses(all(t, open, provider.Scan{Mode: provider.ScanIssued, Since: since}))
	if diff := cmp.Diff(map[string]provider.Status{more[0]: provider.StatusValid, more[1]: provider.StatusValid}, issued); diff != "" {
		t.Errorf("issued since (-want +got):\n%s", diff)
	}
	pages := all(t, open, provider.Scan{Mode: provider.ScanRevoked, Since: since})
	if diff := cmp.Diff(map[string]provider.Status{s.serials[1]: provider.StatusRevoked}, statuses(pages)); diff != "" {
		t.Errorf("revoked since (-want +got):\n%s", diff)
	}
	if r := pages[0].Records[0]; !r.RevokedAt.Equal(since.Truncate(time.Second)) || r.Reason != -1 {
		t.Errorf("revoked at %v for %d, want %v and no reason", r.RevokedAt, r.Reason, since)
	}
	if pages[0].Full || pages[0].Total != 1 {
		t.Errorf("a window is called full (%v), or has %d certificates", pages[0].Full, pages[0].Total)
	}
}

// What the caller knows is not fetched again, unless its state may be another.
func TestKnownCertificatesAreNotFetched(t *testing.T) {
	t.Parallel()
	s := stand(t, casim.Options{}, 5)
	valid, revokedSince, revokedBefore, fresh, ended := s.serials[0], s.serials[1], s.serials[2], s.serials[3], s.serials[4]
	for _, serial := range []string{revokedSince, revokedBefore} {
		if err := s.ca.Revoke(serial, "Superseded"); err != nil {
			t.Fatal(err)
		}
	}
	known := map[string]provider.Status{
		valid: provider.StatusValid, revokedSince: provider.StatusValid, revokedBefore: provider.StatusRevoked, ended: provider.StatusExpired,
	}
	pages := all(t, s.open(t), provider.Scan{Known: knows(known)})
	want := map[string]provider.Status{revokedSince: provider.StatusRevoked, fresh: provider.StatusValid, ended: provider.StatusValid}
	if diff := cmp.Diff(want, statuses(pages)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	var seen []string
	for _, p := range pages {
		seen = append(seen, p.Seen...)
	}
	for _, serial := range []string{valid, revokedBefore} {
		if !slices.Contains(seen, serial) {
			t.Errorf("%s is known and listed, but not among the seen", serial)
		}
	}
	if n := s.ca.Calls("certificate"); n != len(want) {
		t.Errorf("%d certificates were fetched, want %d", n, len(want))
	}
	if last := pages[len(pages)-1]; !last.Full || last.Total != -1 {
		t.Errorf("the last page: full %v, total %d; want true and -1, as there are two lists", last.Full, last.Total)
	}
}

func TestErrorOfKnownPasses(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	_, err := stand(t, casim.Options{}, 1).open(t).List(t.Context(), provider.Scan{Known: func(context.Context, []string) (map[string]provider.Status, error) { return nil, lost }}, nil)
	if err != lost { //nolint:errorlint // it passes unchanged
		t.Errorf("got %v", err)
	}
}

func TestExpiredCertificate(t *testing.T) {
	t.Parallel()
	s := stand(t, casim.Options{}, 1)
	s.clock.Store(int64(-400 * 24 * time.Hour)) // casim issues for a year
	old, err := s.ca.Issue(1)
	if err != nil {
		t.Fatal(err)
	}
	s.clock.Store(0)
	if got := statuses(all(t, s.open(t), provider.Scan{}))[old[0]]; got != provider.StatusExpired {
		t.Errorf("status %s, want expired", got)
	}
}

func TestListThatMakesNoSense(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		count string
		body  string
		code  provider.Code
	}{
		"no count":           {"", `[]`, provider.CodeParse},
		"count below zero":   {"-1", `[]`, provider.CodeParse},
		"count beyond all":   {"99999999999999999999", `[]`, provider.CodeParse},
		"fewer than counted": {"7", `[]`, provider.CodeIncompleteListing},
		"too many at once":   {"101", "[" + strings.Repeat(`{"serial_number":"1"},`, 100) + `{"serial_number":"2"}]`, provider.CodeProtocol},
		"not a list":         {"1", `{"serial_number":"01"}`, provider.CodeParse},
		"broken off":         {"1", `[{"serial_number":`, provider.CodeParse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stand(t, casim.Options{}, 0)
			s.answer = on("/v2/stats/issued", func(w http.ResponseWriter) {
				w.Header().Set("Total-Count", test.count)
				_, _ = w.Write([]byte(test.body))
			})
			_, err := s.open(t).List(t.Context(), provider.Scan{}, nil)
			wantCode(t, err, test.code, "")
		})
	}
}

// on answers at one path in the place of the service.
func on(path string, answer func(http.ResponseWriter)) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if r.URL.Path == path {
			answer(w)
			return
		}
		honest.ServeHTTP(w, r)
	}
}

// A window that holds less than on the page before may have shifted over
// certificates.
func TestWindowThatShrinks(t *testing.T) {
	t.Parallel()
	s := stand(t, casim.Options{}, 0)
	count := 201
	s.answer = func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if !strings.HasPrefix(r.URL.Path, "/v2/stats/") {
			honest.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Total-Count", fmt.Sprint(count))
		_, _ = w.Write([]byte("[" + strings.TrimSuffix(strings.Repeat(`{"serial_number":"1"},`, 100), ",") + "]"))
		count--
	}
	open := s.open(t)
	scan := provider.Scan{Known: knows(map[string]provider.Status{"1": provider.StatusRevoked})}
	first, err := open.List(t.Context(), scan, nil)
	if err != nil || len(first.Seen) != 100 {
		t.Fatalf("%d seen, %v", len(first.Seen), err)
	}
	_, err = open.List(t.Context(), scan, first.Next)
	wantCode(t, err, provider.CodeIncompleteListing, "while it was read")
}

// One record that cannot be read costs itself.
func TestSkippedRecords(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line   string // beside a good one
		status int
		answer string
		reason string
	}{
		"serial number not in hex": {`{"serial_number":"xyz"}`, 0, "", "not in hex"},
		"serial number of null":    {`{"serial_number":null}`, 0, "", "not in hex"},
		"entry of another form":    {`"AB"`, 0, "", "another form"},
		"certificate not there":    {`{"serial_number":"AB"}`, 404, `{"description":"certificate not found"}`, "does not have it"},
		"certificate of another":   {`{"serial_number":"AB"}`, 0, "", "another serial number"},
		"no certificate":           {`{"serial_number":"AB"}`, 200, `{"status":"ISSUED"}`, "has no certificate"},
		"no JSON object":           {`{"serial_number":"AB"}`, 200, `[]`, "broken JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stand(t, casim.Options{}, 1)
			good := strings.ToUpper(s.serials[0])
			s.answer = func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
				switch r.URL.Path {
				case "/v2/stats/issued":
					w.Header().Set("Total-Count", "2")
					_, _ = fmt.Fprintf(w, `[%s,{"serial_number":%q}]`, test.line, good)
				case "/v2/certificates/AB":
					if test.status != 0 {
						w.WriteHeader(test.status)
						_, _ = w.Write([]byte(test.answer))
						return
					}
					r.URL.Path = "/v2/certificates/" + good
					fallthrough
				default:
					honest.ServeHTTP(w, r)
				}
			}
			p, err := s.open(t).List(t.Context(), provider.Scan{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Records) != 1 || len(p.Skipped) != 1 || !strings.Contains(p.Skipped[0].Reason, test.reason) || len(p.Skipped[0].Raw) == 0 && p.Skipped[0].Serial != "" {
				t.Errorf("%d records, skipped %+v; want 1, and one skipped for %q", len(p.Records), p.Skipped, test.reason)
			}
		})
	}
}

// A page that somebody else answers for a certificate is no certificate that
// is missing.
func TestNotFoundOfAProxyEndsThePage(t *testing.T) {
	t.Parallel()
	s := stand(t, casim.Options{}, 1)
	s.answer = func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if strings.HasPrefix(r.URL.Path, "/v2/certificates/") {
			http.NotFound(w, r)
			return
		}
		honest.ServeHTTP(w, r)
	}
	_, err := s.open(t).List(t.Context(), provider.Scan{}, nil)
	wantCode(t, err, provider.CodeProtocol, "404")
}
