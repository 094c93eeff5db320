package providertest

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"testing"
	"time"

	"cloudpki/internal/provider"

	"github.com/google/go-cmp/cmp"
)

// testCapabilities holds what the kind claims against what its sessions have
// and against what the test says it lacks.
func testCapabilities(t *testing.T, s *stand) {
	ca := s.ca
	session := s.open(t)
	_, roots := session.(provider.RootSource)
	_, list := session.(provider.Inventory)
	_, crls := session.(provider.RevocationSource)
	can := ca.Kind.Can
	type claim struct {
		feature     Feature
		claims, has bool
	}
	all := []claim{
		{Authorities, can.Authorities, roots},
		{Inventory, can.Inventory != provider.InventoryNone, list},
		{Revocations, can.Revocations, crls},
	}
	if list {
		all = append(all,
			claim{Issuing, s.Issue != nil, s.Issue != nil},
			claim{Revoking, s.Revoke != nil, s.Revoke != nil},
			claim{Resuming, s.Resume != nil, s.Resume != nil},
			claim{Oddities, s.Odd != nil, s.Odd != nil},
		)
	}
	for _, c := range all {
		_, lacks := ca.Lacks[c.feature]
		if c.claims != c.has || c.claims == lacks {
			t.Errorf("%s: the kind claims %v, its session has it: %v, the test says it lacks it: %v", c.feature, c.claims, c.has, lacks)
		}
	}
	_, issuer := session.(provider.Issuer)
	_, revoker := session.(provider.Revoker)
	if can.Issue != issuer || can.Revoke != revoker {
		t.Errorf("the kind claims to issue: %v, and to revoke: %v; its session has: %v, %v", can.Issue, can.Revoke, issuer, revoker)
	}
	if ca.Kind.Name == "" || ca.Kind.Title == "" {
		t.Error("the kind has no name or title")
	}
	for _, p := range ca.Kind.Validate(withoutTransport(s.Config)) {
		t.Errorf("a good configuration is faulted: %+v", p)
	}
}

func withoutTransport(c provider.Config) provider.Config {
	c.Transport = nil
	return c
}

func testProbe(t *testing.T, s *stand) {
	p, err := s.open(t).Probe(t.Context())
	if err != nil {
		t.Fatalf("Probe: %v", s.hear(t, err))
	}
	if p.NextSync < 0 {
		t.Errorf("NextSync is %v", p.NextSync)
	}
}

