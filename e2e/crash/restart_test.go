package crash

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"cloudpki/e2e/program"
)

// TestRestart: what the service has promised to a client holds for the next
// process as well: the answer to a repeated create, and the
// links of a page and of a delta.
func TestRestart(t *testing.T) {
	binary := program.Build(t, "../..")
	program.EachEngine(t, func(t *testing.T, database string) { restart(t, binary, database) })
}

func restart(t *testing.T, binary, database string) {
	data := filepath.Join(t.TempDir(), "data")
	connection := program.Prepare(t, binary, data, database)
	server := program.Serve(t, binary, data, connection)
	defer func() { program.Kill(server) }()
	api := connection.Login(t)
	const (
		create = "POST " + "/cloudPkiSubscriptions"
		body   = `{"displayName":"once","credentials":{"adminPassword":"first"}}`
		key    = "5f0e7a53-42ff-4f4c-9a8a-2d0f6f3c1a11"
	)
	first := send(t, api, create, body, "client-request-id: "+key)
	page := send(t, api, "GET /cloudPkiSubscriptions?$top=1&$select=id", "")
	next := link(t, page, "@odata.nextLink")
	delta := link(t, send(t, api, "GET /cloudPkiSubscriptions/delta?$deltatoken=latest&$select=displayName", ""), "@odata.deltaLink")
	send(t, api, "PATCH /cloudPkiSubscriptions/"+link(t, first, "id"), `{"displayName":"changed"}`)
	following := send(t, api, "GET "+next, "")

	program.Kill(server)
	server = program.Serve(t, binary, data, connection)

	if again := send(t, api, create, body, "client-request-id: "+key); again != first || !strings.HasPrefix(first, "201 ") {
		t.Errorf("repeated create:\n%s\nwant the first answer:\n%s", again, first)
	}
	if other := send(t, api, create, `{"displayName":"other"}`, "client-request-id: "+key); !strings.HasPrefix(other, "422 ") {
		t.Errorf("another body under the same key: %s", other)
	}
	if again := send(t, api, "GET "+next, ""); again != following || !strings.HasPrefix(again, "200 ") {
		t.Errorf("the link of a page: %s\nwant %s", again, following)
	}
	if changes := send(t, api, "GET "+delta, ""); !strings.Contains(changes, `"displayName":"changed"`) {
		t.Errorf("the link of a delta: %s", changes)
	}
}

// send returns the status and the body of an answer. An address that does not
// begin with https: is below the API's root.
func send(t *testing.T, api program.API, request, body string, header ...string) string {
	t.Helper()
	method, address, _ := strings.Cut(request, " ")
	if strings.HasPrefix(address, "/") {
		address = api.Base + address
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+api.Token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	got, err := api.Client.Do(r)
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	return got.Status + "\n" + string(text)
}

// link returns the first text called name in an answer.
func link(t *testing.T, answer, name string) string {
	t.Helper()
	_, rest, _ := strings.Cut(answer, `"`+name+`":"`)
	value, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatalf("no %s in %s", name, answer)
	}
	return value
}
