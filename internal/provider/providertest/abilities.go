package providertest

import (
	"bytes"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"cloudpki/internal/provider"

	"github.com/google/go-cmp/cmp"
)

// testCapabilities holds what the kind claims against what its sessions have
// and against what the test says it lacks.
func testCapabilities(t *testing.T, ca CA) {
	s := start(t, ca, World{Issued: 1})
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

func testProbe(t *testing.T, ca CA) {
	s := start(t, ca, World{})
	p, err := s.open(t).Probe(t.Context())
	if err != nil {
		t.Fatalf("Probe: %v", s.hear(t, err))
	}
	if p.NextSync < 0 {
		t.Errorf("NextSync is %v", p.NextSync)
	}
}

func testClose(t *testing.T, ca CA) {
	s := start(t, ca, World{})
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

func testBadCredentials(t *testing.T, ca CA) {
	s := start(t, ca, World{})
	s.Spoil(&s.Config)
	err := s.try(t.Context(), abilities(ca.Kind)[0])
	if err == nil {
		t.Fatal("bad credentials are accepted")
	}
	if e := s.hear(t, err); e.RetryClass() != provider.RetryCredentials {
		t.Errorf("%v: would be tried again (%s); accounts lock", e, e.RetryClass())
	}
}

func testRoots(t *testing.T, ca CA) {
	s := start(t, ca, World{Issued: 2}) // some CAs are known by what they issued alone
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

func testRevocations(t *testing.T, ca CA) {
	s := start(t, ca, World{Issued: 2})
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

func testInventory(t *testing.T, ca CA) {
	s := start(t, ca, World{Issued: 123})
	session := s.open(t)
	first := s.scan(t, session, provider.Scan{}, nil)
	want := slices.Sorted(slices.Values(s.Serials))
	if diff := cmp.Diff(want, serials(first)); diff != "" || len(want) != 123 {
		t.Errorf("%d certificates were issued; listed (-want +got):\n%s", len(want), diff)
	}
	if ca.Kind.Can.Inventory == provider.InventoryFull && !first[len(first)-1].Full {
		t.Error("a complete listing is not called full")
	}
	for _, p := range first {
		for _, r := range p.Records {
			checkRecord(t, r)
		}
		if p.Total >= 0 && p.Total != len(want) {
			t.Errorf("Total is %d, want %d or -1", p.Total, len(want))
		}
	}
	if diff := cmp.Diff(records(first), records(s.scan(t, session, provider.Scan{}, nil))); diff != "" {
		t.Errorf("the same run twice gives other records (-first +second):\n%s", diff)
	}
	for i, p := range first[:len(first)-1] {
		fresh := s.open(t) // as after a restart
		if diff := cmp.Diff(records(first[i+1:]), records(s.scan(t, fresh, provider.Scan{}, p.Next))); diff != "" {
			t.Errorf("resumed behind page %d (-uninterrupted +resumed):\n%s", i+1, diff)
		}
	}
}

func records(pages []provider.Page) []provider.Record {
	var out []provider.Record
	for _, p := range pages {
		out = append(out, p.Records...)
	}
	return out
}

func checkRecord(t *testing.T, r provider.Record) {
	t.Helper()
	if r.DER == nil {
		return
	}
	c, err := x509.ParseCertificate(r.DER)
	if err != nil {
		t.Errorf("record %s: %v", r.Serial, err)
		return
	}
	if r.Serial != c.SerialNumber.Text(16) || !bytes.Equal(r.RawIssuer, c.RawIssuer) ||
		!r.NotBefore.Equal(c.NotBefore) || !r.NotAfter.Equal(c.NotAfter) || r.NotAfter.Location() != time.UTC || r.Status == "" {
		t.Errorf("record %s does not say what its certificate says: %+v", r.Serial, r)
	}
}

func testEmptyInventory(t *testing.T, ca CA) {
	s := start(t, ca, World{})
	pages := s.scan(t, s.open(t), provider.Scan{}, nil)
	if n := len(serials(pages)); n != 0 || len(pages) != 1 {
		t.Errorf("%d records on %d pages of a CA that issued none", n, len(pages))
	}
}

func testUnreadable(t *testing.T, ca CA) {
	s := start(t, ca, World{Issued: 60})
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
