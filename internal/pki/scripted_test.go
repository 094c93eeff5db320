package pki_test

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// A scriptedCA is a CA in memory that can be followed in any mode.
type scriptedCA struct {
	w       *world
	mode    provider.InventoryMode
	skew    time.Duration // of its clock against ours
	quiet   bool          // it tells no times
	serials bool          // it lists serials, and is asked for what is not known
	page    int           // records of a page
	records map[string]provider.Record
	events  []string // serials, in the order of their changes
	forgot  int      // events that it no longer knows
	issued  int

	scans []provider.ScanMode                    // those asked for, page by page
	crl   func() ([]*x509.RevocationList, error) // nil where it has none
	hook  func(page int) error
	odd   func(page *provider.Page)
}

// scriptedCAs are those of one world, by their address.
type scriptedCAs struct {
	w    *world
	list map[string]*scriptedCA
}

func newScripted(t *testing.T) *scriptedCAs {
	t.Helper()
	all := &scriptedCAs{w: newWorld(t), list: make(map[string]*scriptedCA)}
	all.serve()
	return all
}

// add returns another CA, and the subscription to it, which is synced when it is
// asked for and not else.
func (all *scriptedCAs) add(t *testing.T, mode provider.InventoryMode) (*scriptedCA, pki.ID) {
	t.Helper()
	all.w.t = t
	ca := &scriptedCA{w: all.w, mode: mode, page: 4, records: make(map[string]provider.Record)}
	address := fmt.Sprintf("https://ca-%d.example/", len(all.list))
	all.list[address] = ca
	return ca, all.w.create(pki.Draft{Provider: pki.Given("vault"), ServiceURI: pki.Given(address), Paused: pki.Given(true)}).ID
}

// serve makes a service that knows the CAs and no others.
func (all *scriptedCAs) serve() {
	all.w.t.Helper()
	kind := provider.Kind{
		Name: "vault", Can: provider.Capabilities{Inventory: provider.InventoryEvents},
		Validate: func(provider.Config) []provider.Problem { return nil },
		Open: func(_ context.Context, c provider.Config) (provider.Session, error) {
			session := scriptedSession{all.list[c.ServiceURI]}
			if session.ca.crl != nil {
				return scriptedCRLs{session}, nil
			}
			return session, nil
		},
	}
	catalog, err := provider.NewCatalog(kind)
	all.w.must(err)
	all.w.service, err = pki.NewService(pki.Options{
		Store: all.w.store, Keyring: all.w.keyring, Root: all.w.root, Catalog: catalog, Now: all.w.clock, Schedule: all.w.schedule,
		Transport: provider.NewTransport(provider.TransportOptions{Now: all.w.clock}),
	})
	all.w.must(err)
}

func (ca *scriptedCA) now() time.Time { return ca.w.now.Add(ca.skew) }

func (ca *scriptedCA) set(r provider.Record) {
	r.Updated = ca.now()
	if ca.quiet {
		r.Updated, r.Issued = time.Time{}, time.Time{}
	}
	ca.records[r.Serial] = r
	ca.events = append(ca.events, r.Serial)
}

func (ca *scriptedCA) issue(n int) {
	for range n {
		ca.issued++
		serial := fmt.Sprintf("%x", 0x1000+ca.issued*7919%4096) // in no order of time
		ca.set(provider.Record{
			Serial: serial, IssuerDN: "CN=Scripted", SubjectDN: "CN=" + serial, Status: provider.StatusValid, Reason: -1,
			NotAfter: ca.now().Add(time.Hour * 9999).UTC(), Issued: ca.now(),
		})
	}
}

// any returns the serial of the nth certificate.
func (ca *scriptedCA) any(n int) string {
	list := ca.list(func(provider.Record) bool { return true })
	return list[n%len(list)].Serial
}

func (ca *scriptedCA) turn(serial string, s provider.Status) {
	r := ca.records[serial]
	r.Status, r.RevokedAt, r.Reason = s, time.Time{}, -1
	if s != provider.StatusValid {
		r.RevokedAt, r.Reason = ca.now(), 1
	}
	ca.set(r)
}

func (ca *scriptedCA) list(want func(provider.Record) bool) (list []provider.Record) {
	for _, r := range ca.records {
		if want(r) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b provider.Record) int { return strings.Compare(a.Serial, b.Serial) })
	return list
}

// scriptedCRLs is a session of a CA with revocation lists.
type scriptedCRLs struct{ scriptedSession }

func (s scriptedCRLs) CRLs(context.Context) ([]*x509.RevocationList, error) { return s.ca.crl() }

type scriptedSession struct{ ca *scriptedCA }

func (s scriptedSession) Probe(context.Context) (provider.Probe, error) { return provider.Probe{}, nil }
func (s scriptedSession) Close() error                                  { return nil }
func (s scriptedSession) Mode() provider.InventoryMode                  { return s.ca.mode }

