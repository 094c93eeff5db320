package graph

import (
	"bytes"
	"net/http"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// credentialRoutes are the actions on the credentials of a subscription, and
// the test of one that does not exist yet. Those that wait for a CA are not
// atomic.
func (s *Server) credentialRoutes(set, one string) []route {
	gives := schemaOf(pki.ConnectionTestType().Name)
	action := func(path, id, summary, takes string, handle handler) route {
		return route{
			method: http.MethodPost, path: path, need: auth.Write, body: true, handle: handle,
			tells: operation{id: subscriptionSet + "." + id, summary: summary, takes: takes, gives: gives},
		}
	}
	parameters := func(a odata.Action) string { return schemaOf(s.nouns.subscriptions.entity.Name) + "." + a.Name }
	test := parameters(pki.TestConnectionAction())
	return []route{
		action(set+"/testConnection", "testDraft", "Tests, step by step, whether a CA could be worked with, before there is a subscription.", test, s.testDraft),
		action(one+"/testConnection", "testConnection", "Tests, step by step, whether the CA can be worked with, as the body would change the subscription.", test, s.testConnection),
		action(one+"/stageCredentials", "stageCredentials", "Puts credentials beside the current ones and tests them.", parameters(pki.StageCredentialsAction()), s.stageCredentials),
		{
			method: http.MethodPost, path: one + "/promoteCredentials", need: auth.Write, body: true, handle: s.promoteCredentials,
			tells: operation{
				id: subscriptionSet + ".promoteCredentials", summary: "Makes the staged credentials the current ones, and starts a sync.",
				takes: parameters(pki.PromoteCredentialsAction()), status: []int{http.StatusNoContent}, fields: []string{"If-Match"},
			},
		},
		{
			method: http.MethodPost, path: one + "/rollbackCredentials", need: auth.Write, handle: s.rollbackCredentials,
			tells: operation{
				id: subscriptionSet + ".rollbackCredentials", summary: "Makes the previous credentials the current ones again, and starts a sync.",
				status: []int{http.StatusNoContent}, fields: []string{"If-Match"},
			},
		},
	}
}

// testConnection answers the action testConnection.
func (s *Server) testConnection(x *exchange) error {
	id, err := x.actOn()
	if err != nil {
		return err
	}
	draft, staged, err := s.nouns.drafts.readTest(x.body)
	if err != nil {
		return err
	}
	test, err := s.service.TestConnection(x.r.Context(), x.principal.Tenant, x.actor(), id, pki.ConnectionDraft{Draft: draft.Draft, Staged: staged})
	if err != nil {
		return err
	}
	x.writeTest(&test)
	return nil
}

// testDraft answers the same for a subscription that does not exist yet.
func (s *Server) testDraft(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	draft, staged, err := s.nouns.drafts.readTest(x.body)
	if err != nil {
		return err
	}
	if staged {
		return badRequest("slot", "Nothing is staged before there is a subscription. Leave slot out.")
	}
	test, err := s.service.TestDraft(x.r.Context(), x.principal.Tenant, x.actor(), draft.Draft)
	if err != nil {
		return err
	}
	x.writeTest(&test)
	return nil
}

// stageCredentials answers the action stageCredentials with the test of what
// was staged.
func (s *Server) stageCredentials(x *exchange) error {
	id, err := x.actOn()
	if err != nil {
		return err
	}
	draft, err := s.nouns.drafts.readStaged(x.body)
	if err != nil {
		return err
	}
	test, err := s.service.StageCredentials(x.r.Context(), x.principal.Tenant, x.actor(), id, draft.Credentials.Value)
	if err != nil {
		return err
	}
	x.writeTest(&test)
	return nil
}

// promoteCredentials answers the action promoteCredentials.
func (s *Server) promoteCredentials(x *exchange) error {
	id, condition, err := x.changeOf()
	if err != nil {
		return err
	}
	action := pki.PromoteCredentialsAction()
	parameters, err := action.Decode(x.body)
	if err != nil {
		return err
	}
	force := parameters.Get("force").State() == odata.Present && parameters.Get("force").IsTrue()
	if err := s.service.PromoteCredentials(x.r.Context(), x.principal.Tenant, x.actor(), id, force, condition); err != nil {
		return err
	}
	x.write(http.StatusNoContent, nil)
	return nil
}

// rollbackCredentials answers the action rollbackCredentials.
func (s *Server) rollbackCredentials(x *exchange) error {
	id, condition, err := x.changeOf()
	if err != nil {
		return err
	}
	if err := s.service.RollbackCredentials(x.r.Context(), x.principal.Tenant, x.actor(), id, condition); err != nil {
		return err
	}
	x.write(http.StatusNoContent, nil)
	return nil
}

// actOn reads which subscription an action is bound to.
func (x *exchange) actOn() (pki.ID, error) {
	if err := x.noQuery(); err != nil {
		return "", err
	}
	return x.key(0, "cloudPkiSubscription")
}

// readTest decodes the body of testConnection, which may be empty, and tells
// whether the staged credentials are meant.
func (r draftReader) readTest(body []byte) (d sentDraft, staged bool, err error) {
	const slot = "slot"
	entity := *r.entity
	entity.Properties = append([]odata.Property{{Name: slot, Kind: odata.KindEnum, Enum: pki.CredentialSlotEnum(), Nullable: true}}, entity.Properties...)
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	o, err := entity.DecodeChange(body)
	if err != nil {
		return d, false, err
	}
	d, err = r.draft(o, nil)
	return d, o.Get(slot).State() == odata.Present && o.Get(slot).Num() == 1, err
}

// readStaged decodes the body of stageCredentials.
func (r draftReader) readStaged(body []byte) (sentDraft, error) {
	action := odata.Action{Name: pki.StageCredentialsAction().Name, Parameters: []odata.Property{*r.entity.Property(memberCredentials)}}
	o, err := action.Decode(body)
	if err != nil {
		return sentDraft{}, err
	}
	d := sentDraft{}
	if err := r.readCredentials(&d, o.Get(memberCredentials)); err != nil {
		return d, err
	}
	if !d.Credentials.IsGiven() {
		return d, badRequest(memberCredentials, "Send the credentials to be staged as {\"credentials\":{...}}.")
	}
	return d, nil
}

// newConnectionTests returns how the answer of testConnection is written. The
// type is a complex one; its answer is written as an entity's, whose members
// come after the same annotations.
func newConnectionTests(s *Server) (*odata.Shape[pki.ConnectionTest], error) {
	of := pki.ConnectionTestType()
	return odata.NewShape(&odata.EntityType{Name: of.Name, Properties: of.Properties}, map[string]func(*pki.ConnectionTest) odata.Value{
		"status": func(t *pki.ConnectionTest) odata.Value {
			if t.Failed() != nil {
				return odata.Int(int64(pki.StepFailed))
			}
			return odata.Int(int64(pki.StepSucceeded))
		},
		"testedDateTime":         func(t *pki.ConnectionTest) odata.Value { return odata.Date(odata.FromTime(t.Begun)) },
		"durationInMilliseconds": func(t *pki.ConnectionTest) odata.Value { return odata.Int(t.Took.Milliseconds()) },
		"steps":                  s.steps,
	})
}

func (s *Server) steps(t *pki.ConnectionTest) odata.Value {
	items := make([]odata.Value, len(t.Steps))
	for i := range t.Steps {
		step := &t.Steps[i]
		code, message, help := odata.NullValue(), odata.NullValue(), odata.NullValue()
		if f := step.Fault; f != nil {
			code, message, help = odata.String(string(f.Code)), odata.String(f.Text()), s.helpURL(f.Code)
		}
		items[i] = odata.List(odata.String(step.Name), odata.Int(int64(step.Status)), odata.Int(step.Took.Milliseconds()),
			settingValues(step.Details), code, message, help)
	}
	return odata.List(items...)
}

// writeTest answers with a test.
func (x *exchange) writeTest(t *pki.ConnectionTest) {
	a := odata.Annotations{Context: x.url("$metadata#" + schemaOf(pki.ConnectionTestType().Name))}
	x.withBuffer(http.StatusOK, func(dst []byte) []byte {
		return x.server.nouns.connectionTests.Append(dst, t, everything(), x.format, a)
	})
}
