package graph

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxBatchAnswer bounds the bodies of all answers of one batch together.
const maxBatchAnswer = 8 << 20

// batchPath is the address of batches below /beta.
const batchPath = "$batch"

// A batch is the requests of one $batch on their way. They are answered one
// after the other: a batch holds one slot, and takes no more of the service at
// a time than a single request does.
type batch struct {
	plan
	server  *Server
	outer   *exchange
	answers []*stepAnswer // by step; nil where it has not come yet
	room    int           // bytes that further answers may have
}

// answerBatch answers POST $batch: each request goes through all that it would
// go through alone.
func (s *Server) answerBatch(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	if len(x.body) == 0 {
		return badRequest("", "The body is empty; it must be a JSON object.")
	}
	steps, err := readBatch(x.body)
	if err != nil {
		return err
	}
	p, err := planBatch(steps)
	if err != nil {
		return err
	}
	b := &batch{plan: p, server: s, outer: x, answers: make([]*stepAnswer, len(steps)), room: maxBatchAnswer}
	b.run()
	h := x.w.Header()
	h["Cache-Control"] = []string{"no-store"} // an answer may hold the secrets of a create
	h["Content-Type"] = []string{mediaJSON}
	b.write(&x.w)
	return nil
}

// run answers all steps. What a client prefers about errors is obeyed; without
// a wish the others go ahead, as Microsoft Graph does it.
func (b *batch) run() {
	prefer := readPrefer(b.outer.r.Header)
	if prefer.continueOnError != "" {
		b.outer.applied("continue-on-error=" + prefer.continueOnError)
	}
	stopped := false
	for i, end := 0, 0; i < len(b.steps); i = end {
		end = b.end(i)
		switch {
		case stopped:
			b.refuse(i, end, failedDependency("A request before it failed, and Prefer asks to stop then."))
		case b.missesOne(i, end):
			b.refuse(i, end, failedDependency("A request that it depends on failed. Mend that one, and send both again."))
		case b.steps[i].group != "":
			b.runGroup(i, end)
		default:
			b.runStep(i)
		}
		stopped = stopped || prefer.continueOnError == "false" && b.answers[end-1].failed()
	}
}

// missesOne reports whether a step in front of i, on which one up to end
// depends, has failed.
func (b *batch) missesOne(i, end int) bool {
	for _, waits := range b.waits[i:end] {
		for _, before := range waits {
			if before < i && b.answers[before].failed() {
				return true
			}
		}
	}
	return false
}

// refuse answers the steps from i up to end with a fault and does not run them.
func (b *batch) refuse(i, end int, f *fault) {
	for ; i < end; i++ {
		b.answers[i] = b.newAnswer(i)
		b.server.serve(b.answers[i], b.emptyRequest(i), func(*exchange) error { return f })
	}
}

// runStep answers one step that stands for itself.
func (b *batch) runStep(i int) {
	a := b.newAnswer(i)
	b.answers[i] = a
	r, err := b.request(i)
	if err != nil {
		b.refuse(i, i+1, explain(err))
		return
	}
	b.server.serve(a, r, func(x *exchange) error {
		if err := b.server.admitStep(x); err != nil {
			return err
		}
		if err := x.route.handle(x); err != nil {
			return err
		}
		return a.settle(x)
	})
	b.room -= len(a.body)
}

// admitStep takes a step to where its route can answer it.
func (s *Server) admitStep(x *exchange) error {
	if err := x.r.Context().Err(); err != nil {
		return err
	}
	if err := s.admit(x); err != nil {
		return err
	}
	if x.route.path == batchPath {
		return badRequest("url", "A batch cannot be a request of another batch.")
	}
	return s.readBody(x)
}

