package clients

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	auth "github.com/microsoft/kiota-authentication-azure-go"
	kiota "github.com/microsoft/kiota-http-go"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
	core "github.com/microsoftgraph/msgraph-sdk-go-core"

	"cloudpki/e2e/program"
)

// testGraphCore drives the service with the core of Microsoft's Graph SDKs for
// Go: their adapter, middlewares, page iterator and batches.
func testGraphCore(t *testing.T, c program.Connection) {
	serialization.DefaultParseNodeFactoryInstance.ContentTypeAssociatedFactories["application/json"] = jsonserialization.NewJsonParseNodeFactory()
	serialization.DefaultSerializationWriterFactoryInstance.ContentTypeAssociatedFactories["application/json"] = jsonserialization.NewJsonSerializationWriterFactory()
	if err := core.RegisterError(core.BatchRequestErrorRegistryKey, errorMappings()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = core.DeRegisterError(core.BatchRequestErrorRegistryKey) })

	g := newGraph(t, c, secretCredential(t, c, c.ClientID, c.ClientSecret))
	t.Run("life", func(t *testing.T) { g.life(t) })
	t.Run("errors", func(t *testing.T) { g.errors(t) })
	t.Run("pages", func(t *testing.T) { g.pages(t) })
	t.Run("batch", func(t *testing.T) { g.batch(t) })
	t.Run("batch collection", func(t *testing.T) { g.batchCollection(t) })
	t.Run("throttled", func(t *testing.T) {
		limited := newGraph(t, c, secretCredential(t, c, c.LimitedID, c.LimitedSecret))
		refused := func() int {
			return limited.seen.count(func(e exchange) bool { return e.status == http.StatusTooManyRequests })
		}
		for asked := 0; refused() == 0; asked++ {
			if got := limited.list(t, "?$top=1&$select=id"); len(got.value) != 1 {
				t.Fatalf("%d objects, want 1", len(got.value))
			}
			if asked > 30 {
				t.Fatal("the client was never refused")
			}
		}
	})
}

// A graph is the SDK's adapter together with what it sent.
type graph struct {
	base    string
	adapter *core.GraphRequestAdapterBase
	seen    *recorder
}

func newGraph(t *testing.T, c program.Connection, credential azcore.TokenCredential) graph {
	host := strings.TrimPrefix(c.Authority, "https://")
	name, _, _ := strings.Cut(host, ":")
	provider, err := auth.NewAzureIdentityAuthenticationProviderWithScopesAndValidHosts(credential, []string{c.Authority + "/.default"}, []string{name})
	if err != nil {
		t.Fatal(err)
	}
	options := core.GraphClientOptions{GraphServiceVersion: "beta", GraphServiceLibraryVersion: "0.0.0"}
	seen := &recorder{next: c.HTTPClient(t).Transport}
	client := &http.Client{
		Transport: kiota.NewCustomTransportWithParentTransport(seen, core.GetDefaultMiddlewaresWithOptions(&options)...),
		Timeout:   time.Minute,
	}
	adapter, err := core.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(provider, options, nil, nil, client)
	if err != nil {
		t.Fatal(err)
	}
	adapter.SetBaseUrl(c.BaseURL)
	return graph{base: c.BaseURL, adapter: adapter, seen: seen}
}

// request is one to an address below the base.
func (g graph) request(method abstractions.HttpMethod, path, body string) *abstractions.RequestInformation {
	r := abstractions.NewRequestInformation()
	r.Method = method
	r.UrlTemplate = "{+baseurl}" + strings.ReplaceAll(path, "$", "%24")
	r.PathParameters["baseurl"] = g.base
	r.Headers.Add("Accept", "application/json")
	if body != "" {
		r.SetStreamContentAndContentType([]byte(body), "application/json")
	}
	return r
}

func (g graph) send(t *testing.T, r *abstractions.RequestInformation, make serialization.ParsableFactory) serialization.Parsable {
	t.Helper()
	got, err := g.adapter.Send(t.Context(), r, make, errorMappings())
	if err != nil {
		t.Fatalf("%v %s: %v", r.Method, r.UrlTemplate, err)
	}
	return got
}

