package providertest_test

import (
	"context"
	"crypto/x509"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	sim "cloudpki/internal/casim/globalsignatlas"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/globalsignatlas"
	"cloudpki/internal/provider/providertest"
	"cloudpki/internal/secret"
)

// A mutant is a provider with one fault, and the part of the examination that
// must find it.
type mutant struct {
	part string
	list func(s *session, scan provider.Scan, after provider.Cursor) (provider.Page, error)
}

// page makes a mutant that changes pages, given how many certificates came
// before.
func page(part string, change func(s *session, scan provider.Scan, p *provider.Page)) mutant {
	return mutant{part, func(s *session, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
		p, err := s.Inventory.List(s.ctx, scan, after)
		if err == nil {
			change(s, scan, &p)
		}
		return p, err
	}}
}

func eachRecord(part string, change func(r *provider.Record)) mutant {
	return page(part, func(_ *session, _ provider.Scan, p *provider.Page) {
		for i := range p.Records {
			change(&p.Records[i])
		}
	})
}

func mutants() map[string]mutant {
	return map[string]mutant{
		"loses a record": page("inventory", func(_ *session, _ provider.Scan, p *provider.Page) {
			p.Records = p.Records[:max(len(p.Records)-1, 0)]
		}),
		"ends after a page":           page("inventory", func(_ *session, _ provider.Scan, p *provider.Page) { p.More, p.Full = false, true }),
		"calls pages full too early":  page("inventory", func(_ *session, _ provider.Scan, p *provider.Page) { p.Full = true }),
		"never calls a listing full":  page("inventory", func(_ *session, _ provider.Scan, p *provider.Page) { p.Full = false }),
		"tells a wrong total":         page("inventory", func(_ *session, _ provider.Scan, p *provider.Page) { p.Total = len(p.Records) }),
		"keeps leading zeros":         eachRecord("inventory", func(r *provider.Record) { r.Serial = "0" + r.Serial }),
		"tells local times":           eachRecord("inventory", func(r *provider.Record) { r.NotAfter = r.NotAfter.In(time.FixedZone("x", 3600)) }),
		"passes names on as they are": eachRecord("inventory", func(r *provider.Record) { r.Holder = "a\nb" }),
		"forgets reasons":             eachRecord("inventory", func(r *provider.Record) { r.Reason = 0 }),
		"loses what it skips":         page("unreadable record", func(_ *session, _ provider.Scan, p *provider.Page) { p.Skipped = nil }),
		"takes seconds for milliseconds": eachRecord("revoked and resumed", func(r *provider.Record) {
			if !r.RevokedAt.IsZero() {
				r.RevokedAt = time.UnixMilli(r.RevokedAt.Unix()).UTC()
			}
		}),
		"never sees a revocation": eachRecord("revoked and resumed", func(r *provider.Record) {
			r.Status, r.RevokedAt = provider.StatusValid, time.Time{}
		}),
		"calls a part full": page("increment", func(_ *session, _ provider.Scan, p *provider.Page) { p.Full = !p.More }),
		"loses revocations": page("increment", func(_ *session, scan provider.Scan, p *provider.Page) {
			if scan.Mode == provider.ScanRevoked {
				p.Records, p.Seen = nil, nil
			}
		}),
		"passes Since over": {"time that has not come", func(s *session, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
			scan.Since = time.Time{}
			return s.Inventory.List(s.ctx, scan, after)
		}},
		"takes every scan for all": {"scans of other modes", func(s *session, _ provider.Scan, after provider.Cursor) (provider.Page, error) {
			return s.Inventory.List(s.ctx, provider.Scan{}, after)
		}},
		"asks and fetches all the same": {"known certificates", func(s *session, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
			if scan.Known != nil {
				if _, err := scan.Known(s.ctx, nil); err != nil {
					return provider.Page{}, err
				}
			}
			return s.Inventory.List(s.ctx, provider.Scan{Mode: scan.Mode, Since: scan.Since}, after)
		}},
		"calls all known": page("known certificates", func(_ *session, _ provider.Scan, p *provider.Page) {
			for _, r := range p.Records {
				p.Seen = append(p.Seen, r.Serial)
			}
			p.Records = nil
		}),
		"swallows what Known fails with": {"known certificates", func(s *session, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
			known := scan.Known
			if known != nil {
				scan.Known = func(ctx context.Context, serials []string) (map[string]provider.Status, error) {
					found, _ := known(ctx, serials)
					return found, nil
				}
			}
			return s.Inventory.List(s.ctx, scan, after)
		}},
		"swallows a broken page": {"page that breaks", func(s *session, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
			p, err := s.Inventory.List(s.ctx, scan, after)
			if err != nil {
				p = provider.Page{Total: -1, Full: true}
			}
			return p, nil
		}},
		"skips what the CA fails to give": {"call that fails", func(s *session, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
			p, err := s.Inventory.List(s.ctx, scan, after)
			if err != nil {
				p = provider.Page{Total: -1, Skipped: []provider.Skipped{{Reason: "failed"}}, Full: true}
			}
			return p, nil
		}},
		"keeps what it read": page("bounded memory", func(s *session, _ provider.Scan, p *provider.Page) { s.kept = append(s.kept, *p) }),
		"takes any cursor": {"cursors that are none", func(s *session, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
			if len(after) > 0 && after[0] == 'x' {
				return provider.Page{Full: true, Total: -1}, nil
			}
			return s.Inventory.List(s.ctx, scan, after)
		}},
		"tells its password": {"failures", func(s *session, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
			p, err := s.Inventory.List(s.ctx, scan, after)
			if err != nil {
				err = &provider.Error{Code: provider.CodeUpstreamFault, Msg: "sent " + s.password}
			}
			return p, err
		}},
		"takes an end for a failure": {"cancellation", func(s *session, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
			p, err := s.Inventory.List(s.ctx, scan, after)
			if err != nil {
				err = &provider.Error{Code: provider.CodeConnect, Msg: "gone"}
			}
			return p, err
		}},
	}
}

