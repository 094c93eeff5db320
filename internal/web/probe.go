package web

import (
	"context"
	"sync"

	"cloudpki/internal/pki"
)

// A testView is a test of a connection as a page tells it.
type testView struct {
	Good  bool
	Title string
	Took  string
	Steps []stepView
}

// A stepView is one step of a test.
type stepView struct {
	Title   string
	Status  health
	Took    string // "" where nothing was done
	Details []pki.Setting
	Fault   runFault
}

func newTestView(t *pki.ConnectionTest) *testView {
	v := &testView{Good: t.Failed() == nil, Title: "The test failed", Took: took(t.Took)}
	if v.Good {
		v.Title = "The test succeeded"
	}
	for i := range t.Steps {
		step := &t.Steps[i]
		shown := stepView{Title: stepWords(step.Name), Status: stepHealth(step.Status), Details: step.Details}
		if step.Status == pki.StepSucceeded || step.Status == pki.StepFailed {
			shown.Took = took(step.Took)
		}
		if f := step.Fault; f != nil {
			shown.Fault = newRunFault(f.Text(), f.Code)
		}
		v.Steps = append(v.Steps, shown)
	}
	return v
}

// stepWords says what a step looks at.
func stepWords(name string) string {
	switch name {
	case pki.StepConfiguration:
		return "The settings are complete"
	case pki.StepDNS:
		return "The server's name resolves"
	case pki.StepTCP:
		return "The server can be reached"
	case pki.StepTLS:
		return "The server is who it should be (TLS)"
	case pki.StepClientCertificate:
		return "The client certificate is accepted"
	case pki.StepAccount:
		return "The login works"
	case pki.StepAuthorities:
		return "Roots and issuers can be read"
	case pki.StepProfile:
		return "Profiles can be read"
	case pki.StepInventory:
		return "Certificates can be listed"
	}
	return name
}

func stepHealth(s pki.StepStatus) health {
	switch s {
	case pki.StepSucceeded:
		return health{"yes", "good"}
	case pki.StepFailed:
		return health{"no", "bad"}
	case pki.StepNotApplicable:
		return health{"this CA has no such thing", "idle"}
	case pki.StepSkipped:
	}
	return health{"not tried", "idle"}
}

// turns let one thing at a time be done under a name. A second one waits: it is
// mostly the same form, sent twice, of which the browser has given up the first.
// It is safe for concurrent use; the zero value is ready.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{} // closed at the end
}

// take waits for the name and returns what ends the turn.
func (t *turns) take(ctx context.Context, name string) (end func(), err error) {
	for {
		t.mu.Lock()
		busy, taken := t.taken[name]
		if !taken {
			break
		}
		t.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer t.mu.Unlock()
	if t.taken == nil {
		t.taken = make(map[string]chan struct{})
	}
	mine := make(chan struct{})
	t.taken[name] = mine
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.taken, name)
		close(mine)
	}, nil
}
