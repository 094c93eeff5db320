package browser

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"cloudpki/e2e/program"
	"cloudpki/internal/casim"
	"cloudpki/internal/casim/digicertone"
)

// patience bounds one wait: a page that never comes must not hang the suite.
const patience = 15 * time.Second

// The people who may sign in.
const (
	admin  = "admin"
	reader = "reader" // may change nothing
)

// A world is what the scenarios share.
type world struct {
	program.Connection
	axe     string // the program of axe-core
	data    string // the directory of the service
	program string // path of cloudpki
	browser context.Context
	served  *exec.Cmd // the service

	downloads string // folder of what the browser has saved

	api     program.API
	laptops string // id of a subscription with a large inventory
	phones  string // id of one whose CA offers another root
	printer string // id of one that fails

	mu     sync.Mutex
	shown  map[string]bool // paths of pages that the browser was given; false for files
	judged map[string]bool // paths of pages that judge has seen
}

// serve restarts the service on what `cloudpki dev` has left behind, with a
// large inventory and a person more, signs the admin in, and makes the
// subscriptions that the pictures and the pages show.
func (w *world) serve(t *testing.T) {
	t.Helper()
	enlarge(t, filepath.Join(w.data, "cloudpki.db"))
	config := filepath.Join(w.data, "cloudpki.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	user := regexp.MustCompile(`(?s)    - name: "admin".*`).FindString(string(text))
	user = strings.NewReplacer(`"admin"`, `"`+reader+`"`, "Dev Admin", "Dev Reader", "ReadWrite", "Read").Replace(user)
	if err := os.WriteFile(config, append(text, user...), 0o600); err != nil {
		t.Fatal(err)
	}
	w.served = program.Serve(t, w.program, w.data, w.Connection)
	t.Cleanup(func() { program.Kill(w.served) })
	w.api = w.Login(t)
	w.stock(t)
	first := w.tab(t)
	first.open("/")
	first.signIn(admin, w.Password)
	first.await("//h1[.='Overview']")
}

// stock makes the subscriptions that stand for the states of one.
func (w *world) stock(t *testing.T) {
	t.Helper()
	var list struct{ Value []struct{ ID string } }
	w.decode(t, w.api.Must(t, "GET", "/cloudPkiSubscriptions", nil, 200), &list)
	w.laptops = list.Value[0].ID
	w.api.Must(t, "PATCH", "/cloudPkiSubscriptions/"+w.laptops, []byte(`{"displayName":"Laptops, Rotterdam","description":null}`), 200)
	phones := w.startCA(t)
	w.phones = w.subscribe(t, phones, "Phones, Munich")
	w.replaceRoot(t, phones, w.phones)
	printer := w.startCA(t)
	w.printer = w.subscribe(t, printer, "Printers, Lyon")
	printer.misbehave(t, "soap-not-authorized")
	w.sync(t, w.printer, "failed")
}

// A ca is a simulated CA that a scenario changes as it likes.
type ca struct {
	*casim.CA
	provider string
	address  string
}

// startCA starts a CA that speaks as MPKI 8 does.
func (w *world) startCA(t *testing.T) ca {
	t.Helper()
	sim := newCA(t)
	server, err := sim.Start(context.WithoutCancel(t.Context()), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() }) // connections that a fault has broken
	return ca{sim, "symantec", server.URL}
}

// startOne starts a CA that speaks as DigiCert ONE does, which revokes.
func (w *world) startOne(t *testing.T) ca {
	t.Helper()
	sim := newCA(t)
	server, err := sim.StartAs(context.WithoutCancel(t.Context()), "127.0.0.1:0", digicertone.Dialect())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return ca{sim, "digicertOne", server.URL}
}

func newCA(t *testing.T) *casim.CA {
	t.Helper()
	sim, err := casim.New(casim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Issue(12); err != nil {
		t.Fatal(err)
	}
	return sim
}

func (c ca) misbehave(t *testing.T, name string) {
	t.Helper()
	fault, ok := casim.ByName(name)
	if !ok {
		t.Fatalf("there is no fault %q", name)
	}
	c.Misbehave(fault)
}

// subscribe makes a subscription to a CA, waits until its first sync has
// succeeded, and returns its id.
func (w *world) subscribe(t *testing.T, to ca, name string) string {
	t.Helper()
	pfx, password, err := to.IssueRA("browser", 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{
		"displayName": name, "cloudPkiProvider": to.provider, "serviceUri": to.address, "serverCertificateAuthorities": to.ServerCAs(),
		"credentials": map[string]any{"authenticationCertificate": pfx, "authenticationCertificatePassword": password},
	})
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ ID string }
	w.decode(t, w.api.Must(t, "POST", "/cloudPkiSubscriptions", body, 201), &made)
	w.ends(t, made.ID, "succeeded")
	return made.ID
}

// replaceRoot has a CA offer another root, which the next sync finds.
func (w *world) replaceRoot(t *testing.T, from ca, id string) {
	t.Helper()
	w.ended(t, id) // one that begins before would be taken for it
	if err := from.ReplaceRoot(); err != nil {
		t.Fatal(err)
	}
	w.sync(t, id, "failed")
}

// sync asks for a sync and waits for its outcome.
func (w *world) sync(t *testing.T, id, outcome string) {
	t.Helper()
	w.api.Must(t, "POST", "/cloudPkiSubscriptions/"+id+"/sync", nil, 202)
	w.ends(t, id, outcome)
}

// ends waits for the outcome of the last run of a subscription.
func (w *world) ends(t *testing.T, id, outcome string) {
	t.Helper()
	if got := w.ended(t, id); got != outcome {
		t.Fatalf("the sync of %s: %s, want %s", id, got, outcome)
	}
}

// ended waits until the last run of a subscription has ended.
func (w *world) ended(t *testing.T, id string) string {
	t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		var runs struct{ Value []struct{ Status string } }
		w.decode(t, w.api.Must(t, "GET", "/cloudPkiSubscriptions/"+id+"/syncRuns?$top=1&$orderby=queuedDateTime%20desc", nil, 200), &runs)
		if status := runs.Value[0].Status; status == "succeeded" || status == "failed" || status == "cancelled" {
			return status
		}
	}
	t.Fatalf("the sync of %s does not end", id)
	return ""
}

func (w *world) decode(t *testing.T, a program.Answer, into any) {
	t.Helper()
	if err := a.Into(into); err != nil {
		t.Fatalf("%v: %s", err, a.Body)
	}
}

// browse starts Chromium. It takes any certificate: that of the service is its own.
func browse(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.IgnoreCertErrors, chromedp.NoSandbox)
	ctx, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// axeCore returns the program of axe-core, and brings it where make has not
// done so already.
func axeCore(t *testing.T) string {
	t.Helper()
	const file = "node_modules/axe-core/axe.min.js"
	if _, err := os.Stat(file); err != nil {
		if out, err := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error").CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
