package web

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

const (
	newPath = Base + "subscriptions/new"

	// requestKey is the field that names a form: sent twice, it creates once.
	requestKey    = "request_key"
	maxRequestKey = 64

	nameProvider = "provider"
)

// What the buttons of a new subscription's form ask for.
const (
	doTest  = "test"
	doSave  = "save"  // if the test succeeds
	doForce = "force" // whatever a test says
)

// A kindRow is a kind of CA to choose from.
type kindRow struct {
	Title, Name, Login string
	Path               string
	Manual             string
}

// newSubscription shows the kinds of CA, or the form of the one that was chosen.
func (s *Server) newSubscription(v *visit) error {
	name := v.r.URL.Query().Get(nameProvider)
	if name != "" {
		kind, ok := s.kind(name)
		if !ok {
			return errNoKind()
		}
		return s.showForm(v, "New subscription: "+kind.Title, newForm(kind, rand.Text()))
	}
	var rows []kindRow
	for _, k := range s.service.Kinds() {
		rows = append(rows, kindRow{
			Title: k.Title, Name: k.Name, Login: k.Login.Doc,
			Path: newPath + "?" + url.Values{nameProvider: {k.Name}}.Encode(), Manual: manualOf(k),
		})
	}
	slices.SortFunc(rows, func(a, b kindRow) int { return cmp.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)) })
	return s.show(v, "kinds", "New subscription", rows)
}

func (s *Server) kind(name string) (provider.Kind, bool) {
	list := s.service.Kinds()
	i := slices.IndexFunc(list, func(k provider.Kind) bool { return k.Name == name })
	if i < 0 {
		return provider.Kind{}, false
	}
	return list[i], true
}

// manualOf is the address of the manual's page about a kind.
func manualOf(k provider.Kind) string {
	return "/docs/providers/" + url.PathEscape(strings.ToLower(k.Name))
}

// newForm is the form of a new subscription of a kind.
func newForm(k provider.Kind, key string) *form {
	f := &form{
		Intro: k.Title + ". Nothing is sent to the CA or saved before you press a button.", Manual: manualOf(k), Back: newPath,
		Action: newPath, Upload: true,
		Hidden:  []hidden{{nameProvider, k.Name}, {requestKey, key}},
		Buttons: []button{{Value: doSave, Text: "Test and save"}, {Value: doTest, Text: "Test connection", Plain: true}},
	}
	last := scheduleFields()
	last.Fields = append(last.Fields, rootField())
	for _, g := range []group{namingFields(), addressFields(k), credentialFields(k), settingFields(k), last} {
		if len(g.Fields) > 0 {
			f.Groups = append(f.Groups, g)
		}
	}
	return f
}

// create tests what was filled in and saves it, as the button says.
func (s *Server) create(v *visit) error {
	u, err := uploadOf(v.r)
	if err != nil {
		return err
	}
	kind, ok := s.kind(u.values.Get(nameProvider))
	if !ok {
		return errNoKind()
	}
	key := u.values.Get(requestKey)
	if key == "" || len(key) > maxRequestKey {
		return errBadForm()
	}
	f := newForm(kind, key)
	f.fill(u)
	f.blame(u.readCertificate())
	if f.blame(f.check(u)); f.IsWrong() {
		return s.showForm(v, "New subscription: "+kind.Title, f)
	}
	id, err := s.make(v, f, u, draftOf(u, kind))
	switch {
	case err != nil:
		return err
	case id == "":
		return s.showForm(v, "New subscription: "+kind.Title, f)
	}
	redirect(v.w, pathOf(id)+"?"+watchParameter+"=1")
	return nil
}

// draftOf reads a subscription of a kind.
func draftOf(u upload, k provider.Kind) pki.Draft {
	names := make([]string, len(k.Settings))
	for i, s := range k.Settings {
		names[i] = s.Name
	}
	return pki.Draft{
		Provider: pki.Given(k.Name), DisplayName: u.given(nameDisplay), Description: u.given(nameDescription),
		ServiceURI: u.given(nameAddress), ServerCAs: binaryOf(u, nameServerCAs), TrustedRoot: binaryOf(u, nameRoot),
		Credentials: credentialsOf(u), Settings: settingsOf(u, names),
		SyncSchedule: intervalOf(u.values.Get(nameInterval)), TrustPolicy: policyOf(u.values.Get(nameTrust)),
	}
}

// make does what the button of a new subscription's form asks for, and returns
// what was created: "" where nothing was, which f then tells of.
func (s *Server) make(v *visit, f *form, u upload, d pki.Draft) (pki.ID, error) {
	ctx, tenant, do := v.r.Context(), v.session.Principal.Tenant, u.values.Get(submitName)
	if !slices.Contains([]string{doTest, doSave, doForce}, do) {
		return "", errBadForm()
	}
	end, err := s.turns.take(ctx, string(tenant))
	if err != nil {
		return "", err
	}
	defer end()
	replay := replayOf(v, u)
	id, err := s.service.Replayed(ctx, tenant, replay)
	if pki.CodeOf(err) == pki.CodeReplayMismatch {
		f.Notice = "This form has made a subscription already. See the overview, or begin anew to make another."
		return "", nil
	}
	if err != nil || id != "" {
		return id, f.refuse(err)
	}
	problems, err := s.service.CheckDraft(ctx, tenant, d)
	if f.blame(problems); err != nil || f.IsWrong() {
		return "", err
	}
	if do != doForce {
		test, err := s.service.TestDraft(ctx, tenant, v.actor(), d)
		if err != nil {
			return "", f.refuse(err)
		}
		f.Test = newTestView(&test)
		if !f.Test.Good {
			f.Buttons = append(f.Buttons, button{Value: doForce, Text: "Save without a good test", Plain: true})
		}
		if do == doTest || !f.Test.Good {
			return "", nil
		}
	}
	sub, err := s.service.Create(ctx, tenant, v.actor(), d, &replay)
	return sub.ID, f.refuse(err)
}

// replayOf names a form and what it was filled in with; who sent it and the
// button are no part of that.
func replayOf(v *visit, u upload) pki.ReplayKey {
	values := make(url.Values, len(u.values))
	for name, value := range u.values {
		if name != formToken && name != submitName {
			values[name] = value
		}
	}
	return pki.ReplayKey{
		Client: v.session.Principal.Client, Key: "console/" + u.values.Get(requestKey),
		Body: bytes.Join([][]byte{[]byte(values.Encode()), u.files[namePFX]}, []byte{0}),
	}
}

func errNoKind() error {
	return &fault{status: http.StatusNotFound, title: "Not found", Msg: "This version knows no such kind of CA. Choose one from the list of a new subscription."}
}
