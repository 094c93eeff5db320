package estserver_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/casim"
	"cloudpki/internal/estserver"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// A device gets the certificates to trust, a certificate of its own, the same
// again where it repeats itself, and another when it renews.
func TestLifeOfADevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anchors := w.certificates(w.send(ask{method: "GET", operation: "cacerts"}))
	roots, issuers := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range anchors {
		if bytes.Equal(c.RawIssuer, c.RawSubject) {
			roots.AddCert(c)
		} else {
			issuers.AddCert(c)
		}
	}
	if got := w.send(ask{method: "GET", operation: "csrattrs"}); got.StatusCode != http.StatusNoContent {
		t.Errorf("csrattrs: %s", got.Status)
	}
	key := w.newKey()
	csr := w.csr(key, "printer-7", "spiffe://example.com/printer-7")
	list := w.certificates(w.enrol(csr))
	if len(list) != 1 {
		t.Fatalf("%d certificates, want the device's alone", len(list))
	}
	leaf := list[0]
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: issuers, CurrentTime: w.now.Add(time.Minute), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Errorf("%d certificates of cacerts do not verify it: %v", len(anchors), err)
	}
	if again := w.certificates(w.enrol(csr)); !bytes.Equal(again[0].Raw, leaf.Raw) || len(w.ca.Certificates()) != 1 {
		t.Error("the same request got another certificate")
	}
	shown := &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}
	fresh := w.newKey()
	renewal := w.csr(fresh, "printer-7", "spiffe://example.com/printer-7")
	renewed := w.certificates(w.renew(shown, renewal))[0]
	if !renewed.PublicKey.(*ecdsa.PublicKey).Equal(&fresh.PublicKey) || renewed.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
		t.Error("the renewed certificate is not for the new key")
	}
	if again := w.certificates(w.renew(shown, renewal))[0]; !bytes.Equal(again.Raw, renewed.Raw) || len(w.ca.Certificates()) != 2 {
		t.Error("the same renewal got another certificate")
	}
	observed := make(map[string]int)
	for range 6 {
		observed[<-w.observed]++
	}
	if observed["POST /.well-known/est/{id}/simplereenroll OK "+string(tenant)] != 2 || observed["GET /.well-known/est/{id}/cacerts OK "+string(tenant)] != 1 {
		t.Errorf("observed %v", observed)
	}
	trail, err := w.service.AuditEvents(t.Context(), tenant, odata.Query{})
	w.must(err)
	var names []string
	for _, e := range trail.Items {
		if e.Activity == pki.ActivityIssue {
			names = append(names, e.Actor.Name)
		}
	}
	if len(names) != 2 || names[1] != user+" at EST endpoint "+string(w.endpoint.ID) || !strings.Contains(names[0], "CN=printer-7") {
		t.Errorf("the audit trail names %q", names)
	}
}

// Whoever is no device of an endpoint learns nothing of it: the answers are the
// same, word for word.
func TestNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	disabled := w.create(pki.ESTEndpointDraft{Subscription: pki.Given(string(w.endpoint.Subscription)), Enabled: pki.Given(false)})
	enrol := ask{method: "POST", operation: "simpleenroll", body: encode(w.csr(w.newKey(), "x"))}
	with := func(change func(*ask)) ask {
		a := enrol
		change(&a)
		return a
	}
	account := func(a *ask) { a.user, a.password = user, password }
	first := ""
	for name, a := range map[string]ask{
		"no account":              enrol,
		"a wrong password":        with(func(a *ask) { a.user, a.password = user, "wrong" }),
		"a wrong name":            with(func(a *ask) { a.user, a.password = "other", password }),
		"no endpoint":             with(func(a *ask) { account(a); a.endpoint = "nobody" }),
		"a disabled endpoint":     with(func(a *ask) { account(a); a.endpoint = disabled.ID }),
		"a bad token":             with(func(a *ask) { a.bearer = "bad" }),
		"another tenant's token":  with(func(a *ask) { a.bearer = string(another) + "/" + auth.ScopeReadWrite }),
		"a token, no endpoint":    with(func(a *ask) { a.bearer = string(tenant) + "/" + auth.ScopeReadWrite; a.endpoint = "nobody" }),
		"renewal, no certificate": with(func(a *ask) { account(a); a.operation = "simplereenroll" }),
	} {
		got := w.send(a)
		said := got.Status + strings.Join(got.Header.Values("Www-Authenticate"), ",") + got.Header.Get("Content-Type") + got.text
		if first == "" {
			first = said
		}
		if got.StatusCode != http.StatusUnauthorized || said != first || !strings.Contains(said, `Basic realm="EST"`) {
			t.Errorf("%s: %s, want the 401 of all\n%s", name, got.Status, got.text)
		}
	}
	if len(w.ca.Certificates()) != 0 {
		t.Error("the CA was asked")
	}
	for _, operation := range []string{"cacerts", "csrattrs"} {
		for _, id := range []pki.ID{"nobody", disabled.ID} {
			if got := w.send(ask{method: "GET", operation: operation, endpoint: id}); got.StatusCode != http.StatusNotFound {
				t.Errorf("%s of %s: %s", operation, id, got.Status)
			}
		}
	}
}

