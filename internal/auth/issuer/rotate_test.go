package issuer_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/auth/issuer"

	"github.com/google/go-cmp/cmp"
)

const keyLifetime = 90 * 24 * time.Hour

func openKeys(t *testing.T, folder string, now func() time.Time) *issuer.KeySet {
	t.Helper()
	keys, err := issuer.OpenKeys(issuer.Rotation{
		Path: filepath.Join(folder, "issuer.key"), Lifetime: keyLifetime, Token: time.Hour, Now: now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// look has the keys look at their folder once.
func look(t *testing.T, keys *issuer.KeySet) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := keys.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// issue returns a token that the keys have signed, and its kid.
func issue(t *testing.T, s *server, keys *issuer.KeySet) (text, kid string) {
	t.Helper()
	plain := issuer.NewSecret()
	i, err := issuer.New(issuer.Options{
		Origin: "https://pki.example.com", Tenants: []string{tenant}, KeySet: keys, Now: s.Now, Log: slog.New(slog.DiscardHandler),
		Clients: []issuer.Client{{ID: "client", Tenant: tenant, SecretHashes: []issuer.SecretHash{issuer.HashSecret(plain)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"client"}, "client_secret": {string(plain.Reveal())},
		"scope": {"https://pki.example.com/.default"},
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/"+tenant+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	_, after, _ := strings.Cut(w.Body.String(), `"access_token":"`)
	text, _, _ = strings.Cut(after, `"`)
	j, err := auth.ParseJWS(text, 8<<10)
	if err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return text, j.Header.KeyID
}

// lists reports whether the keys list the one called kid.
func lists(t *testing.T, keys *issuer.KeySet, kid string) bool {
	t.Helper()
	_, err := keys.Key(t.Context(), kid)
	return err == nil
}

func filesIn(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestKeysAreReplaced follows a key from the cradle to the grave, with two
// replicas that share the folder.
func TestKeysAreReplaced(t *testing.T) {
	folder, s := t.TempDir(), newServer(t)
	one := openKeys(t, folder, s.Now)
	two := openKeys(t, folder, s.Now)
	// The age of the first key is that of its file.
	if err := os.Chtimes(filepath.Join(folder, "issuer.key"), startOfTime, startOfTime); err != nil {
		t.Fatal(err)
	}
	_, first := issue(t, s, one)

	s.Move(keyLifetime - 24*time.Hour - time.Second)
	look(t, one)
	if got := filesIn(t, folder); len(got) != 1 {
		t.Errorf("two days before: %v", got)
	}
	s.Move(time.Second)
	version := two.Version()
	look(t, one)
	look(t, two)
	if diff := cmp.Diff([]string{"issuer.key", "issuer.key.20270221T130000Z"}, filesIn(t, folder)); diff != "" {
		t.Fatalf("a day before (-want +got):\n%s", diff)
	}
	if two.Version() == version {
		t.Error("the other replica's version did not change")
	}
	_, current := issue(t, s, two)
	if current != first {
		t.Error("the new key signs before its time")
	}

	s.Move(25 * time.Hour)
	_, second := issue(t, s, two)
	if second == first {
		t.Fatal("the new key does not sign when its time has come")
	}
	for name, keys := range map[string]*issuer.KeySet{"one": one, "two": two} {
		if !lists(t, keys, first) || !lists(t, keys, second) {
			t.Errorf("replica %s does not list both keys", name)
		}
	}
	s.Move(time.Hour + 2*time.Minute)
	if lists(t, one, first) {
		t.Error("the old key is listed though its last token has expired")
	}
	look(t, one)
	if got := filesIn(t, folder); !slices.Contains(got, "issuer.key") {
		t.Errorf("the configured file is gone: %v", got)
	}
	restarted := openKeys(t, folder, s.Now)
	if _, kid := issue(t, s, restarted); kid != second {
		t.Error("after a restart another key signs")
	}

	s.Move(keyLifetime)
	look(t, one)
	s.Move(25 * time.Hour)
	look(t, one)
	s.Move(27 * time.Hour)
	look(t, one)
	if got := filesIn(t, folder); len(got) != 2 || slices.Contains(got, "issuer.key.20270221T130000Z") {
		t.Errorf("the second key's file has had its day: %v", got)
	}
}

func TestRotateKeyAtOnce(t *testing.T) {
	folder, s := t.TempDir(), newServer(t)
	keys := openKeys(t, folder, s.Now)
	_, first := issue(t, s, keys)
	from, err := issuer.RotateKey(filepath.Join(folder, "issuer.key"), s.Now())
	if err != nil || !from.Equal(startOfTime.Add(10*time.Minute)) {
		t.Fatalf("from %s, %v", from, err)
	}
	look(t, keys)
	if _, kid := issue(t, s, keys); kid != first {
		t.Error("the new key signs before every replica lists it")
	}
	s.Move(10 * time.Minute)
	_, second := issue(t, s, keys)
	if second == first || !lists(t, keys, first) {
		t.Error("ten minutes later the new key does not sign, or the old one is not listed")
	}
	path := filepath.Join(folder, "issuer.key")
	if err := errors.Join(os.Rename(path, path+".aside"), os.Symlink(path, path)); err != nil {
		t.Fatal(err)
	}
	look(t, keys) // the link leads nowhere else: the key cannot be seen, which is not to say that it is gone
	if !lists(t, keys, first) {
		t.Error("a key whose file cannot be seen for once is forgotten")
	}
	if err := os.Rename(path+".aside", path); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder, "issuer.key."+from.Format("20060102T150405Z"))); err != nil {
		t.Fatal(err)
	}
	look(t, keys)
	if lists(t, keys, second) {
		t.Error("a key whose file is removed is trusted still")
	}
}

// TestTokensSurviveARotation has the Verifier of the same process, which caches
// what it has verified, follow the keys.
func TestTokensSurviveARotation(t *testing.T) {
	folder, s := t.TempDir(), newServer(t)
	keys := openKeys(t, folder, s.Now)
	v, err := auth.NewVerifier(t.Context(), auth.Options{
		Issuers: []auth.Issuer{{
			Name: "own", URL: "https://pki.example.com/{tenantid}/v2.0", Audiences: []string{"https://pki.example.com"}, Keys: keys,
		}},
		Now: s.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	verify := func(text string) error { _, err := v.Verify(t.Context(), text); return err }
	if _, err := issuer.RotateKey(filepath.Join(folder, "issuer.key"), s.Now()); err != nil {
		t.Fatal(err)
	}
	old, _ := issue(t, s, keys)
	look(t, keys)
	s.Move(10 * time.Minute)
	young, _ := issue(t, s, keys)
	if err := errors.Join(verify(old), verify(young)); err != nil {
		t.Error(err)
	}
	s.Move(51 * time.Minute)
	if err := verify(young); err != nil {
		t.Error(err)
	}
	if err := verify(old); auth.CodeOf(err) != auth.CodeInvalidToken {
		t.Errorf("an expired token: %v", err)
	}
}

func TestOpenKeysRefuses(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "issuer.key")
	if _, err := issuer.LoadOrCreateKey(path); err != nil {
		t.Fatal(err)
	}
	bad := path + ".20270101T000000Z"
	if err := os.WriteFile(bad, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.OpenKeys(issuer.Rotation{Path: path, Now: time.Now}); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("error %v does not name the file", err)
	}
	if _, err := issuer.OpenKeys(issuer.Rotation{Path: filepath.Join(folder, "none", "issuer.key"), Now: time.Now}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
