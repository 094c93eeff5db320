package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/e2e/program"
)

// An account is what a subscription needs of the simulated CA.
type account struct {
	uri      string
	serverCA []byte
	pfx      []byte
	password string
}

// An object is what is known of one subscription: the last acknowledged state,
// and what an unanswered request may have made of it.
type object struct {
	id          string
	description string // last acknowledged
	pending     string // sent, and neither acknowledged nor refused; "" for none
	created     bool   // the create was acknowledged
	deleted     bool   // the delete was acknowledged
	deleting    bool   // a delete was sent
}

// A world is all that the writers know.
type world struct {
	t   *testing.T
	api program.API
	ca  *account

	mu      sync.Mutex
	objects map[string]*object
}

// write creates, changes and now and then deletes objects until ctx is done.
// Each object has one writer, so its history is a line.
func (w *world) write(ctx context.Context, prefix string) {
	for n := 0; ctx.Err() == nil; n++ {
		o := &object{id: fmt.Sprintf("%s-%d", prefix, n)}
		w.mu.Lock()
		w.objects[o.id] = o
		w.mu.Unlock()
		if !w.create(ctx, o) || !w.change(ctx, o, "first") || !w.change(ctx, o, "second") {
			return
		}
		if n%5 == 4 && !w.remove(ctx, o) {
			return
		}
	}
}

func address(id string) string { return "/cloudPkiSubscriptions/" + url.PathEscape(id) }

func (w *world) create(ctx context.Context, o *object) bool {
	o.pending = "new"
	body, err := json.Marshal(map[string]any{
		"cloudPkiProvider": "symantec", "displayName": o.id, "description": "new",
		"serviceUri": w.ca.uri, "serverCertificateAuthorities": w.ca.serverCA,
		"credentials": map[string]any{"authenticationCertificate": w.ca.pfx, "authenticationCertificatePassword": w.ca.password},
	})
	if err != nil {
		w.t.Error(err)
		return false
	}
	if !w.acknowledged(ctx, http.MethodPost, address(o.id), body, http.StatusCreated) {
		return false
	}
	o.created, o.description, o.pending = true, "new", ""
	return true
}

func (w *world) change(ctx context.Context, o *object, to string) bool {
	o.pending = to
	if !w.acknowledged(ctx, http.MethodPatch, address(o.id), fmt.Appendf(nil, `{"description":%q}`, to), http.StatusOK) {
		return false
	}
	o.description, o.pending = to, ""
	return true
}

func (w *world) remove(ctx context.Context, o *object) bool {
	o.deleting = true
	o.deleted = w.acknowledged(ctx, http.MethodDelete, address(o.id), nil, http.StatusNoContent)
	return o.deleted
}

// acknowledged reports whether the service said that the write is done. No
// answer is what a killed server gives; a wrong answer is a fault.
func (w *world) acknowledged(ctx context.Context, method, address string, body []byte, want int) bool {
	got, err := w.api.Do(ctx, method, address, body)
	switch {
	case err != nil:
		return false
	case got.Status == http.StatusTooManyRequests, got.Status == http.StatusServiceUnavailable:
		return false
	case got.Status != want:
		w.t.Errorf("%s %s: %d, want %d: %s", method, address, got.Status, want, got.Body)
		return false
	}
	return true
}

// check compares every object with what was acknowledged.
func (w *world) check() {
	var acknowledged, removed int
	for _, o := range w.objects {
		got, err := w.api.Do(w.t.Context(), http.MethodGet, address(o.id), nil)
		if err != nil {
			w.t.Fatal(err)
		}
		if o.created {
			acknowledged++
		}
		switch {
		case got.Status == http.StatusNotFound:
			if o.created && !o.deleting {
				w.t.Errorf("%s was acknowledged and is lost", o.id)
			}
			if o.deleted {
				removed++
			}
		case got.Status != http.StatusOK:
			w.t.Errorf("GET %s: %d %s", o.id, got.Status, got.Body)
		case o.deleted:
			w.t.Errorf("%s was deleted and is back", o.id)
		default:
			w.compare(o, got)
		}
	}
	if acknowledged < *rounds {
		w.t.Errorf("only %d creates were acknowledged in %d rounds: the load is too small to prove anything", acknowledged, *rounds)
	}
	w.t.Logf("%d objects, %d creates and %d deletes acknowledged", len(w.objects), acknowledged, removed)
}

func (w *world) compare(o *object, got program.Answer) {
	var read struct{ DisplayName, Description string }
	if err := got.Into(&read); err != nil {
		w.t.Fatal(err)
	}
	if read.DisplayName != o.id {
		w.t.Errorf("%s has the name %q", o.id, read.DisplayName)
	}
	if read.Description != o.description && read.Description != o.pending {
		w.t.Errorf("%s has the description %q; acknowledged was %q, under way %q", o.id, read.Description, o.description, o.pending)
	}
}

// awaitRuns waits until no subscription has a run that was begun or asked for
// and has not ended, and checks that each has been synced. A run that many
// kills have hit is given up and says so; the sync that is asked for then
// succeeds.
func (w *world) awaitRuns() {
	deadline := time.Now().Add(2 * time.Minute)
	for id, o := range w.objects {
		if !o.created || o.deleting {
			continue
		}
		status, fault := w.outcome(id, deadline)
		if strings.Contains(fault, "the run was interrupted") {
			w.api.Must(w.t, http.MethodPost, address(id)+"/sync", nil, http.StatusAccepted)
			status, fault = w.outcome(id, deadline)
		}
		if status != "succeeded" {
			w.t.Errorf("%s: syncStatus %q, %q", id, status, fault)
		}
	}
}

// outcome waits until no run of a subscription is open and returns what the
// last one came to.
func (w *world) outcome(id string, deadline time.Time) (status, fault string) {
	for {
		open := w.openRuns(id)
		if open == 0 {
			break
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s has %d runs that do not end", id, open)
		}
		time.Sleep(100 * time.Millisecond)
	}
	var read struct{ SyncStatus, LastSyncError string }
	if err := w.api.Must(w.t, http.MethodGet, address(id), nil, http.StatusOK).Into(&read); err != nil {
		w.t.Fatal(err)
	}
	return read.SyncStatus, read.LastSyncError
}

func (w *world) openRuns(id string) int {
	filter := url.QueryEscape("status eq 'notStarted' or status eq 'running'")
	got := w.api.Must(w.t, http.MethodGet, address(id)+"/syncRuns?$select=id&$filter="+filter, nil, http.StatusOK)
	var list struct{ Value []struct{ ID string } }
	if err := got.Into(&list); err != nil {
		w.t.Fatal(err)
	}
	return len(list.Value)
}