// A token of the tenant enrols as the account does; one that may only read is
// told so.
func TestToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	enrol := ask{method: "POST", operation: "simpleenroll", body: encode(w.csr(w.newKey(), "x")), bearer: string(tenant) + "/" + auth.ScopeReadWrite}
	w.certificates(w.send(enrol))
	enrol.bearer = string(tenant) + "/" + auth.ScopeRead
	if got := w.send(enrol); got.StatusCode != http.StatusForbidden || !strings.Contains(got.text, auth.ScopeReadWrite) {
		t.Errorf("to read: %s %s", got.Status, got.text)
	}
}

// What is sent is refused in plain text that says why.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	csr := encode(w.csr(w.newKey(), "x"))
	good := ask{method: "POST", operation: "simpleenroll", body: csr, bearer: string(tenant) + "/" + auth.ScopeReadWrite}
	with := func(change func(*ask)) ask {
		a := good
		change(&a)
		return a
	}
	for name, c := range map[string]struct {
		ask    ask
		status int
		text   string
	}{
		"no base64":            {with(func(a *ask) { a.body = "%%%" }), 400, "base64"},
		"no DER":               {with(func(a *ask) { a.body = "AAAA" }), 400, "base64"},
		"PEM":                  {with(func(a *ask) { a.body = "-----BEGIN CERTIFICATE REQUEST-----\n" + csr }), 400, "BEGIN"},
		"no request":           {with(func(a *ask) { a.body = encode([]byte{0x30, 0}) }), 400, "PKCS#10"},
		"nothing":              {with(func(a *ask) { a.body = "" }), 400, "base64"},
		"too much":             {with(func(a *ask) { a.body = strings.Repeat("A", 96<<10+1) }), 413, "larger"},
		"another media type":   {with(func(a *ask) { a.media = "application/json" }), 415, "application/pkcs10"},
		"server-side key":      {with(func(a *ask) { a.operation = "serverkeygen" }), 501, "not offered"},
		"full CMC":             {with(func(a *ask) { a.operation = "fullcmc" }), 501, "not offered"},
		"GET of an enrolment":  {with(func(a *ask) { a.method, a.body = "GET", "" }), 405, "POST"},
		"POST of cacerts":      {with(func(a *ask) { a.operation = "cacerts" }), 405, "GET"},
		"another operation":    {with(func(a *ask) { a.operation = "simple" }), 404, "ENDPOINT"},
		"an address too deep":  {with(func(a *ask) { a.operation = "simpleenroll/x" }), 404, "ENDPOINT"},
		"with lines and a tab": {with(func(a *ask) { a.body = csr[:64] + "\r\n" + csr[64:] + "\t\n" }), 200, "\n"},
	} {
		got := w.send(c.ask)
		if got.StatusCode != c.status || !strings.Contains(got.text, c.text) || c.status != 200 && got.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %s %q, want %d with %q", name, got.Status, got.text, c.status, c.text)
		}
	}
}

