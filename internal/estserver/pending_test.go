package estserver_test

import (
	"net/http"
	"testing"
	"time"

	"cloudpki/internal/casim/est"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

// A CA behind the endpoint that wants an approval has the device come again,
// when the CA says (RFC 7030, 4.2.3): the same request is answered with the
// certificate then.
func TestApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server, err := w.ca.StartAs(t.Context(), "127.0.0.1:0", est.Dialect())
	w.must(err)
	t.Cleanup(func() { _ = server.Close() })
	sub, err := w.service.Create(t.Context(), tenant, pki.Actor{Client: "test"}, pki.Draft{
		Provider: pki.Given("est"), ServiceURI: pki.Given(server.URL), ServerCAs: pki.Given(w.ca.ServerCAs()),
		Credentials: pki.Given(pki.DraftCredentials{UserName: pki.Given(w.ca.Login().User), Password: pki.Given(secret.NewString(w.ca.Login().Password))}),
	}, nil)
	w.must(err)
	w.endpoint = w.create(pki.ESTEndpointDraft{Subscription: pki.Given(string(sub.ID))})
	w.ca.Hold(true)
	csr := w.csr(w.newKey(), "printer")
	for range 2 { // the second is too early to ask the CA
		got := w.order(csr)
		if got.StatusCode != http.StatusAccepted || got.Header.Get("Retry-After") != "90" || w.ca.Calls("simpleenroll") != 1 {
			t.Fatalf("%s after %q, %d calls of the CA: %s", got.Status, got.Header.Get("Retry-After"), w.ca.Calls("simpleenroll"), got.text)
		}
	}
	w.ca.Decide(true)
	w.now = w.now.Add(est.PendingSeconds * time.Second)
	for range 2 {
		got := w.order(csr)
		if got.StatusCode != http.StatusOK || len(w.certificates(got)) != 1 {
			t.Fatalf("after the approval: %s %s", got.Status, got.text)
		}
	}
	if n := len(w.ca.Certificates()); n != 1 || w.ca.Calls("simpleenroll") != 2 {
		t.Errorf("%d certificates, %d calls; want one of two", n, w.ca.Calls("simpleenroll"))
	}
}
