package graph

import (
	"bytes"
	"context"
	"net/http"

	"github.com/google/uuid"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// createSubscription answers POST on the set, and POST with a key as the
// documentation of 2016 has it.
func (s *Server) createSubscription(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	draft, err := s.nouns.drafts.read(x.body)
	if err != nil {
		return err
	}
	if err := x.nameDraft(&draft.Draft); err != nil {
		return err
	}
	replay, err := x.replayKey(draft.ID.Value)
	if err != nil {
		return err
	}
	taken, err := x.conditionOfCreate()
	if err != nil {
		return err
	}
	sub, err := s.service.Create(x.r.Context(), x.principal.Tenant, x.actor(), draft.Draft, replay)
	if err != nil {
		return taken(err)
	}
	h := x.w.Header()
	h["Location"] = []string{s.address(x, &sub)}
	h["Cache-Control"] = []string{"no-store"}
	h["ETag"] = []string{sub.ETag()}
	if x.minimal() {
		h["OData-EntityId"] = h["Location"]
		x.write(http.StatusNoContent, nil)
		return nil
	}
	v := s.view(&sub, everything())
	v.echo = &draft.credentials
	a := odata.Annotations{Context: x.context(s.nouns.subscriptions.place(x), everything(), "/$entity")}
	x.writeEcho(s.nouns.subscriptions.shape.Append(nil, &v, everything(), x.format, a))
	return nil
}

// writeEcho sends a 201, which may hold secrets: it is neither compressed,
// which would tell their length, nor kept in a pooled buffer.
func (x *exchange) writeEcho(body []byte) {
	x.w.Header()["Content-Type"] = []string{contentType(x.format)}
	x.write(http.StatusCreated, body)
}

// updateSubscription answers PATCH.
func (s *Server) updateSubscription(x *exchange) error {
	id, condition, err := x.changeOf()
	if err != nil {
		return err
	}
	draft, err := s.nouns.drafts.readChange(x.body)
	if err != nil {
		return err
	}
	sub, err := s.service.Update(x.r.Context(), x.principal.Tenant, x.actor(), id, draft.Draft, condition)
	if err != nil {
		return err
	}
	s.writeChanged(x, &sub)
	return nil
}

// deleteSubscription answers DELETE.
func (s *Server) deleteSubscription(x *exchange) error {
	id, condition, err := x.changeOf()
	if err != nil {
		return err
	}
	if err := s.service.Delete(x.r.Context(), x.principal.Tenant, x.actor(), id, condition); err != nil {
		return err
	}
	x.write(http.StatusNoContent, nil)
	return nil
}

// changeOf reads which subscription is to be changed, and under which
// condition.
func (x *exchange) changeOf() (pki.ID, pki.Condition, error) {
	if err := x.noQuery(); err != nil {
		return "", nil, err
	}
	id, err := x.key(0, "cloudPkiSubscription")
	if err != nil {
		return "", nil, err
	}
	condition, err := x.conditions()
	return id, condition, err
}

// requestSync answers the action sync: the run that will tell the outcome.
func (s *Server) requestSync(x *exchange) error { return s.requestRun(x, s.service.RequestSync) }

// previewSync answers the action previewSync, as sync.
func (s *Server) previewSync(x *exchange) error { return s.requestRun(x, s.service.RequestPreview) }

func (s *Server) requestRun(x *exchange, ask func(context.Context, pki.TenantID, pki.Actor, pki.ID) (pki.Run, error)) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	id, err := x.key(0, "cloudPkiSubscription")
	if err != nil {
		return err
	}
	run, err := ask(x.r.Context(), x.principal.Tenant, x.actor(), id)
	if err != nil {
		return err
	}
	h := x.w.Header()
	h["Location"] = []string{x.url(s.nouns.runs.path(x) + "/" + string(run.ID))}
	h["Retry-After"] = []string{"2"}
	x.write(http.StatusAccepted, nil)
	return nil
}

func everything() odata.Selection { return odata.Selection{All: true} }

// address is where a subscription is found, in the family that was called.
func (s *Server) address(x *exchange, sub *pki.Subscription) string {
	return x.url(below(s.nouns.subscriptions.path(x), sub.ID))
}

// nameDraft gives the draft the id of the address. The documentation's
// placeholder {id} leaves the choice to the service.
func (x *exchange) nameDraft(d *pki.Draft) error {
	const placeholder = "{id}"
	if len(x.keys) == 0 || x.keys[0] == placeholder {
		return nil
	}
	if d.ID.IsGiven() && d.ID.Value != x.keys[0] {
		return badRequest("id", "The id in the body differs from the one in the address. Leave it out of one of them.")
	}
	d.ID = pki.Given(x.keys[0])
	return nil
}

// longestReplayKey bounds an Idempotency-Key.
const longestReplayKey = 128

// isGUID reports whether s has the customary form of a GUID, without braces.
func isGUID(s string) bool {
	const length = 36
	return len(s) == length && uuid.Validate(s) == nil
}

// replayKey names a create, so that its repetition creates nothing twice. A
// client-request-id serves only where it is a GUID: others are names that
// clients give to many requests.
func (x *exchange) replayKey(id string) (*pki.ReplayKey, error) {
	key := x.header("Idempotency-Key")
	switch {
	case key == "":
		key = x.header("Client-Request-Id")
		if !isGUID(key) {
			return nil, nil
		}
	case len(key) > longestReplayKey || printable(key) != key:
		return nil, badRequest("Idempotency-Key", "An Idempotency-Key has at most %d printable ASCII characters and no single quote.", longestReplayKey)
	}
	// The id belongs to the request as much as its body does.
	return &pki.ReplayKey{Client: x.caller(), Key: key, Body: bytes.Join([][]byte{x.body, []byte(id)}, []byte{0})}, nil
}

// minimal reports whether the client wants no body, and tells it what of
// Prefer was obeyed.
func (x *exchange) minimal() bool {
	p := readPrefer(x.r.Header)
	switch {
	case p.minimal:
		x.applied("return=minimal")
	case p.representation:
		x.applied("return=representation")
	}
	return p.minimal
}