// What the CA makes of a request becomes a status that tells the device whether
// to try again, and no address of the CA.
func TestFaultsOfTheCA(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(pki.ESTEndpointDraft{Profile: pki.Given("nobody's")})
	if got := w.order(w.csr(w.newKey(), "x")); got.StatusCode != http.StatusBadRequest {
		t.Errorf("an unknown profile: %s %s", got.Status, got.text)
	}
	w.change(pki.ESTEndpointDraft{Profile: pki.Cleared[string]()})
	w.must(w.caServer.Close())
	got := w.order(w.csr(w.newKey(), "x"))
	if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || strings.Contains(got.text, "127.0.0.1") {
		t.Errorf("a CA that is away: %s %q", got.Status, got.text)
	}
	w.must(w.service.Delete(t.Context(), tenant, pki.Actor{}, w.endpoint.Subscription, nil))
	if got := w.order(w.csr(w.newKey(), "x")); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a subscription that is gone: %s %s", got.Status, got.text)
	}
}

// Only a certificate of the subscription that is good now renews, and only for
// its own names.
func TestRenewals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shown, leaf := w.device("camera")
	key := w.newKey()
	same := w.csr(key, "camera")
	forge := func(change func(*x509.Certificate)) *tls.Certificate {
		c := &x509.Certificate{SerialNumber: leaf.SerialNumber, Subject: leaf.Subject, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter}
		parent := &x509.Certificate{RawSubject: leaf.RawIssuer, SerialNumber: big.NewInt(1)}
		change(c)
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), key)
		w.must(err)
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	for name, c := range map[string]struct {
		cert   *tls.Certificate
		csr    []byte
		status int
		text   string
	}{
		"forged":             {forge(func(*x509.Certificate) {}), same, 401, "Authentication"},
		"of nobody":          {forge(func(c *x509.Certificate) { c.SerialNumber = big.NewInt(7) }), same, 401, "Authentication"},
		"another subject":    {shown, w.csr(key, "admin"), 403, "subject"},
		"a further name":     {shown, w.csr(key, "camera", "urn:x"), 403, "alternative names"},
		"no request":         {shown, []byte{0x30, 0}, 400, "PKCS#10"},
		"the same names":     {shown, same, 200, ""},
		"the key it had too": {shown, w.csr(shown.PrivateKey.(*ecdsa.PrivateKey), "camera"), 200, ""},
	} {
		if got := w.renew(c.cert, c.csr); got.StatusCode != c.status || !strings.Contains(got.text, c.text) {
			t.Errorf("%s: %s %q, want %d", name, got.Status, got.text, c.status)
		}
	}
	w.change(pki.ESTEndpointDraft{Reenrol: pki.Given(false)})
	if got := w.renew(shown, same); got.StatusCode != http.StatusForbidden || !strings.Contains(got.text, "does not renew") {
		t.Errorf("an endpoint without renewals: %s %s", got.Status, got.text)
	}
	w.change(pki.ESTEndpointDraft{Reenrol: pki.Given(true), Patterns: pki.Given([]string{"printer-*"})})
	if got := w.renew(shown, same); got.StatusCode != http.StatusForbidden || !strings.Contains(got.text, "'camera'") {
		t.Errorf("a name that is not allowed: %s %s", got.Status, got.text)
	}
	w.change(pki.ESTEndpointDraft{Patterns: pki.Given([]string{}), Profile: pki.Given("server")})
	w.must(w.service.RevokeCertificate(t.Context(), tenant, pki.Actor{}, w.endpoint.Subscription, pki.CertificateID(leaf.RawIssuer, "", leaf.SerialNumber.Text(16)), 1))
	if got := w.renew(shown, same); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a revoked certificate: %s %s", got.Status, got.text)
	}
}

