package auth_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloudpki/internal/auth"
)

// An authority publishes keys over real TLS, as well or as badly as it is told.
type authority struct {
	*httptest.Server
	fetches atomic.Int32

	mu    sync.Mutex
	serve http.HandlerFunc
}

func newAuthority(t *testing.T, serve http.HandlerFunc) *authority {
	t.Helper()
	a := &authority{serve: serve}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.fetches.Add(1)
		a.mu.Lock()
		serve := a.serve
		a.mu.Unlock()
		serve(w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *authority) change(serve http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serve = serve
}

// issuer trusts the authority's keys for the tests' tokens.
func (a *authority) issuer() auth.Issuer {
	return auth.Issuer{Name: "remote", URL: template, Audiences: []string{audience}, KeysURL: a.URL + "/keys"}
}

func (a *authority) verifier(t *testing.T, clock *clock, issuer auth.Issuer) *auth.Verifier {
	t.Helper()
	return newVerifierWith(t, auth.Options{
		Issuers: []auth.Issuer{issuer}, Now: clock.Now, Fetch: auth.Fetch{Client: a.Client()},
	})
}

// publish answers with a JWK Set of the RSA keys under their names.
func publish(keys map[string]*rsa.PrivateKey) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keySet(keys)) }
}

func keySet(keys map[string]*rsa.PrivateKey) []byte {
	members := []object{{"kty": "OKP", "crv": "Ed25519", "kid": "unusable", "x": "AA"}, {"kty": "unknown"}}
	for id, k := range keys {
		members = append(members, object{
			"kty": "RSA", "use": "sig", "kid": id, "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes()),
			// Entra ID adds members that others do not know.
			"issuer": template, "x5c": []string{"not a certificate"},
		})
	}
	return object{"keys": members}.bytes()
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func rsaKey(id string) map[string]*rsa.PrivateKey {
	return map[string]*rsa.PrivateKey{id: testKeys().rsa}
}

// code verifies text and returns "" or the code of the refusal.
func code(t *testing.T, v *auth.Verifier, text string) auth.Code {
	t.Helper()
	_, err := v.Verify(t.Context(), text)
	if err != nil && auth.CodeOf(err) == "" {
		t.Fatalf("error %v is no *auth.Error", err)
	}
	return auth.CodeOf(err)
}

func withKey(id string) string { return token(goodHeader().with(object{"kid": id}), goodClaims()) }

func TestRemoteKeysRotate(t *testing.T) {
	a, clock := newAuthority(t, publish(rsaKey("one"))), newClock()
	v := a.verifier(t, clock, a.issuer())
	if got := code(t, v, withKey("one")); got != "" {
		t.Fatalf("the published key: %s", got)
	}
	a.change(publish(rsaKey("two")))
	if got := code(t, v, withKey("two")); got != auth.CodeInvalidToken {
		t.Errorf("a new key within 30 s of the last fetch: %q", got)
	}
	clock.Move(30 * time.Second)
	if got := code(t, v, withKey("two")); got != "" {
		t.Errorf("a new key, later: %s", got)
	}
	if got := code(t, v, withKey("one")); got != auth.CodeInvalidToken {
		t.Errorf("a token, verified before, whose key has been withdrawn: %q", got)
	}
	if n := a.fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

func TestUnknownKeysDoNotFloodTheIssuer(t *testing.T) {
	a, clock := newAuthority(t, publish(rsaKey("one"))), newClock()
	v := a.verifier(t, clock, a.issuer())
	for minute := range 2 {
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				for n := range 50 {
					text := withKey(fmt.Sprintf("made-up-%d-%d-%d", minute, worker, n))
					if got := code(t, v, text); got != auth.CodeInvalidToken {
						t.Errorf("made-up key: %q", got)
					}
				}
			})
		}
		all.Wait()
		if got, want := a.fetches.Load(), int32(minute+1); got != want {
			t.Errorf("%d fetches after 400 unknown keys, want %d", got, want)
		}
		clock.Move(30 * time.Second)
	}
}

func TestRemoteKeysOutliveTheirIssuer(t *testing.T) {
	a, clock := newAuthority(t, publish(rsaKey("one"))), newClock()
	v := a.verifier(t, clock, a.issuer())
	lasting := token(goodHeader().with(object{"kid": "one"}), goodClaims().with(object{"exp": startOfTime.Add(72 * time.Hour).Unix()}))
	if got := code(t, v, lasting); got != "" {
		t.Fatalf("while the issuer is up: %s", got)
	}
	a.change(answer(http.StatusBadGateway, "down"))
	clock.Move(24*time.Hour - time.Second)
	if got := code(t, v, lasting); got != "" {
		t.Errorf("just below 24 h: %s", got)
	}
	clock.Move(time.Second)
	if got := code(t, v, lasting); got != auth.CodeUnavailable {
		t.Errorf("after 24 h: %q, want %q", got, auth.CodeUnavailable)
	}
	a.change(publish(rsaKey("one")))
	clock.Move(30 * time.Second)
	if got := code(t, v, lasting); got != "" {
		t.Errorf("when it is back: %s", got)
	}
}

