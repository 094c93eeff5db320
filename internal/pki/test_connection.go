package pki

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// DefaultTestTimeout bounds a TestConnection: it fits into one request.
const DefaultTestTimeout = 25 * time.Second

// maxTests bounds how many connections one process tests at once.
const maxTests = 16

// A ConnectionDraft is what to test instead of what is stored.
type ConnectionDraft struct {
	Draft  Draft // merged as an update would, in memory alone
	Staged bool  // the staged credentials instead of the current ones
}

// TestConnection tests, step by step, whether the CA of a subscription can be
// worked with, as d would change it. It is one deliberate attempt, also where
// the CA has refused the credentials before: if it succeeds with what is
// stored, syncs go on. CodeInvalid, CodeNotFound, CodeConflict where a test of
// this subscription is under way or nothing is staged, CodeUnavailable where
// too many others are.
func (s *Service) TestConnection(ctx context.Context, t TenantID, a Actor, id ID, d ConnectionDraft) (ConnectionTest, error) {
	if err := invalidAll(s.checkMembers(d.Draft)); err != nil {
		return ConnectionTest{}, err
	}
	stored, err := s.store.Subscription(ctx, t, id)
	if err != nil {
		return ConnectionTest{}, err
	}
	done, err := s.tests.begin(string(t) + "\x00" + string(id))
	if err != nil {
		return ConnectionTest{}, err
	}
	defer done()
	sub, credentials, err := s.imagine(ctx, stored, d)
	if err != nil {
		return ConnectionTest{}, err
	}
	altered := append(changedMembers(&stored, &sub), secretsGiven(d.Draft)...)
	event, err := s.event(ActivityTest, id, a, altered)
	if err != nil {
		return ConnectionTest{}, err
	}
	if err := s.store.AddAudit(ctx, t, event); err != nil {
		return ConnectionTest{}, err
	}
	test := s.test(ctx, &sub, credentials)
	if len(altered) > 0 {
		return test.ConnectionTest, nil // it proves nothing of what is stored
	}
	return test.ConnectionTest, s.recordTest(ctx, &stored, d.Staged, test)
}

// TestDraft is TestConnection for a subscription that does not exist yet.
func (s *Service) TestDraft(ctx context.Context, t TenantID, a Actor, d Draft) (ConnectionTest, error) {
	if err := invalidAll(s.checkMembers(d)); err != nil {
		return ConnectionTest{}, err
	}
	done, err := s.tests.begin(string(t))
	if err != nil {
		return ConnectionTest{}, err
	}
	defer done()
	event, err := s.event(ActivityTest, "", a, secretsGiven(d))
	if err != nil {
		return ConnectionTest{}, err
	}
	if err := s.store.AddAudit(ctx, t, event); err != nil {
		return ConnectionTest{}, err
	}
	sub, credentials, err := s.imagine(ctx, Subscription{Tenant: t, Provider: ProviderUnknown}, ConnectionDraft{Draft: d})
	if err != nil {
		return ConnectionTest{}, err
	}
	return s.test(ctx, &sub, credentials).ConnectionTest, nil
}

// imagine returns what stored would be with d, and its credentials opened.
func (s *Service) imagine(ctx context.Context, stored Subscription, d ConnectionDraft) (Subscription, provider.Credentials, error) {
	c, slot := stored.Credentials, slotCurrent
	if d.Staged {
		if stored.Staged == nil {
			return stored, provider.Credentials{}, unready("No credentials are staged. Send them with stageCredentials first.")
		}
		c, slot = &stored.Staged.Credentials, slotStaged
	}
	credentials, err := s.unsealSlot(ctx, &stored, c, slot)
	if err != nil {
		return stored, credentials, err
	}
	if stored.leaves(d.Draft) {
		credentials = provider.Credentials{}
	}
	sub := stored
	sub.merge(d.Draft)
	if err := s.keepPassword(&stored, &sub, c, d.Draft); err != nil {
		return sub, provider.Credentials{}, err
	}
	if d.Draft.Credentials.State == odata.Null {
		return sub, provider.Credentials{}, nil
	}
	if given := d.Draft.Credentials.Value; d.Draft.Credentials.IsGiven() {
		if given.UserName.State != odata.Absent {
			credentials.UserName = given.UserName.Value
		}
		for _, f := range []struct {
			sent secretField
			to   *secret.Text
		}{
			{secretField{sent: given.Password}, &credentials.Password},
			{secretField{sent: given.Certificate}, &credentials.Certificate},
			{secretField{sent: given.CertificatePassword}, &credentials.CertificatePassword},
		} {
			if f.sent.isChange() {
				*f.to = f.sent.sent.Value
			}
		}
	}
	return sub, credentials, nil
}