// runGroup answers the steps from i up to end, all of which happen or none.
// They are admitted before the transaction begins, so that it waits for nothing.
func (b *batch) runGroup(i, end int) {
	g := group{batch: b, first: i, failed: -1}
	defer g.conclude()
	for at := i; at < end; at++ {
		if err := g.admit(at); err != nil {
			g.fail(at, err)
		}
	}
	if g.failed >= 0 {
		return
	}
	err := b.server.service.Atomically(b.outer.r.Context(), b.outer.principal.Tenant, g.attempt)
	if err != nil {
		g.err, g.broken = err, g.failed < 0
	}
}

// A group is steps that happen together or not at all.
type group struct {
	batch   *batch
	first   int
	members []*exchange
	failed  int   // the step whose error ended the group, -1 for none
	err     error // of it
	broken  bool  // it was no step that failed, but the whole
}

func (g *group) fail(at int, err error) {
	if g.err == nil {
		g.failed, g.err = at, err
	}
}

// admit takes a step to where it can be answered in a transaction.
func (g *group) admit(at int) error {
	b := g.batch
	b.answers[at] = b.newAnswer(at)
	r, err := b.request(at)
	if err != nil {
		r = b.emptyRequest(at)
	}
	x := b.server.newExchange(b.answers[at], r)
	g.members = append(g.members, x)
	if err != nil {
		return err
	}
	if err := b.server.admitStep(x); err != nil {
		return err
	}
	switch {
	case !x.route.atomic:
		return badRequest("atomicityGroup",
			"A group with 'atomicityGroup' holds changes of subscriptions, and reads by key. Send this request outside of it.")
	case x.asks("expand"):
		return badRequest("$expand", "'$expand' is not answered in a group with 'atomicityGroup'. Send the read outside of it.")
	case x.principal.Tenant != b.outer.principal.Tenant:
		return badRequest("atomicityGroup", "The requests of a group must have tokens of one tenant.")
	}
	b.answers[at].begin()
	return nil
}

// asks reports whether the query has the option, in lower case without $.
func (x *exchange) asks(option string) bool {
	for part := range strings.SplitSeq(x.r.URL.RawQuery, "&") {
		if optionName(part) == option {
			return true
		}
	}
	return false
}

// attempt answers all members inside a transaction. It may run several times.
func (g *group) attempt(ctx context.Context) error {
	g.failed = -1
	for n, x := range g.members {
		g.reset(n)
		x.r = x.r.WithContext(ctx)
		if err := x.route.handle(x); err != nil {
			g.failed = g.first + n
			return err
		}
	}
	return nil
}

func (g *group) reset(n int) {
	g.batch.answers[g.first+n].reset()
	g.members[n].w = recorder{ResponseWriter: g.batch.answers[g.first+n]}
}

// conclude answers the members of a group that did not happen, and counts all.
func (g *group) conclude() {
	for n, x := range g.members {
		x.r = x.r.WithContext(g.batch.outer.r.Context()) // the transaction has ended
		switch {
		case g.err != nil && (g.broken || g.first+n == g.failed):
			g.reset(n)
			g.batch.server.fail(x, g.err)
		case g.err != nil:
			g.reset(n)
			g.batch.server.fail(x, failedDependency("Another request of its group failed, so nothing of the group was done."))
		default:
			g.batch.answers[g.first+n].shorten()
		}
		g.batch.room -= len(g.batch.answers[g.first+n].body)
		g.batch.server.conclude(x)
	}
}

func failedDependency(message string) *fault {
	return &fault{status: http.StatusFailedDependency, code: codeDependency, message: "The request was not executed. " + message}
}

// emptyRequest stands for a step that is not run.
func (b *batch) emptyRequest(i int) *http.Request {
	r := (&http.Request{
		Method: b.steps[i].method, URL: &url.URL{}, Header: http.Header{}, Body: http.NoBody,
		RemoteAddr: b.outer.r.RemoteAddr, Host: b.outer.r.Host, TLS: b.outer.r.TLS,
	}).WithContext(b.outer.r.Context())
	b.inherit(i, r.Header)
	return r
}