// A certificate is good until it ends, and of one profile.
func TestRenewalInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(pki.ESTEndpointDraft{Profile: pki.Given("device")})
	shown, leaf := w.device("camera")
	w.change(pki.ESTEndpointDraft{Profile: pki.Given("server")})
	if got := w.renew(shown, w.csr(w.newKey(), "camera")); got.StatusCode != http.StatusForbidden || !strings.Contains(got.text, "profile") {
		t.Errorf("another profile: %s %s", got.Status, got.text)
	}
	w.change(pki.ESTEndpointDraft{Profile: pki.Given("device")})
	w.now = leaf.NotBefore.Add(-time.Second)
	if got := w.renew(shown, w.csr(w.newKey(), "camera")); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a certificate of the future: %s %s", got.Status, got.text)
	}
	w.now = leaf.NotAfter
	w.certificates(w.renew(shown, w.csr(w.newKey(), "camera")))
	w.now = leaf.NotAfter.Add(time.Second)
	if got := w.renew(shown, w.csr(w.newKey(), "camera")); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("an expired certificate: %s %s", got.Status, got.text)
	}
}

// A certificate renews after syncs as before them, until its CA lists it no
// longer.
func TestCertificateThatItsCALost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shown, _ := w.device("camera")
	w.now = w.now.Add(7 * time.Hour)
	w.sync()
	w.certificates(w.renew(shown, w.csr(w.newKey(), "camera")))
	for _, f := range casim.Faults() {
		if f.Name == "nothing-there" {
			w.ca.Misbehave(f)
		}
	}
	w.now = w.now.Add(7 * time.Hour)
	w.sync()
	if got := w.renew(shown, w.csr(w.newKey(), "camera")); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("after a sync without it: %s %s", got.Status, got.text)
	}
}

// A certificate that was revoked is not handed out again, within the day that
// its request is remembered.
func TestRevokedIsNotRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	csr := w.csr(w.newKey(), "camera")
	leaf := w.certificates(w.order(csr))[0]
	w.must(w.service.RevokeCertificate(t.Context(), tenant, pki.Actor{}, w.endpoint.Subscription, pki.CertificateID(leaf.RawIssuer, "", leaf.SerialNumber.Text(16)), 1))
	if got := w.order(csr); got.StatusCode != http.StatusConflict || !strings.Contains(got.text, "new key") {
		t.Errorf("the request again: %s %s", got.Status, got.text)
	}
}

// Guesses from one address are answered 429 after a while, and passwords are not
// looked at for the rest of the minute; tokens and certificates are.
func TestGuesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	guess := ask{method: "POST", operation: "simpleenroll", bearer: "bad"}
	last := 0
	shown, _ := w.device("camera")
	for range 121 {
		last = w.send(guess).StatusCode
	}
	w.certificates(w.order(w.csr(w.newKey(), "x")))
	w.certificates(w.renew(shown, w.csr(w.newKey(), "camera")))
	got := w.enrol(w.csr(w.newKey(), "x"))
	if last != http.StatusTooManyRequests || got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
		t.Errorf("after 121 guesses: %d, then %s", last, got.Status)
	}
	w.now = w.now.Add(time.Minute)
	w.certificates(w.enrol(w.csr(w.newKey(), "x")))
}

// Names are those of the subject and the extension, whatever their kind.
func TestPatterns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(pki.ESTEndpointDraft{Patterns: pki.Given([]string{"*.example.com", "urn:device:*"})})
	key := w.newKey()
	request := func(template x509.CertificateRequest) []byte {
		der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
		w.must(err)
		return der
	}
	w.certificates(w.order(w.csr(key, "a.b.EXAMPLE.com", "urn:device:7")))
	w.certificates(w.order(request(x509.CertificateRequest{Subject: pkix.Name{Organization: []string{"anything"}}, DNSNames: []string{"a.example.com"}})))
	for name, csr := range map[string][]byte{
		"no name":               request(x509.CertificateRequest{Subject: pkix.Name{Organization: []string{"anything"}}}),
		"a common name":         w.csr(key, "example.com"),
		"a URI":                 w.csr(key, "a.example.com", "urn:admin"),
		"a DNS name":            request(x509.CertificateRequest{DNSNames: []string{"a.example.com", "example.org"}}),
		"a mail address":        request(x509.CertificateRequest{EmailAddresses: []string{"root@example.net"}}),
		"a wildcard":            request(x509.CertificateRequest{DNSNames: []string{"*.example.com"}}),
		"a control character":   w.csr(key, "admin\x00.example.com"),
		"a second name":         request(x509.CertificateRequest{Subject: pkix.Name{CommonName: "a.example.com", ExtraNames: []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 3}, Value: "admin"}}}}),
		"mail in the subject":   request(x509.CertificateRequest{Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: []int{1, 2, 840, 113549, 1, 9, 1}, Value: "root@example.net"}}}}),
		"a user principal name": request(x509.CertificateRequest{ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 17}, Value: []byte{0x30, 0x14, 0xa0, 0x12, 0x06, 0x0a, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x14, 2, 3, 0xa0, 4, 0x0c, 2, 'm', 'e'}}}}),
	} {
		if got := w.order(csr); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s %s", name, got.Status, got.text)
		}
	}
}