func (s scriptedSession) List(ctx context.Context, scan provider.Scan, after provider.Cursor) (page provider.Page, err error) {
	ca := s.ca
	ca.scans = append(ca.scans, scan.Mode)
	if ca.hook != nil {
		if err := ca.hook(len(ca.scans)); err != nil {
			return page, err
		}
	}
	if err := ctx.Err(); err != nil {
		return page, &provider.Error{Code: provider.CodeCancelled, Err: err}
	}
	from, begin, _ := strings.Cut(string(after), "@")
	if after == nil {
		begin = strconv.Itoa(len(ca.events))
	}
	var list []provider.Record
	key := func(r provider.Record) string { return r.Serial }
	told := func(r provider.Record) bool { return !r.Updated.Before(scan.Since) || r.Updated.IsZero() }
	switch scan.Mode {
	case provider.ScanAll:
		list = ca.list(func(provider.Record) bool { return true })
	case provider.ScanIssued:
		list = ca.list(func(r provider.Record) bool { return !r.Issued.Before(scan.Since) || r.Issued.IsZero() })
	case provider.ScanRevoked:
		list = ca.list(told)
	case provider.ScanChanged:
		key = func(r provider.Record) string { return r.Updated.UTC().Format("2006-01-02T15:04:05.000000") + r.Serial }
		list = ca.list(told)
		slices.SortFunc(list, func(a, b provider.Record) int { return cmp.Compare(key(a), key(b)) })
	case provider.ScanEvents:
		return ca.tell(scan.Position, after)
	}
	list = slices.DeleteFunc(list, func(r provider.Record) bool { return key(r) <= from })
	page = provider.Page{Total: -1, Records: list[:min(len(list), ca.page)]}
	if page.More = len(list) > ca.page; page.More {
		page.Next = provider.Cursor(key(page.Records[ca.page-1]) + "@" + begin)
	} else {
		page.Full = scan.Mode == provider.ScanAll
		page.Position = provider.Cursor(begin)
	}
	if ca.serials && scan.Mode == provider.ScanAll {
		if err := ca.askKnown(ctx, scan, &page); err != nil {
			return page, err
		}
	}
	if ca.odd != nil {
		ca.odd(&page)
	}
	return page, nil
}

// askKnown leaves out the records that the caller has, as a CA does that lists
// serials.
func (ca *scriptedCA) askKnown(ctx context.Context, scan provider.Scan, page *provider.Page) error {
	var serials []string
	for _, r := range page.Records {
		serials = append(serials, r.Serial)
	}
	known, err := scan.Known(ctx, serials)
	page.Records = slices.DeleteFunc(slices.Clone(page.Records), func(r provider.Record) bool {
		status, ok := known[r.Serial]
		if ok = ok && status == r.Status; ok {
			page.Seen = append(page.Seen, r.Serial)
		}
		return ok
	})
	return err
}

func (ca *scriptedCA) tell(position, after provider.Cursor) (page provider.Page, err error) {
	n, _ := strconv.Atoi(string(position))
	if after != nil {
		n, _ = strconv.Atoi(string(after))
	}
	if n < ca.forgot {
		return page, &provider.Error{Code: provider.CodeIncompleteListing, Msg: "forgotten", Err: provider.ErrPositionLost}
	}
	end := min(len(ca.events), n+ca.page)
	for _, serial := range ca.events[n:end] {
		if r, ok := ca.records[serial]; ok {
			page.Records = append(page.Records, r)
		}
	}
	page.Total, page.More = -1, end < len(ca.events)
	if page.More {
		page.Next = provider.Cursor(strconv.Itoa(end))
	} else {
		page.Position = provider.Cursor(strconv.Itoa(end))
	}
	return page, nil
}

// sync makes the subscription due and runs it to its end.
func (ca *scriptedCA) sync(id pki.ID) pki.Run {
	ca.w.t.Helper()
	ca.ask(id)
	run := ca.w.syncOne()
	ca.adds(run)
	return run
}

func (ca *scriptedCA) ask(id pki.ID) {
	ca.w.t.Helper()
	ca.scans = nil
	_, err := ca.w.service.RequestSync(ca.w.t.Context(), tenant, pki.Actor{}, id)
	ca.w.must(err)
}

func (ca *scriptedCA) adds(run pki.Run) {
	ca.w.t.Helper()
	if c := run.Counts; c.Found != c.New+c.Changed+c.Unchanged+c.Skipped {
		ca.w.t.Errorf("counts do not add up: %+v", c)
	}
}

// good is sync for one that must succeed with the counts.
func (ca *scriptedCA) good(id pki.ID, want pki.Counts) {
	ca.w.t.Helper()
	if run := ca.sync(id); run.Status != pki.RunSucceeded || run.Counts != want {
		ca.w.t.Errorf("run %v, %s: counts %+v, want %+v", run.Status, run.Message, run.Counts, want)
	}
}

// compare examines that what is stored, and not missing, is what the CA has.
func (ca *scriptedCA) compare(id pki.ID) {
	ca.w.t.Helper()
	stored := make(map[string]provider.Status)
	page := ca.w.certificates(id, "$filter=missingSinceDateTime eq null&$top=999")
	for _, c := range page.Items {
		s := provider.StatusValid
		if c.Status == pki.CertificateRevoked {
			s = provider.StatusRevoked
		}
		stored[c.Serial] = s
	}
	for serial, r := range ca.records {
		if stored[serial] != r.Status {
			ca.w.t.Errorf("%s is %s at the CA and «%s» here", serial, r.Status, stored[serial])
		}
		delete(stored, serial)
	}
	for serial := range stored {
		ca.w.t.Errorf("%s is not at the CA", serial)
	}
}