// request makes the request that step i would be outside the batch.
func (b *batch) request(i int) (*http.Request, error) {
	s := &b.steps[i]
	address, err := b.address(i)
	if err != nil {
		return nil, err
	}
	r := b.emptyRequest(i)
	r.URL, r.RequestURI = address, address.RequestURI()
	for name, values := range s.header {
		r.Header[name] = values
	}
	for _, name := range []string{"Accept-Encoding", "Content-Length", "Transfer-Encoding", "Expect", "Origin"} {
		delete(r.Header, name) // they speak of the connection, or the page, of the batch
	}
	if s.body != nil {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(s.body)), int64(len(s.body))
	}
	return r, nil
}

// inherit sets the fields that a step has from its batch unless it has its
// own. A repeated batch repeats its creates, so each gets a key of its own.
func (b *batch) inherit(i int, h http.Header) {
	for _, name := range []string{"Authorization", "Client-Request-Id"} {
		if v := b.outer.r.Header[name]; v != nil {
			h[name] = v
		}
	}
	key := b.outer.header("Idempotency-Key")
	if id := b.outer.header("Client-Request-Id"); key == "" && isGUID(id) {
		key = id
	}
	if key != "" && !isGUID(b.steps[i].header.Get("Client-Request-Id")) {
		digest := sha256.Sum256([]byte(key + "/" + b.steps[i].id))
		h["Idempotency-Key"] = []string{hex.EncodeToString(digest[:])}
	}
}

// address reads the URL of step i: absolute with our origin, or relative to
// /beta with or without a slash in front, or with /beta itself; $ID in front
// stands for what an earlier request has made or named.
func (b *batch) address(i int) (*url.URL, error) {
	text := b.steps[i].url
	origin := b.server.origin
	if end := len(origin); len(text) >= end && equalFold(text[:end], origin) && strings.IndexAny(text[end:]+"/", "/?") == 0 {
		text = text[end:]
	} else if strings.Contains(text, "://") && strings.Index(text, "://") < len("https:") {
		return nil, badRequest("url", "The url of the request leads to another service. Only requests to %s can be in a batch.", origin)
	}
	text = strings.TrimPrefix(text, "/")
	if id, rest, ok := b.reference(i, text); ok {
		base, err := b.resource(i, id)
		if err != nil {
			return nil, err
		}
		text = strings.TrimPrefix(base, "/") + rest
	}
	if end := strings.IndexAny(text+"/", "/?"); !equalFold(text[:end], version) {
		text = version + "/" + text
	}
	address, err := url.ParseRequestURI("/" + text)
	if err != nil || strings.Contains(text, "#") {
		return nil, badRequest("url", "The url of the request cannot be read. Percent-encode what an address cannot hold.")
	}
	return address, nil
}

// reference splits an address that begins with $ID. $metadata, $batch and the
// like are names of the service.
func (b *batch) reference(i int, text string) (id, rest string, ok bool) {
	if !strings.HasPrefix(text, "$") {
		return "", "", false
	}
	end := strings.IndexAny(text, "/?")
	if end < 0 {
		end = len(text)
	}
	for n := range b.steps {
		if n != i && equalFold(b.steps[n].id, text[1:end]) {
			return text[1:end], text[end:], true
		}
	}
	return "", "", false
}

// resource is the path of what the request called id has made or named.
func (b *batch) resource(i int, id string) (string, error) {
	for _, before := range b.waits[i] {
		if !equalFold(b.steps[before].id, id) {
			continue
		}
		if before >= i || b.answers[before] == nil || b.steps[i].group != "" && equalFold(b.steps[before].group, b.steps[i].group) {
			return "", badRequest("url", "'$%s' is a request of the same group, which is not done yet. Choose the id of the object yourself and name it.", id)
		}
		if made := b.answers[before].made(); made != "" {
			return strings.TrimPrefix(made, b.server.origin), nil
		}
		address, err := b.address(before)
		if err != nil {
			return "", err
		}
		return address.EscapedPath(), nil
	}
	return "", badRequest("url", "'$%s' is not in 'dependsOn' of the request. Name it there, so that it is answered before.", id)
}