func TestOldKeysAreFetchedInTheBackground(t *testing.T) {
	a, clock := newAuthority(t, publish(rsaKey("one"))), newClock()
	v := a.verifier(t, clock, a.issuer())
	text := token(goodHeader().with(object{"kid": "one"}), goodClaims().with(object{"exp": startOfTime.Add(5 * time.Hour).Unix()}))
	if got := code(t, v, text); got != "" {
		t.Fatal(got)
	}
	release, asked := make(chan struct{}), make(chan struct{}, 1)
	a.change(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-release
		publish(rsaKey("two"))(w, r)
	})
	clock.Move(time.Hour)
	if got := code(t, v, text); got != "" { // must not wait for the issuer
		t.Errorf("while the keys are fetched: %s", got)
	}
	<-asked
	close(release)
	if got := code(t, v, withKey("two")); got != auth.CodeInvalidToken && got != "" {
		t.Errorf("new key: %q", got)
	}
	deadline := time.Now().Add(5 * time.Second)
	for code(t, v, text) == "" {
		if time.Now().After(deadline) {
			t.Fatal("the fetched set did not replace the old one")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestRemoteKeysThatCannotBeHad(t *testing.T) {
	elsewhere := httptest.NewTLSServer(publish(rsaKey("one")))
	t.Cleanup(elsewhere.Close)
	many := make([]object, 101)
	for n := range many {
		many[n] = object{"kty": "RSA", "kid": fmt.Sprint(n)}
	}
	tests := []struct {
		name  string
		serve http.HandlerFunc
		log   string
	}{
		{"500", answer(http.StatusInternalServerError, "oops"), "500"},
		{"a page instead of keys", answer(http.StatusOK, "<html>"), "read key set"},
		{"no keys", answer(http.StatusOK, `{"keys":[]}`), "no key in it is usable"},
		{"no usable key", answer(http.StatusOK, `{"keys":[{"kty":"oct","kid":"one","k":"AAAA"}]}`), "no key in it is usable"},
		{"a key for encryption", answer(http.StatusOK, strings.Replace(string(keySet(rsaKey("one"))), `"use":"sig"`, `"use":"enc"`, 1)), "no key in it is usable"},
		{"a weak key", publish(map[string]*rsa.PrivateKey{"one": testKeys().rsaWeak}), "no key in it is usable"},
		{"too many keys", answer(http.StatusOK, string(object{"keys": many}.bytes())), "more than 100 keys"},
		{"too long an answer", func(w http.ResponseWriter, _ *http.Request) {
			for range 1024 {
				_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<10))
			}
		}, "more than 524288 bytes"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		}, "302"},
		{"a cut connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, clock := newAuthority(t, test.serve), newClock()
			var log bytes.Buffer
			v := newVerifierWith(t, auth.Options{
				Issuers: []auth.Issuer{a.issuer()}, Now: clock.Now, Fetch: auth.Fetch{Client: a.Client()},
				Log: slog.New(slog.NewTextHandler(&log, nil)),
			})
			_, err := v.Verify(t.Context(), withKey("one"))
			if got := auth.CodeOf(err); got != auth.CodeUnavailable {
				t.Errorf("error %v", err)
			}
			if !errors.Is(err, auth.ErrNoKeys) {
				t.Errorf("error %v does not say why", err)
			}
			_ = v.Close()
			if !strings.Contains(log.String(), test.log) {
				t.Errorf("log %q does not say %q", &log, test.log)
			}
		})
	}
}

func TestUntrustedCertificateOfTheIssuer(t *testing.T) {
	a := newAuthority(t, publish(rsaKey("one")))
	v := newVerifierWith(t, auth.Options{Issuers: []auth.Issuer{a.issuer()}, Now: newClock().Now})
	if got := code(t, v, withKey("one")); got != auth.CodeUnavailable {
		t.Errorf("keys from a server nobody vouches for: %q", got)
	}
}

func TestSlowIssuer(t *testing.T) {
	a := newAuthority(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	v := a.verifier(t, newClock(), a.issuer())

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := v.Verify(ctx, withKey("one")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a caller in a hurry: %v", err)
	}
	start := time.Now()
	_ = v.Close() // must end the fetch
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("Close took %s", took)
	}
	if got := code(t, v, withKey("one")); got != auth.CodeUnavailable {
		t.Errorf("after Close: %q", got)
	}
}

func TestDiscovery(t *testing.T) {
	document := func(issuer, keys string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				publish(rsaKey("one"))(w, r)
				return
			}
			if r.URL.Path != "/realm/.well-known/openid-configuration" {
				http.NotFound(w, r)
				return
			}
			_ = json.NewEncoder(w).Encode(object{"issuer": issuer, "jwks_uri": keys})
		}
	}
	a := newAuthority(t, nil)
	realm := a.URL + "/realm"
	tests := []struct {
		name         string
		issuer, keys string
		want         auth.Code
	}{
		{"the document leads to the keys", realm, a.URL + "/keys", ""},
		{"about another issuer", realm + "/", a.URL + "/keys", auth.CodeUnavailable},
		{"keys over http", realm, "http" + strings.TrimPrefix(a.URL, "https") + "/keys", auth.CodeUnavailable},
		{"keys in a file", realm, "file:///etc/passwd", auth.CodeUnavailable},
		{"no keys named", realm, "", auth.CodeUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a.change(document(test.issuer, test.keys))
			v := a.verifier(t, newClock(), auth.Issuer{Name: "discovered", URL: realm, Audiences: []string{audience}})
			text := token(goodHeader().with(object{"kid": "one"}), goodClaims().with(object{"iss": realm}))
			if got := code(t, v, text); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