// secretsGiven names the secrets that a draft brings.
func secretsGiven(d Draft) []string {
	var names []string
	for _, f := range secretFields(new(Credentials), d.Credentials.Value) {
		if d.Credentials.IsGiven() && f.isChange() {
			names = append(names, "credentials/"+f.name)
		}
	}
	return names
}

// testsUnderWay bounds tests: one of a subscription at a time, and not too many
// of all. It is safe for concurrent use.
type testsUnderWay struct {
	mu   sync.Mutex
	busy map[string]bool
}

// begin enters a test, which the function that is returned ends.
func (t *testsUnderWay) begin(key string) (end func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.busy[key]:
		return nil, &Error{Code: CodeConflict, Msg: "A test of this connection is under way. Wait for its end; it takes less than half a minute."}
	case len(t.busy) >= maxTests:
		return nil, &Error{Code: CodeUnavailable, Msg: "Too many connections are being tested. Try again."}
	}
	t.busy[key] = true
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.busy, key)
	}, nil
}

// A tester goes through the steps of one test.
type tester struct {
	ConnectionTest
	*Service

	sub     *Subscription
	kind    provider.Kind
	config  provider.Config
	problem *provider.Error // with the client certificate, met before its turn
	pending *provider.Error // the server is not trusted by the usual means: the provider may have its own
	asked   bool            // the server asked for a client certificate
	reached bool            // the CA was shown the credentials
	probe   provider.Probe
	session provider.Session
	found   provider.Authorities
}

// test performs the steps. What goes wrong is in its result.
func (s *Service) test(ctx context.Context, sub *Subscription, c provider.Credentials) *tester {
	begun := s.now()
	t := &tester{Service: s, sub: sub}
	t.Begun = begun.UTC()
	t.config.Credentials = c
	for _, name := range StepNames() {
		t.Steps = append(t.Steps, Step{Name: name})
	}
	ctx, stop := context.WithTimeout(ctx, s.testTimeout)
	defer stop()
	t.perform(ctx)
	if t.session != nil {
		_ = t.session.Close() // nothing is to be lost by it
	}
	t.config.Credentials = provider.Credentials{}
	t.Took = s.now().Sub(begun)
	return t
}

func (t *tester) perform(ctx context.Context) {
	if !t.take(ctx, StepConfiguration, t.configuration) || !t.way(ctx) {
		return
	}
	for _, s := range []struct {
		name string
		do   func(context.Context, *Step) error
	}{
		{StepClientCertificate, t.clientCertificate},
		{StepAccount, t.account},
		{StepAuthorities, t.authorities},
		{StepProfile, t.profiles},
		{StepInventory, t.inventory},
	} {
		if !t.take(ctx, s.name, s.do) {
			return
		}
	}
}

// take performs one step and reports whether the next may follow.
func (t *tester) take(ctx context.Context, name string, do func(context.Context, *Step) error) (goOn bool) {
	step, begun := t.step(name), t.now()
	step.Status = StepSucceeded
	defer func() {
		if fault := recover(); fault != nil { // an answer that upsets a parser
			t.fail(step, asError(fmt.Errorf("panic: %v", fault)))
			goOn = false
		}
		step.Took = t.now().Sub(begun)
	}()
	if err := do(ctx, step); err != nil {
		t.fail(step, t.faultOf(ctx, err))
		return false
	}
	return true
}

// faultOf gives an error the shape that is reported.
func (t *tester) faultOf(ctx context.Context, err error) *provider.Error {
	fault := asError(err)
	if ctx.Err() != nil && fault.Code != provider.CodeTimeout {
		fault = &provider.Error{Code: provider.CodeTimeout, Err: err, Msg: fmt.Sprintf("the CA did not answer within the %s that a test may take", t.testTimeout)}
	}
	return fault
}

