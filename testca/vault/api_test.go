package vault_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/e2e/program"
	"cloudpki/testca/vault/vaulttest"
)

// The running program follows a real Vault, by client certificate and by token:
// what is issued and revoked there appears in the API, a second sync fetches
// what is new alone, and a root that Vault puts beside the first, and then in
// its place, is not trusted.
func TestThroughTheAPI(t *testing.T) {
	api := program.Dev(t, program.Build(t, "../.."), t.TempDir(), "").Login(t)
	s := start(t)
	for name, credentials := range map[string]func(t *testing.T, mount string) map[string]any{
		"certificate": func(t *testing.T, mount string) map[string]any {
			pfx, password, der := clientCertificate(t, s.front)
			s.CertRole(t, "sync-"+mount, policyFor(t, mount), der)
			return map[string]any{"authenticationCertificate": pfx, "authenticationCertificatePassword": password}
		},
		"token": func(t *testing.T, mount string) map[string]any {
			return map[string]any{"adminPassword": s.Token(t, policyFor(t, mount), map[string]any{"period": "24h"})}
		},
	} {
		t.Run(name, func(t *testing.T) {
			mount := s.Root(t, "pki_"+name)
			serials := mount.Issue(t, 30)
			for _, serial := range serials[:3] {
				mount.Revoke(t, serial)
			}
			f := follower{t: t, api: api, stand: s, mount: mount}
			f.subscribe(credentials(t, mount.Name))
			first := f.awaitSync("")
			if first.SyncStatus != "succeeded" || !bytes.Equal(first.Root, mount.CA.Raw) {
				t.Fatalf("%s %s; the root of Vault is trusted: %v", first.SyncStatus, first.error(), bytes.Equal(first.Root, mount.CA.Raw))
			}
			f.expect(serials, serials[:3])

			fresh := mount.Issue(t, 2)
			mount.Revoke(t, serials[7])
			s.Calls()
			second := f.sync(first)
			fetched := f.fetched()
			slices.Sort(fetched)
			want := []string{vaulttest.Key(fresh[0]), vaulttest.Key(fresh[1]), vaulttest.Key(serials[7])}
			slices.Sort(want)
			if second.SyncStatus != "succeeded" || !slices.Equal(fetched, want) {
				t.Errorf("%s %s; the second sync fetched %q, want %q", second.SyncStatus, second.error(), fetched, want)
			}
			f.expect(append(serials, fresh...), []string{serials[0], serials[1], serials[2], serials[7]})
			f.replaceRoot(second)
		})
	}
}

// A follower is a subscription to a mount.
type follower struct {
	t     *testing.T
	api   program.API
	stand stand
	mount *vaulttest.Mount
	set   string // address of the subscription
}