func testClose(t *testing.T, s *stand) {
	session := s.open(t)
	if _, err := session.Probe(t.Context()); err != nil {
		t.Fatalf("Probe: %v", s.hear(t, err))
	}
	for range 2 {
		if err := session.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func testBadCredentials(t *testing.T, s *stand) {
	s.Spoil(&s.Config)
	err := s.try(t.Context(), s.abilities(t)[0])
	if err == nil {
		t.Fatal("bad credentials are accepted")
	}
	if e := s.hear(t, err); e.RetryClass() != provider.RetryCredentials {
		t.Errorf("%v: would be tried again (%s); accounts lock", e, e.RetryClass())
	}
}

func testRoots(t *testing.T, s *stand) {
	ca := s.ca
	got, err := s.open(t).(provider.RootSource).Authorities(t.Context())
	if err != nil {
		t.Fatalf("Authorities: %v", s.hear(t, err))
	}
	var roots []string
	for _, a := range got.List {
		if a.Root == nil && ca.lacks(RootsTold) {
			if a.Issuing == nil {
				t.Errorf("authority %q has neither a root nor an issuer", a.ID)
			}
			continue
		}
		if a.Root == nil {
			t.Errorf("authority %q has no root", a.ID)
			continue
		}
		if raw := string(a.Root.Raw); !slices.Contains(roots, raw) {
			roots = append(roots, raw)
		}
		if a.Issuing != nil && !links(a) {
			t.Errorf("authority %q: issuing, chain and root do not link", a.ID)
		}
		if ca.Kind.Can.Profiles && len(a.ProfileIDs) == 0 {
			t.Errorf("authority %q has no profiles, though the kind claims them", a.ID)
		}
	}
	if len(got.List) == 0 {
		t.Error("there are no authorities")
	}
	var want []string
	for _, c := range s.Roots {
		want = append(want, string(c.Raw))
	}
	slices.Sort(roots)
	slices.Sort(want)
	if !slices.Equal(roots, want) {
		t.Errorf("got %d roots, want the %d that the CA serves", len(roots), len(want))
	}
}

// links reports whether each certificate names the next as its issuer.
func links(a provider.Authority) bool {
	up := append(append([]*x509.Certificate{a.Issuing}, a.Chain...), a.Root)
	for i := range up[1:] {
		if !bytes.Equal(up[i].RawIssuer, up[i+1].RawSubject) {
			return false
		}
	}
	return true
}

func testRevocations(t *testing.T, s *stand) {
	if _, err := s.open(t).(provider.RevocationSource).CRLs(t.Context()); err != nil {
		t.Fatalf("CRLs: %v", s.hear(t, err))
	}
}

// serials returns the serials of all records of pages, sorted, each once.
func serials(pages []provider.Page) []string {
	var out []string
	for _, p := range pages {
		for _, r := range p.Records {
			out = append(out, r.Serial)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func testInventory(t *testing.T, s *stand) {
	session := s.open(t)
	first := s.scan(t, session, provider.Scan{}, nil)
	want := slices.Sorted(slices.Values(s.Serials))
	if diff := cmp.Diff(want, serials(first)); diff != "" || len(want) != 123 {
		t.Errorf("%d certificates were issued; listed (-want +got):\n%s", len(want), diff)
	}
	if !first[len(first)-1].Full {
		t.Error("a complete listing is not called full")
	}
	for _, p := range first {
		for _, r := range p.Records {
			checkRecord(t, r)
		}
		if p.Total != -1 && p.Total != len(want) {
			t.Errorf("Total is %d, want %d or -1", p.Total, len(want))
		}
	}
	wantSame(t, "the same run twice", records(first), records(s.scan(t, session, provider.Scan{}, nil)))
	for i, p := range first[:len(first)-1] {
		fresh := s.open(t) // as after a restart
		wantSame(t, fmt.Sprintf("resumed behind page %d", i+1), records(first[i+1:]), records(s.scan(t, fresh, provider.Scan{}, p.Next)))
	}
}

func records(pages []provider.Page) []provider.Record {
	var out []provider.Record
	for _, p := range pages {
		out = append(out, p.Records...)
	}
	return out
}

// wantSame compares records by hand: they are many, and reflection is slow.
func wantSame(t *testing.T, when string, want, got []provider.Record) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%s: %d records, want %d", when, len(got), len(want))
		return
	}
	for i := range want {
		if !same(want[i], got[i]) {
			t.Errorf("%s: record %d is another (-want +got):\n%s", when, i, cmp.Diff(want[i], got[i]))
			return
		}
	}
}

func same(a, b provider.Record) bool {
	return bytes.Equal(a.DER, b.DER) && bytes.Equal(a.RawIssuer, b.RawIssuer) && a.IssuerDN == b.IssuerDN && a.Serial == b.Serial &&
		a.SubjectDN == b.SubjectDN && a.CommonName == b.CommonName && a.NotBefore.Equal(b.NotBefore) && a.NotAfter.Equal(b.NotAfter) &&
		a.Issued.Equal(b.Issued) && a.Updated.Equal(b.Updated) && a.Status == b.Status && a.RevokedAt.Equal(b.RevokedAt) &&
		a.Reason == b.Reason && a.ProfileID == b.ProfileID && a.Holder == b.Holder
}

// checkRecord holds a record against its certificate, and against what a Record
// promises.
func checkRecord(t *testing.T, r provider.Record) {
	t.Helper()
	for _, at := range []time.Time{r.NotBefore, r.NotAfter, r.Issued, r.Updated, r.RevokedAt} {
		if at.Location() != time.UTC {
			t.Errorf("record %s has a time that is not in UTC: %v", r.Serial, at)
		}
	}
	for _, text := range []string{r.ProfileID, r.Holder} {
		if provider.Clean(text, 1024) != text {
			t.Errorf("record %s has a text that is unfit to show: %.80q", r.Serial, text)
		}
	}
	if r.Status == provider.StatusValid && (!r.RevokedAt.IsZero() || r.Reason != -1) {
		t.Errorf("record %s is valid and revoked: %+v", r.Serial, r)
	}
	if r.DER == nil {
		return
	}
	c, err := x509.ParseCertificate(r.DER)
	if err != nil {
		t.Errorf("record %s: %v", r.Serial, err)
		return
	}
	want := provider.NewRecord(c)
	want.Issued, want.Updated, want.Status, want.RevokedAt, want.Reason, want.ProfileID, want.Holder = r.Issued, r.Updated, r.Status, r.RevokedAt, r.Reason, r.ProfileID, r.Holder
	if want.CommonName == "" {
		want.CommonName = r.CommonName // the CA may have one beside
	}
	if !same(want, r) || r.Status == "" {
		t.Errorf("record %s does not say what its certificate says: %+v", r.Serial, r)
	}
}

func testEmptyInventory(t *testing.T, s *stand) {
	pages := s.scan(t, s.open(t), provider.Scan{}, nil)
	if n := len(serials(pages)); n != 0 || len(pages) != 1 || !pages[0].Full {
		t.Errorf("%d records on %d pages of a CA that issued none; full %v", n, len(pages), pages[0].Full)
	}
}

func testUnreadable(t *testing.T, s *stand) {
	s.Unreadable()
	var skipped []provider.Skipped
	pages := s.scan(t, s.open(t), provider.Scan{}, nil)
	for _, p := range pages {
		skipped = append(skipped, p.Skipped...)
	}
	if n := len(serials(pages)); n != 59 || len(skipped) != 1 {
		t.Fatalf("%d records and %d skipped, want 59 and 1", n, len(skipped))
	}
	if skipped[0].Reason == "" || len(skipped[0].Raw) == 0 {
		t.Errorf("what was skipped says too little: %+v", skipped[0])
	}
}