// fail ends the test with a fault, which is put where it belongs: a server of
// TLS 1.3 refuses a client certificate only when it is called, and a provider
// with trust of its own judges the server only then.
func (t *tester) fail(step *Step, fault *provider.Error) {
	to := step
	switch {
	case step.Name != StepAccount:
	case fault.Code == provider.CodeTLSClientRejected:
		to = t.step(StepClientCertificate)
	case fault.Code == provider.CodeTLSServer:
		to = t.step(StepTLS)
	}
	if to != step {
		step.Status = StepSkipped
		for i := range t.Steps {
			if t.Steps[i].Name == StepClientCertificate && to.Name == StepTLS {
				t.Steps[i].Status = StepSkipped
			}
		}
	}
	to.Status, to.Fault = StepFailed, fault
}

func (s *Step) note(name, format string, args ...any) {
	s.Details = append(s.Details, Setting{Name: name, Value: clip(printable(provider.Clean(fmt.Sprintf(format, args...), maxRemoteText)), maxRemoteText)})
}

// configuration checks what can be checked without a connection.
func (t *tester) configuration(_ context.Context, step *Step) error {
	step.note("provider", "%s", t.sub.Provider)
	kind, ok := t.catalog.Kind(t.sub.Provider)
	if !ok {
		return unsupportedProvider(t.sub.Provider)
	}
	t.kind, t.config = kind, t.configOf(t.sub, kind, t.config.Credentials)
	if err := checkSettingNames(kind, t.sub.Settings); err != nil {
		return err
	}
	for _, p := range kind.Validate(t.config) {
		if !strings.HasPrefix(p.Target, "credentials/"+fieldCertificate) {
			return p.Fault()
		}
		if t.problem == nil {
			t.problem = p.Fault()
		}
	}
	return checkTrustedRoot(t.sub.TrustedRoot)
}

// account logs in and makes the cheapest call that proves it.
func (t *tester) account(ctx context.Context, step *Step) (err error) {
	t.reached = true
	if t.session, err = t.kind.Open(ctx, t.config); err != nil {
		t.session = nil
		return err
	}
	if t.probe, err = t.session.Probe(ctx); err != nil {
		return err
	}
	t.settleTrust()
	if t.probe.Account != "" {
		step.note("account", "%s", t.probe.Account)
	}
	if !t.probe.Expires.IsZero() {
		step.note("expires", "%s", t.probe.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

func (t *tester) authorities(ctx context.Context, step *Step) (err error) {
	source, ok := t.session.(provider.RootSource)
	if !ok {
		step.Status = StepNotApplicable
		return nil
	}
	if t.found, err = source.Authorities(ctx); err != nil {
		return err
	}
	step.note("authorities", "%d", len(t.found.List))
	roots := distinctRoots(t.found.List)
	step.note("roots", "%d", len(roots))
	if len(roots) > 0 {
		step.note("rootNames", "%s", describeAll(roots))
	}
	return nil
}

func (t *tester) profiles(_ context.Context, step *Step) error {
	if !t.kind.Can.Profiles {
		step.Status = StepNotApplicable
		return nil
	}
	distinct := make(map[string]bool)
	for _, a := range t.found.List {
		for _, p := range a.ProfileIDs {
			distinct[p] = true
		}
	}
	step.note("profiles", "%d", len(distinct))
	return nil
}

// inventory reads one page of the CA's list, which is not kept.
func (t *tester) inventory(ctx context.Context, step *Step) error {
	list, ok := t.session.(provider.Inventory)
	if !ok || list.Mode() == provider.InventoryNone {
		step.Status = StepNotApplicable
		return nil
	}
	page, err := list.List(ctx, provider.Scan{}, nil)
	if err != nil {
		return err
	}
	step.note("mode", "%s", list.Mode())
	step.note("records", "%d", len(page.Records)+len(page.Seen))
	if len(page.Skipped) > 0 {
		step.note("unreadable", "%d", len(page.Skipped))
	}
	if page.Total >= 0 {
		step.note("total", "%d", page.Total)
	}
	return nil
}