// A certificate that does not chain to what the subscription trusts renews
// nothing, though the inventory has it; and cacerts has what is trusted alone.
func TestTrustIsWhatAnAdminSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shown, _ := w.device("camera")
	key := w.newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "another root"}, NotBefore: w.now, NotAfter: w.now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	w.must(err)
	_, err = w.service.Update(t.Context(), tenant, pki.Actor{}, w.endpoint.Subscription, pki.Draft{TrustedRoot: pki.Given(der)}, nil)
	w.must(err)
	if list := w.certificates(w.send(ask{method: "GET", operation: "cacerts"})); len(list) < 2 {
		t.Errorf("beside the root in force %d retire", len(list)-1)
	}
	w.certificates(w.renew(shown, w.csr(w.newKey(), "camera")))
	_, err = w.service.RejectTrustChange(t.Context(), tenant, pki.Actor{}, w.endpoint.Subscription, pki.TrustDecision{Thumbprint: pki.Thumbprint(w.ca.Root().Raw)}, nil)
	w.must(err)
	if list := w.certificates(w.send(ask{method: "GET", operation: "cacerts"})); len(list) != 1 || !bytes.Equal(list[0].Raw, der) {
		t.Errorf("cacerts has %d certificates, want the trusted root alone", len(list))
	}
	if got := w.renew(shown, w.csr(w.newKey(), "camera")); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a certificate of another root: %s %s", got.Status, got.text)
	}
	fresh, err := w.service.Create(t.Context(), tenant, pki.Actor{}, pki.Draft{}, nil)
	w.must(err)
	e := w.create(pki.ESTEndpointDraft{Subscription: pki.Given(string(fresh.ID))})
	if got := w.send(ask{method: "GET", operation: "cacerts", endpoint: e.ID}); got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("cacerts without a root: %s %s", got.Status, got.text)
	}
	if got := w.send(ask{method: "POST", operation: "simpleenroll", endpoint: e.ID, body: encode(w.csr(w.newKey(), "x")), bearer: string(tenant) + "/" + auth.ScopeReadWrite}); got.StatusCode != http.StatusConflict {
		t.Errorf("a subscription without a CA: %s %s", got.Status, got.text)
	}
}

// A slowReader takes its answer when it is released.
type slowReader struct {
	*httptest.ResponseRecorder

	reached, released chan struct{}
}

func (s slowReader) Write(b []byte) (int, error) {
	s.reached <- struct{}{}
	<-s.released
	return s.ResponseRecorder.Write(b)
}

// Devices that do not read their answer, as HTTP/2 lets them by the hundred on
// one connection, keep no other from theirs.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const many = 100
	slow := slowReader{reached: make(chan struct{}), released: make(chan struct{})}
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, estserver.Path+string(w.endpoint.ID)+"/cacerts", nil)
			w.server.Config.Handler.ServeHTTP(slowReader{httptest.NewRecorder(), slow.reached, slow.released}, r)
		})
		<-slow.reached
	}
	if got := w.send(ask{method: "GET", operation: "cacerts"}); got.StatusCode != http.StatusOK {
		t.Errorf("beside %d that do not read: %s", many, got.Status)
	}
	close(slow.released)
	all.Wait()
}

// What a CA says of an endpoint's profile stays with the operator: devices need
// not know the CA's host.
func TestCAsWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.change(pki.ESTEndpointDraft{Profile: pki.Given("unknown")})
	got := w.order(w.csr(w.newKey(), "x"))
	if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "Request-Id") || strings.Contains(got.text, "127.0.0.1") {
		t.Errorf("%s: %s", got.Status, got.text)
	}
}