func (f *follower) subscribe(credentials map[string]any) {
	f.t.Helper()
	body, err := json.Marshal(map[string]any{
		"cloudPkiProvider": "vault", "displayName": "real Vault", "serviceUri": f.stand.url, "credentials": credentials,
		"serverCertificateAuthorities": f.stand.front.ServerCAs(),
		"providerSettings":             []map[string]string{{"name": "mount", "value": f.mount.Name}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	var created struct{ ID string }
	if err := f.api.Must(f.t, http.MethodPost, "/cloudPkiSubscriptions", body, http.StatusCreated).Into(&created); err != nil {
		f.t.Fatal(err)
	}
	f.set = "/deviceManagement/cloudPkiSubscriptions/" + created.ID
}

type status struct {
	SyncStatus    string
	LastSyncError *string
	LastSync      string `json:"lastSyncDateTime"`
	Root          []byte `json:"trustedRootCertificate"`
}

func (s status) error() string {
	if s.LastSyncError == nil {
		return ""
	}
	return *s.LastSyncError
}

func (f *follower) sync(before status) status {
	f.t.Helper()
	f.api.Must(f.t, http.MethodPost, f.set+"/sync", nil, http.StatusAccepted)
	return f.awaitSync(before.LastSync)
}

// awaitSync waits for a sync that ended later than before.
func (f *follower) awaitSync(before string) status {
	f.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var s status
		if err := f.api.Must(f.t, http.MethodGet, f.set, nil, http.StatusOK).Into(&s); err != nil {
			f.t.Fatal(err)
		}
		if s.SyncStatus != "unKnown" && s.LastSync != before {
			return s
		}
	}
	f.t.Fatal("no sync ended")
	return status{}
}

// fetched returns the keys of the certificates that Vault was asked for.
func (f *follower) fetched() []string {
	var keys []string
	for _, call := range f.stand.Calls() {
		if _, key, found := strings.Cut(call, "/"+f.mount.Name+"/cert/"); found {
			keys = append(keys, key)
		}
	}
	return keys
}

// expect wants these certificates in the API, and of them these revoked.
func (f *follower) expect(serials, revoked []string) {
	f.t.Helper()
	for filter, want := range map[string][]string{"": serials, "status eq 'revoked'": revoked} {
		got := f.serials(filter)
		want = slices.Sorted(slices.Values(want))
		if !slices.Equal(got, want) {
			f.t.Errorf("%d certificates with %q, want %d:\n%q\n%q", len(got), filter, len(want), got, want)
		}
	}
}

func (f *follower) serials(filter string) []string {
	f.t.Helper()
	var list struct {
		Value []struct{ SerialNumber string }
	}
	query := url.Values{"$top": {"100"}}
	if filter != "" {
		query.Set("$filter", filter)
	}
	if err := f.api.Must(f.t, http.MethodGet, f.set+"/certificates?"+query.Encode(), nil, http.StatusOK).Into(&list); err != nil {
		f.t.Fatal(err)
	}
	var out []string
	for _, c := range list.Value {
		out = append(out, c.SerialNumber)
	}
	slices.Sort(out)
	return out
}

// replaceRoot rotates the root in Vault, and then takes the first away.
func (f *follower) replaceRoot(before status) {
	f.t.Helper()
	admin := f.stand
	admin.Must(f.t, http.MethodPost, f.mount.Name+"/root/rotate/internal", map[string]any{"common_name": "New Root", "key_type": "ec", "issuer_name": "root-2", "ttl": "87600h"})
	rotated := f.sync(before)
	if rotated.SyncStatus != "succeeded" || !bytes.Equal(rotated.Root, f.mount.CA.Raw) {
		f.t.Errorf("a root beside the trusted one: %s %s; it is trusted still: %v", rotated.SyncStatus, rotated.error(), bytes.Equal(rotated.Root, f.mount.CA.Raw))
	}
	f.expectRoots(map[string]string{"Root of " + f.mount.Name: "trusted", "New Root": "quarantined"})

	admin.Must(f.t, http.MethodPost, f.mount.Name+"/root/replace", map[string]any{"default": "root-2"})
	admin.Must(f.t, http.MethodDelete, f.mount.Name+"/issuer/root-1", nil)
	replaced := f.sync(rotated)
	if replaced.SyncStatus != "failed" || !strings.Contains(replaced.error(), "trust_change_pending") || !bytes.Equal(replaced.Root, f.mount.CA.Raw) {
		f.t.Errorf("a root in the place of the trusted one: %s %s; it is trusted still: %v", replaced.SyncStatus, replaced.error(), bytes.Equal(replaced.Root, f.mount.CA.Raw))
	}
	f.expectRoots(map[string]string{"Root of " + f.mount.Name: "trusted", "New Root": "quarantined"})
}

func (f *follower) expectRoots(want map[string]string) {
	f.t.Helper()
	var list struct {
		Value []struct{ Kind, State, SubjectName string }
	}
	answer := f.api.Must(f.t, http.MethodGet, f.set+"/certificateAuthorities", nil, http.StatusOK)
	if err := answer.Into(&list); err != nil {
		f.t.Fatal(err)
	}
	found := 0
	for _, a := range list.Value {
		if state, ok := want[strings.TrimPrefix(a.SubjectName, "CN=")]; ok && a.Kind == "root" {
			found++
			if a.State != state {
				f.t.Errorf("the root %s is %s, want %s", a.SubjectName, a.State, state)
			}
		}
	}
	if found != len(want) {
		f.t.Errorf("%d of %d roots are there: %s", found, len(want), answer.Body)
	}
}
