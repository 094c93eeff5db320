package notify_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"cloudpki/internal/notify"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// asked returns a TLS server for handshakes and a Handshake that trusts it.
func asked(t *testing.T, answer http.HandlerFunc) (*httptest.Server, *notify.Handshake) {
	t.Helper()
	server := httptest.NewTLSServer(answer)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	sender := notify.NewSender(provider.Dialer([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}).DialContext, roots)
	t.Cleanup(func() { _ = sender.Close() })
	return server, notify.NewHandshake(sender)
}

func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write([]byte(r.URL.Query().Get("validationToken")))
}

func TestHandshake(t *testing.T) {
	var got *http.Request
	server, h := asked(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		echo(w, r)
	})
	if err := h.Validate(t.Context(), tenantA, server.URL+"/hook?code=a%20b"); err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPost || got.Header.Get("Content-Type") != "text/plain; charset=utf-8" || got.URL.Path != "/hook" ||
		got.URL.Query().Get("code") != "a b" || got.ContentLength != 0 {
		t.Errorf("request is %s %s %v", got.Method, got.URL, got.Header)
	}
	token := got.URL.Query().Get("validationToken")
	if !strings.HasPrefix(token, "Validation: ") || strings.Contains(got.URL.RawQuery, "+") {
		t.Errorf("query is %s", got.URL.RawQuery)
	}
}

func TestHandshakeRefusals(t *testing.T) {
	plain := func(w http.ResponseWriter, status int, text string) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
	const failed, must = "Subscription validation request failed. ", "Notification endpoint must respond with 200 OK to validation request"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"another status": {func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusNotFound, "") }, failed + "HTTP status code is 'NotFound'. " + must + "."},
		"accepted": {func(w http.ResponseWriter, r *http.Request) {
			plain(w, http.StatusAccepted, r.URL.Query().Get("validationToken"))
		}, failed + "HTTP status code is 'Accepted'. " + must + "."},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://169.254.169.254/", http.StatusFound)
		}, failed + "HTTP status code is 'Found'. " + must + "."},
		"another text":  {func(w http.ResponseWriter, _ *http.Request) { plain(w, 200, "ok") }, failed + "Response must exactly match validationToken query parameter."},
		"escaped text":  {func(w http.ResponseWriter, r *http.Request) { plain(w, 200, r.URL.RawQuery) }, failed + "Response must exactly match validationToken query parameter."},
		"text and more": {func(w http.ResponseWriter, r *http.Request) { echo(w, r); _, _ = w.Write([]byte("\n")) }, failed + "Response must exactly match validationToken query parameter."},
		"text for ever": {func(w http.ResponseWriter, r *http.Request) { echo(w, r); writeLong(w) }, failed + "Response must exactly match validationToken query parameter."},
		"HTML":          {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") }, failed + "Notification endpoint must respond with content type text/plain."},
		"no type":       {func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil }, failed + "Notification endpoint must respond with content type text/plain."},
		"cut":           {func(w http.ResponseWriter, _ *http.Request) { _ = hijack(w).Close() }, failed + must + ": no connection could be made, or it was cut."},
		"no HTTP at all": {func(w http.ResponseWriter, _ *http.Request) {
			c := hijack(w)
			_, _ = c.Write([]byte("220 smtp\r\n"))
			_ = c.Close()
		}, failed + must + ": the answer breaks the rules or the bounds of HTTP."},
		"a huge header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 20<<10))
		}, failed + must + ": the answer breaks the rules or the bounds of HTTP."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, h := asked(t, c.answer)
			refusedWith(t, h.Validate(t.Context(), tenantA, server.URL), c.want)
		})
	}
}

func writeLong(w http.ResponseWriter) {
	for range 1 << 10 {
		if _, err := w.Write(make([]byte, 1<<10)); err != nil {
			return
		}
	}
}

func refusedWith(t *testing.T, err error, want string) {
	t.Helper()
	var got *pki.Error
	if !errors.As(err, &got) || got.Code != pki.CodeValidation || got.Msg != want {
		t.Errorf("error is %v\nwant %s", err, want)
	}
}

func TestHandshakeStaysOutside(t *testing.T) {
	server, h := asked(t, echo)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "https://"), ":")
	const begin = "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request: "
	for address, want := range map[string]string{
		"https://10.0.0.1/":                begin + "no connection could be made, or it was cut.",
		"https://169.254.169.254/":         begin + "no connection could be made, or it was cut.",
		"https://[::1]:" + port + "/":      begin + "no connection could be made, or it was cut.",
		"https://127.0.0.1:1/":             begin + "no connection could be made, or it was cut.",
		"https://localhost.invalid/":       begin + "the host name does not resolve.",
		"https://localhost:" + port + "/x": begin + "the TLS handshake failed, or the certificate is not trusted.",
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			refusedWith(t, h.Validate(t.Context(), tenantA, address), want)
		})
	}
}

// One tenant cannot hold all handshakes with a receiver that hangs.
func TestHandshakesAreBounded(t *testing.T) {
	entered, release := make(chan struct{}, 8), make(chan struct{})
	server, h := asked(t, func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-release
		echo(w, r)
	})
	ended := make(chan error, 5)
	for i := range 4 {
		go func() { ended <- h.Validate(t.Context(), tenantA, fmt.Sprintf("%s/%d", server.URL, i)) }()
		<-entered
	}
	if err := h.Validate(t.Context(), tenantA, server.URL); pki.CodeOf(err) != pki.CodeUnavailable {
		t.Errorf("the fifth gives %v", err)
	}
	go func() { ended <- h.Validate(t.Context(), tenantB, server.URL) }()
	<-entered
	close(release)
	for range 5 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if err := h.Validate(t.Context(), tenantA, server.URL); err != nil {
		t.Errorf("after the others: %v", err)
	}
}

func TestHandshakeEndsWithItsCaller(t *testing.T) {
	entered := make(chan struct{})
	server, h := asked(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		<-entered
		stop()
	}()
	if err := h.Validate(ctx, tenantA, server.URL); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