func (g graph) list(t *testing.T, query string) *page {
	t.Helper()
	return g.send(t, g.request(abstractions.GET, subscriptions+query, ""), newPage).(*page)
}

const subscriptions = "/deviceManagement/cloudPkiSubscriptions"

// create makes a subscription for the time of the test.
func (g graph) create(t *testing.T, name string) *subscription {
	t.Helper()
	body := fmt.Sprintf(`{"displayName":%q,"cloudPkiProvider":"symantec","paused":true}`, name)
	made := g.send(t, g.request(abstractions.POST, subscriptions, body), newSubscription).(*subscription)
	t.Cleanup(func() {
		r := g.request(abstractions.DELETE, subscriptions+"/"+made.id, "")
		var gone *odataError
		if err := g.adapter.SendNoContent(context.WithoutCancel(t.Context()), r, errorMappings()); err != nil && !errors.As(err, &gone) {
			t.Errorf("delete %s: %v", made.id, err)
		}
	})
	return made
}

func (g graph) life(t *testing.T) {
	made := g.create(t, "graph-go")
	if made.id == "" || made.displayName != "graph-go" || made.version != 1 || time.Since(made.created) > time.Minute {
		t.Errorf("created %+v", made)
	}
	// Kiota compresses every body. The order of its middlewares varies, so that
	// the header is looked for in all that was sent.
	if g.seen.count(func(e exchange) bool { return e.method == http.MethodPost && e.encoding == "gzip" }) == 0 {
		t.Error("the body was not compressed: the test does not show what it should")
	}
	address := subscriptions + "/" + made.id
	changed := g.send(t, g.request(abstractions.PATCH, address, `{"description":"changed"}`), newSubscription).(*subscription)
	if changed.description != "changed" || changed.version != 2 {
		t.Errorf("changed %+v", changed)
	}
	read := g.send(t, g.request(abstractions.GET, address, ""), newSubscription).(*subscription)
	if read.description != "changed" || read.displayName != "graph-go" || !read.created.Equal(made.created) {
		t.Errorf("read %+v", read)
	}
	if err := g.adapter.SendNoContent(t.Context(), g.request(abstractions.DELETE, address, ""), errorMappings()); err != nil {
		t.Fatal(err)
	}
	_, err := g.adapter.Send(t.Context(), g.request(abstractions.GET, address, ""), newSubscription, errorMappings())
	assertODataError(t, err, http.StatusNotFound, "ResourceNotFound", made.id)
}

func (g graph) errors(t *testing.T) {
	for _, c := range []struct {
		method     abstractions.HttpMethod
		path, body string
		status     int
		code, says string
	}{
		{abstractions.GET, subscriptions + "?$filter=colour%20eq%20'red'", "", 400, "BadRequest", "colour"},
		{abstractions.GET, subscriptions + "?$top=x", "", 400, "BadRequest", "$top"},
		{abstractions.POST, subscriptions, `{"displayName":7}`, 400, "BadRequest", "displayName"},
		{abstractions.GET, "/nowhere", "", 404, "ResourceNotFound", "nowhere"},
	} {
		_, err := g.adapter.Send(t.Context(), g.request(c.method, c.path, c.body), newSubscription, errorMappings())
		assertODataError(t, err, c.status, c.code, c.says)
	}
}

// assertODataError wants a typed error with all that the service tells of it.
func assertODataError(t *testing.T, err error, status int, code, says string) {
	t.Helper()
	var typed *odataError
	if !errors.As(err, &typed) {
		t.Errorf("err = %v (%T), want a typed error", err, err)
		return
	}
	if status != 0 && typed.GetStatusCode() != status {
		t.Errorf("status = %d, want %d", typed.GetStatusCode(), status)
	}
	if typed.code != code || !strings.Contains(typed.message, says) {
		t.Errorf("err = %v, want %s about %s", typed, code, says)
	}
	if typed.requestID == "" || typed.clientRequestID == "" || time.Since(typed.date) > time.Minute || time.Until(typed.date) > time.Minute {
		t.Errorf("inner error %q %q %v", typed.requestID, typed.clientRequestID, typed.date)
	}
}