// A session is a sound one with a fault.
type session struct {
	provider.Session
	provider.RootSource
	provider.Inventory

	of       mutant
	ctx      context.Context //nolint:containedctx // of the call that is under way
	password string
	kept     []provider.Page
}

func (s *session) List(ctx context.Context, scan provider.Scan, after provider.Cursor) (provider.Page, error) {
	s.ctx = ctx
	return s.of.list(s, scan, after)
}

// kind returns the sound kind with the fault of m.
func kind(m mutant) provider.Kind {
	k := globalsignatlas.Kind()
	open := k.Open
	k.Open = func(ctx context.Context, c provider.Config) (provider.Session, error) {
		s, err := open(ctx, c)
		if err != nil {
			return nil, err
		}
		return &session{s, s.(provider.RootSource), s.(provider.Inventory), m, ctx, string(c.Credentials.Password.Reveal()), nil}, nil
	}
	return k
}

// theMutant names, in the environment, the mutant that a child is to examine.
const theMutant = "CLOUDPKI_TEST_MUTANT"

// TestMutant is what the children of TestEachPartCanFail run; by itself it has
// nothing to examine.
func TestMutant(t *testing.T) {
	m, ok := mutants()[os.Getenv(theMutant)]
	if !ok {
		return
	}
	providertest.Run(t, providertest.CA{
		Kind:  kind(m),
		Serve: serve,
		Lacks: map[providertest.Feature]string{
			providertest.Revocations: "the API has no call for revocation lists",
			providertest.Resuming:    "there is no state but issued and revoked",
			providertest.Oddities:    "those of the kind are examined in its own folder",
		},
	})
}

func serve(t testing.TB, w providertest.World) providertest.Fixture {
	t.Helper()
	ca, err := casim.New(casim.Options{})
	must(t, err)
	serials, err := ca.Issue(w.Issued)
	must(t, err)
	pfx, password, err := ca.IssueRA("mutant.example", time.Hour)
	must(t, err)
	return providertest.Fixture{
		Handler: ca.Front(sim.Dialect().Handler(ca)), TLS: ca.TLSConfig(), Path: "/v2/", Serials: serials, Roots: []*x509.Certificate{ca.Root()},
		Config: provider.Config{ServerCAs: ca.ServerCAs(), Credentials: provider.Credentials{
			UserName: ca.Login().APIKey, Password: secret.NewString(ca.Login().Password), Certificate: secret.New(pfx), CertificatePassword: secret.NewString(password),
		}},
		Spoil: func(c *provider.Config) { c.Credentials.Password = secret.NewString("wrong") },
		Unreadable: func() {
			f, _ := casim.ByName("unparsable")
			ca.Misbehave(f)
		},
		Issue: func(n int) []string {
			more, err := ca.Issue(n)
			must(t, err)
			return more
		},
		Revoke: func(serial string) { must(t, ca.Revoke(serial, "Superseded")) },
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestEachPartCanFail runs each mutant against the part that must find it, in a
// process of its own, as a failed test cannot be taken back.
func TestEachPartCanFail(t *testing.T) {
	if os.Getenv(theMutant) != "" {
		return
	}
	for name, m := range mutants() {
		t.Run(name, func(t *testing.T) {
			part := strings.ReplaceAll(m.part, " ", "_")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMutant$/^"+part+"$", "-test.count=1")
			cmd.Env = append(slices.Clone(os.Environ()), theMutant+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestMutant") {
				t.Errorf("part %q does not find it: %v\n%s", m.part, err, out)
			}
		})
	}
}
