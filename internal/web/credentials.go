package web

import (
	"cmp"
	"slices"
	"strings"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// What is asked for of credentials, by the buttons.
const (
	doTestCurrent = "test"
	doTestStaged  = "test_staged"
	doPromote     = "promote"
	doInsist      = "insist" // promote what the CA has not accepted
	doRollback    = "rollback"
	doDiscard     = "discard"
)

const (
	// nameFresh is the field that says that nothing is taken from the current
	// credentials.
	nameFresh = "fresh"

	// nameEdits is the field with the state of the subscription that a page was
	// made for.
	nameEdits = "edits"
)

// subscriptionOf returns the subscription of a request, and its kind.
func (s *Server) subscriptionOf(v *visit) (pki.Subscription, provider.Kind, error) {
	sub, err := s.service.Get(v.r.Context(), v.session.Principal.Tenant, pki.ID(v.r.PathValue("id")))
	if err != nil {
		return pki.Subscription{}, provider.Kind{}, err
	}
	kind, ok := s.kind(sub.Provider)
	if !ok { // one that this version cannot sync: it is kept as it is
		kind = provider.Kind{Name: sub.Provider, Title: sub.Provider, Login: provider.Login{User: "User name", Password: "Password", Certificate: "Client certificate"}}
	}
	return sub, kind, nil
}

// editsOf names the state of a subscription, as far as people change it.
func editsOf(sub *pki.Subscription) string { return pki.EditsOf(sub.ETag()) }

// newCredentials shows the form of credentials to be staged.
func (s *Server) newCredentials(v *visit) error {
	sub, kind, err := s.subscriptionOf(v)
	if err != nil {
		return err
	}
	f, title := credentialForm(&sub, kind)
	return s.showForm(v, title, f)
}

func credentialForm(sub *pki.Subscription, k provider.Kind) (f *form, title string) {
	path := pathOf(sub.ID)
	f = &form{
		Intro: "The new credentials are put beside the ones in use and tested at once. Nothing else uses them until you promote them.",
		Back:  path, Manual: "/docs/credentials", Action: path + "/credentials", Upload: true,
	}
	if login := credentialFields(k); len(login.Fields) > 0 {
		login.Fields = append(login.Fields, field{
			Name: nameFresh, Member: nameFresh, Kind: fieldCheck,
			Label: "Take nothing from the current credentials. Without this, what is left empty stays as it is.",
		})
		f.Groups, f.Buttons = []group{login}, []button{{Value: "stage", Text: "Stage and test"}}
	} else {
		f.Intro = k.Title + " needs no login."
	}
	return f, "New credentials: " + nameOf(sub)
}

// stage puts credentials beside the current ones and tells how their test went.
func (s *Server) stage(v *visit) error {
	u, err := uploadOf(v.r)
	if err != nil {
		return err
	}
	sub, kind, err := s.subscriptionOf(v)
	if err != nil {
		return err
	}
	f, title := credentialForm(&sub, kind)
	f.fill(u)
	f.blame(u.readCertificate())
	f.blame(f.check(u))
	draft := stagedOf(u, kind.Login)
	if !draft.IsGiven() && !f.IsWrong() {
		f.Notice = "Give what is to replace the current credentials."
	}
	if f.IsWrong() {
		return s.showForm(v, title, f)
	}
	test, err := s.stageDraft(v, f, &sub, draft.Value)
	if err != nil {
		return err
	}
	if f.IsWrong() {
		return s.showForm(v, title, f)
	}
	return s.showTest(v, test, true)
}

// stageDraft stages what was filled in, unless f then tells what is wrong.
func (s *Server) stageDraft(v *visit, f *form, sub *pki.Subscription, d pki.DraftCredentials) (*testView, error) {
	ctx, tenant := v.r.Context(), v.session.Principal.Tenant
	problems, err := s.service.CheckChange(ctx, tenant, sub.ID, pki.Draft{Credentials: pki.Given(d)})
	if err != nil {
		return nil, err
	}
	f.blame(slices.DeleteFunc(problems, func(p pki.Problem) bool { return !strings.HasPrefix(p.Target, memberCredentials) }))
	if f.IsWrong() {
		return nil, nil //nolint:nilnil // f tells
	}
	end, err := s.turns.take(ctx, turnOf(tenant, sub.ID))
	if err != nil {
		return nil, err
	}
	defer end()
	test, err := s.service.StageCredentials(ctx, tenant, v.actor(), sub.ID, d)
	if err != nil {
		return nil, f.refuse(err)
	}
	return newTestView(&test), nil
}

// turnOf is what tests of one subscription wait for each other by.
func turnOf(t pki.TenantID, id pki.ID) string { return string(t) + "\x00" + string(id) }

// stagedOf reads the credentials to be staged. Where nothing is to be taken from
// the current ones, what is left empty is emptied.
func stagedOf(u upload, login provider.Login) pki.Maybe[pki.DraftCredentials] {
	m := credentialsOf(u)
	if !m.IsGiven() || u.values.Get(nameFresh) == "" {
		return m
	}
	d := &m.Value
	if !d.UserName.IsGiven() {
		d.UserName = pki.Cleared[string]()
	}
	none := pki.Given(secret.NewString(""))
	if !d.Password.IsGiven() && login.Password != "" {
		d.Password = none
	}
	if !d.Certificate.IsGiven() && login.Certificate != "" {
		d.Certificate, d.CertificatePassword = none, none
	}
	return m
}

// showTest tells how a test of a subscription went. Of the staged credentials it
// offers what can be done with them.
func (s *Server) showTest(v *visit, test *testView, staged bool) error {
	sub, _, err := s.subscriptionOf(v) // as it is after the test
	if err != nil {
		return err
	}
	path := pathOf(sub.ID)
	f := &form{Back: path, Action: path + "/credentials/act", Test: test, Hidden: []hidden{{nameEdits, editsOf(&sub)}}}
	switch {
	case !staged:
		f.Buttons = []button{{Value: doTestCurrent, Text: "Test again", Plain: true}}
	case test.Good:
		f.Intro = "The new credentials are staged; those in use are as before."
		f.Buttons = []button{{Value: doPromote, Text: "Promote"}, {Value: doDiscard, Text: "Discard", Plain: true}}
	default:
		f.Intro = "The new credentials are staged; those in use are as before."
		f.Buttons = []button{
			{Value: doTestStaged, Text: "Test again"},
			{Value: doInsist, Text: "Promote without a good test", Plain: true},
			{Value: doDiscard, Text: "Discard", Plain: true},
		}
	}
	return s.showForm(v, "Test of the connection: "+nameOf(&sub), f)
}

// actOnCredentials does with credentials what the button says.
func (s *Server) actOnCredentials(v *visit) error {
	ctx, tenant, id := v.r.Context(), v.session.Principal.Tenant, pki.ID(v.r.PathValue("id"))
	seen := stillAs(v.r.PostForm.Get(nameEdits))
	var err error
	watch := ""
	switch do := v.r.PostForm.Get(submitName); do {
	case doTestCurrent, doTestStaged:
		return s.testNow(v, id, do == doTestStaged)
	case doPromote, doInsist:
		err, watch = s.service.PromoteCredentials(ctx, tenant, v.actor(), id, do == doInsist, seen), "?"+watchParameter+"=1"
	case doRollback:
		err, watch = s.service.RollbackCredentials(ctx, tenant, v.actor(), id, seen), "?"+watchParameter+"=1"
	case doDiscard:
		err = s.service.DiscardCredentials(ctx, tenant, v.actor(), id, seen)
	default:
		err = errBadForm()
	}
	if err != nil {
		return err
	}
	redirect(v.w, pathOf(id)+watch)
	return nil
}

// testNow tests the connection with what is stored.
func (s *Server) testNow(v *visit, id pki.ID, staged bool) error {
	ctx, tenant := v.r.Context(), v.session.Principal.Tenant
	end, err := s.turns.take(ctx, turnOf(tenant, id))
	if err != nil {
		return err
	}
	defer end()
	test, err := s.service.TestConnection(ctx, tenant, v.actor(), id, pki.ConnectionDraft{Staged: staged})
	if err != nil {
		return err
	}
	return s.showTest(v, newTestView(&test), staged)
}

// StagedWords says of whom the staged credentials are, as far as may be known.
func (v credentialsView) StagedWords() string {
	state := "the CA has not accepted them"
	if v.StagedGood {
		state = "the CA has accepted them"
	}
	return cmp.Or(v.StagedSubject, "no client certificate") + "; " + state
}