func (g graph) pages(t *testing.T) {
	var want []string
	for i := range 7 {
		want = append(want, g.create(t, fmt.Sprintf("graph-go-page-%d", i)).displayName)
	}
	first := g.list(t, "?$filter=startswith(displayName,'graph-go-page-')&$orderby=displayName&$top=2&$count=true")
	if first.count != 7 || len(first.value) != 2 {
		t.Errorf("count %d, %d on the first page; want 7 and 2", first.count, len(first.value))
	}
	iterator, err := core.NewPageIterator[*subscription](first, g.adapter, newPage)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := iterator.Iterate(t.Context(), func(s *subscription) bool {
		got = append(got, s.displayName)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("pages gave %v, want %v", got, want)
	}
}

func (g graph) batch(t *testing.T) {
	made := g.create(t, "graph-go-batch")
	batch := core.NewBatchRequest(g.adapter)
	add := func(method abstractions.HttpMethod, path, body string) core.BatchItem {
		item, err := batch.AddBatchRequestStep(*g.request(method, path, body))
		if err != nil {
			t.Fatal(err)
		}
		return item
	}
	change := add(abstractions.PATCH, subscriptions+"/"+made.id, `{"description":"by a batch"}`)
	read := add(abstractions.GET, subscriptions+"/"+made.id, "")
	read.DependsOnItem(change)
	none := add(abstractions.GET, subscriptions+"/absent", "")
	after := add(abstractions.DELETE, subscriptions+"/"+made.id, "")
	after.DependsOnItem(none)
	answer, err := batch.Send(t.Context(), g.adapter)
	if err != nil {
		t.Fatal(err)
	}
	got, err := core.GetBatchResponseById[*subscription](answer, *read.GetId(), newSubscription)
	if err != nil || got.id != made.id || got.description != "by a batch" {
		t.Errorf("read %+v, %v", got, err)
	}
	_, err = core.GetBatchResponseById[*subscription](answer, *none.GetId(), newSubscription)
	assertODataError(t, err, 0, "ResourceNotFound", "absent")
	if status := *answer.GetResponseById(*after.GetId()).GetStatus(); status != http.StatusFailedDependency {
		t.Errorf("the step after a failed one: %d, want 424", status)
	}
	g.send(t, g.request(abstractions.GET, subscriptions+"/"+made.id, ""), newSubscription)
}

func (g graph) batchCollection(t *testing.T) {
	made := g.create(t, "graph-go-collection")
	collection := core.NewBatchRequestCollection(g.adapter)
	ids := make([]string, 25)
	for i := range ids {
		item, err := collection.AddBatchRequestStep(*g.request(abstractions.GET, subscriptions+"/"+made.id+"?$select=id,displayName", ""))
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = *item.GetId()
	}
	isBatch := func(e exchange) bool { return strings.HasSuffix(e.path, "/$batch") && e.status == http.StatusOK }
	before := g.seen.count(isBatch)
	answer, err := collection.Send(t.Context(), g.adapter)
	if err != nil {
		t.Fatal(err)
	}
	if sent := g.seen.count(isBatch) - before; sent != 2 {
		t.Errorf("%d batches for 25 steps, want 2", sent)
	}
	for _, id := range ids {
		got, err := core.GetBatchResponseById[*subscription](answer, id, newSubscription)
		if err != nil || got.id != made.id || got.displayName != "graph-go-collection" {
			t.Fatalf("step %s: %+v, %v", id, got, err)
		}
	}
}

// An exchange is a request with the status of its answer.
type exchange struct {
	method, path, encoding string
	status                 int
}

// A recorder keeps what passes.
type recorder struct {
	next http.RoundTripper

	mu   sync.Mutex
	seen []exchange
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, exchange{req.Method, req.URL.Path, req.Header.Get("Content-Encoding"), resp.StatusCode})
	return resp, nil
}

func (r *recorder) count(matches func(exchange) bool) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.seen {
		if matches(e) {
			n++
		}
	}
	return n
}
