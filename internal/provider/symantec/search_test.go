package symantec_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
)

func encode(der []byte) string { return base64.StdEncoding.EncodeToString(der) }

// distinct returns the serials of records, each once, sorted.
func distinct(records []provider.Record) []string {
	var out []string
	for _, r := range records {
		out = append(out, r.Serial)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestListingOfProfiles(t *testing.T) {
	ca, serials := newCA(t, 203, casim.Options{})
	for setting, want := range map[string]int{
		casim.ProfileUser:   102,
		casim.ProfileDevice: 101,
		casim.ProfileUser + "," + casim.ProfileDevice: 203,
		casim.ProfileUser + " , " + casim.ProfileUser: 102,
		"": 203,
	} {
		records, _, err := list(t.Context(), session(t, ca, map[string]string{"profileOIDs": setting}), nil)
		if err != nil || len(records) != want || len(distinct(records)) != want {
			t.Errorf("%q: %d records, %d of them distinct, %v; want %d of %d", setting, len(records), len(distinct(records)), err, want, len(serials))
		}
	}
	if _, _, err := list(t.Context(), session(t, ca, map[string]string{"accountId": casim.AccountID}), nil); err != nil {
		t.Errorf("of the account: %v", err)
	}
	_, _, err := list(t.Context(), session(t, ca, map[string]string{"accountId": "1"}), nil)
	wantCode(t, err, provider.CodePermission, "not authorized")
}

// Certificates issued during the scan shift the offsets of a list that begins
// with the newest. None of those that were there at the beginning may be lost.
func TestListingWhileCertificatesAreIssued(t *testing.T) {
	for _, newestFirst := range []bool{false, true} {
		for _, perPage := range []int{1, 49, 50, 51, 120} {
			ca, serials := newCA(t, 203, casim.Options{NewestFirst: newestFirst})
			records, _, err := list(t.Context(), session(t, ca, nil), func() {
				if len(ca.Certificates()) < 203+3*perPage {
					if _, err := ca.Issue(perPage); err != nil {
						t.Fatal(err)
					}
				}
			})
			if err != nil {
				t.Errorf("newest first %v, %d a page: %v", newestFirst, perPage, err)
				continue
			}
			got := distinct(records)
			for _, s := range serials {
				if _, there := slices.BinarySearch(got, s); !there {
					t.Errorf("newest first %v, %d a page: %s is lost", newestFirst, perPage, s)
				}
			}
		}
	}
}

// A list out of which records vanish shifts the other way: the record where the
// last page ended is looked for further up.
func TestListingWhileRecordsVanish(t *testing.T) {
	for _, vanish := range []int{1, 30, 49, 50, 80} {
		ca, serials := newCA(t, 253, casim.Options{})
		all := ca.Certificates()
		gone := 0 // records no longer listed, from the front
		ca.Misbehave(casim.Fault{Search: func(a *casim.SearchAnswer) {
			page(a, all[gone:])
		}})
		records, _, err := list(t.Context(), session(t, ca, nil), func() { gone = vanish })
		if vanish >= 50 { // with them the record that marks the place
			wantCode(t, err, provider.CodeIncompleteListing, "changed while it was read")
			continue
		}
		if err != nil {
			t.Errorf("%d vanish: %v", vanish, err)
		}
		if got := distinct(records); len(got) != len(serials) {
			t.Errorf("%d vanish: %d records, want the %d that were there at the beginning", vanish, len(got), len(serials))
		}
	}
}

// page makes the answer tell of list, 50 at a time.
func page(a *casim.SearchAnswer, list []casim.Certificate) {
	a.List = nil
	for _, c := range list[min(a.Start, len(list)):min(a.Start+50, len(list))] {
		a.List = append(a.List, casim.CertificateInformation{Certificate: encode(c.DER), Serial: c.Serial, Status: c.Status})
	}
	a.Count, a.More = len(list), a.Start+len(a.List) < len(list)
}

func TestHostileListings(t *testing.T) {
	ca, _ := newCA(t, 120, casim.Options{})
	s, all := session(t, ca, nil), ca.Certificates()
	tests := []struct {
		name string
		bad  func(a *casim.SearchAnswer)
		code provider.Code
		says string
	}{
		{"count too high", func(a *casim.SearchAnswer) { a.Count += 10 }, provider.CodeIncompleteListing, "130 certificates but lists 120"},
		{"ends early", func(a *casim.SearchAnswer) { a.More = false }, provider.CodeIncompleteListing, "120 certificates but lists 50"},
		{"more for ever", func(a *casim.SearchAnswer) { a.More = true }, provider.CodeIncompleteListing, "sends none"},
		{"the same page for ever", func(a *casim.SearchAnswer) {
			a.Start = 0
			page(a, all)
		}, provider.CodeIncompleteListing, "repeats itself"},
		{"empty page that promises more", func(a *casim.SearchAnswer) { a.List, a.More = nil, true }, provider.CodeIncompleteListing, "sends none"},
		{"another order each time", func(a *casim.SearchAnswer) {
			if a.Start > 0 {
				a.List = a.List[max(0, len(a.List)-5):]
			}
		}, provider.CodeIncompleteListing, "120 certificates but lists"},
		{"negative count", func(a *casim.SearchAnswer) { a.Count = -1 }, provider.CodeParse, "certificateCount"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ca.Misbehave(casim.Fault{Search: tt.bad})
			_, _, err := list(t.Context(), s, nil)
			wantCode(t, err, tt.code, tt.says)
		})
	}
	t.Run("count too low is no loss", func(t *testing.T) {
		ca.Misbehave(casim.Fault{Search: func(a *casim.SearchAnswer) { a.Count = 7 }})
		if records, _, err := list(t.Context(), s, nil); err != nil || len(records) != 120 {
			t.Errorf("%d records, %v", len(records), err)
		}
	})
	t.Run("pages of one", func(t *testing.T) {
		small, serials := newCA(t, 7, casim.Options{PageSize: 1})
		if records, _, err := list(t.Context(), session(t, small, nil), nil); err != nil || len(distinct(records)) != len(serials) {
			t.Errorf("%d records, %v", len(records), err)
		}
	})
}

func TestCursorsOfAnotherListing(t *testing.T) {
	ca, _ := newCA(t, 60, casim.Options{})
	all, one := session(t, ca, nil), session(t, ca, map[string]string{"profileOIDs": casim.ProfileUser})
	p, err := all.(provider.Inventory).List(t.Context(), provider.Scan{}, nil)
	if err != nil || !p.More {
		t.Fatal(p.More, err)
	}
	_, err = one.(provider.Inventory).List(t.Context(), provider.Scan{}, p.Next)
	wantCode(t, err, provider.CodeIncompleteListing, "begin anew")
	for _, c := range []string{"", "x", "{}", `{"v":2,"n":1}`, `{"v":1,"n":-1}`, `{"v":1,"n":99999999999}`, `{"v":1,"p":"1.2.3","n":1}`} {
		_, err := all.(provider.Inventory).List(t.Context(), provider.Scan{}, provider.Cursor(c))
		wantCode(t, err, provider.CodeIncompleteListing, "begin anew")
	}
}

func TestOddRecords(t *testing.T) {
	ca, serials := newCA(t, 4, casim.Options{})
	if err := ca.Revoke(serials[1], "KeyCompromise"); err != nil {
		t.Fatal(err)
	}
	s := session(t, ca, nil)
	tests := []struct {
		fault string
		look  func(r provider.Record) bool // at the first record
	}{
		{"no-email", func(r provider.Record) bool {
			return r.Status == provider.StatusValid && r.Holder == "seat-0@example.org"
		}},
		{"no-reason", func(r provider.Record) bool {
			return r.Status == provider.StatusRevoked && r.Reason == -1 && !r.RevokedAt.IsZero()
		}},
		{"revoked-never", func(r provider.Record) bool { return r.Status == provider.StatusRevoked && r.RevokedAt.IsZero() }},
		{"odd-reason", func(r provider.Record) bool { return r.Status == provider.StatusRevoked && r.Reason == -1 }},
		{"odd-status", func(r provider.Record) bool { return r.Status == provider.StatusUnknown }},
		{"suspended", func(r provider.Record) bool { return r.Status == provider.StatusSuspended && r.Reason == 6 }},
		{"leading-zeros", func(r provider.Record) bool { return r.Serial == serials[0] }},
		{"pkcs7", func(r provider.Record) bool { return r.Serial == serials[0] && r.DER != nil }},
		{"milliseconds", func(r provider.Record) bool { return r.NotAfter.Year() < 2100 }},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			f, ok := casim.ByName(tt.fault)
			if !ok {
				t.Fatal("there is no such fault")
			}
			ca.Misbehave(f)
			records, skipped, err := list(t.Context(), s, nil)
			if err != nil || len(records) != 4 || len(skipped) != 0 {
				t.Fatalf("%d records, %d skipped, %v", len(records), len(skipped), err)
			}
			if !tt.look(records[0]) {
				t.Errorf("%+v", records[0])
			}
			if r := records[1]; r.Status != provider.StatusRevoked || r.Reason != 1 || time.Since(r.RevokedAt) > time.Hour {
				t.Errorf("the revoked one: %+v", r)
			}
		})
	}
	ca.Misbehave(casim.Fault{Search: casim.Each(func(i int, ci *casim.CertificateInformation) { ci.Status = "INVENTED" })})
	if records, _, err := list(t.Context(), s, nil); err != nil || records[0].Status != provider.StatusUnknown {
		t.Errorf("an invented status: %v, %v", records, err)
	}
	ca.Misbehave(casim.Fault{Search: casim.First(func(ci *casim.CertificateInformation) {
		ci.Certificate, ci.Serial = strings.Repeat("!", 100<<10), "12\x1234"
	})})
	_, skipped, err := list(t.Context(), s, nil)
	if err != nil || len(skipped) != 1 || len(skipped[0].Raw) != 64<<10 {
		t.Errorf("a large unreadable record: %d skipped, %v", len(skipped), err)
	}
}

func TestExpiredByTheClock(t *testing.T) {
	ca, _ := newCA(t, 0, casim.Options{})
	if _, err := ca.IssueBetween(1, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	ca.Misbehave(casim.Fault{Search: casim.Each(func(_ int, ci *casim.CertificateInformation) { ci.Status = "VALID" })})
	records, _, err := list(t.Context(), session(t, ca, nil), nil)
	if err != nil || len(records) != 1 || records[0].Status != provider.StatusExpired {
		t.Errorf("%+v, %v", records, err)
	}
}
