package vault_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/vault"
	"cloudpki/internal/secret"
	"cloudpki/testca/vault/vaulttest"
)

// A stand is a Vault that listens.
type stand struct {
	*vaulttest.Vault

	front *casim.CA // signs the server's certificate, and client certificates
	url   string
}

func start(t testing.TB) stand {
	t.Helper()
	s := stand{Vault: vaulttest.Start(t), front: newFront(t)}
	s.url = s.Listen(t, s.front.TLSConfig().Certificates[0])
	return s
}

func (s stand) config(mount string) provider.Config {
	return provider.Config{
		ServiceURI: s.url, ServerCAs: s.front.ServerCAs(), Settings: map[string]string{"mount": mount}, Now: time.Now,
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
	}
}

// withToken is the configuration of a token with the documented policy.
func (s stand) withToken(t testing.TB, mount string) provider.Config {
	t.Helper()
	c := s.config(mount)
	c.Credentials.Password = secret.NewString(s.Token(t, policyFor(t, mount), nil))
	return c
}

// A session is all that a session of the kind can do.
type session interface {
	provider.Session
	provider.RootSource
	provider.Inventory
	provider.RevocationSource
}

func open(t testing.TB, c provider.Config) session {
	t.Helper()
	for _, p := range vault.Kind().Validate(c) {
		t.Fatalf("validate: %+v", p)
	}
	opened, err := vault.Kind().Open(t.Context(), c)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened.(session)
}

func TestEachLogin(t *testing.T) {
	s := start(t)
	s.Root(t, "pki").Issue(t, 1)
	policy := policyFor(t, "pki")
	s.User(t, "sync", "correct horse", policy)
	roleID, secretID := s.AppRole(t, "sync", policy)
	pfx, password, der := clientCertificate(t, s.front)
	s.CertRole(t, "sync", policy, der)
	for name, c := range map[string]struct {
		good    provider.Credentials
		method  string
		account string
		bad     func(*provider.Config)
	}{
		"userpass": {provider.Credentials{UserName: "sync", Password: secret.NewString("correct horse")}, "", "userpass-sync", wrongPassword},
		"approle":  {provider.Credentials{UserName: roleID, Password: secret.NewString(secretID)}, "approle", "approle", wrongPassword},
		"cert": {provider.Credentials{Certificate: secret.New(pfx), CertificatePassword: secret.NewString(password)}, "", "cert-", func(c *provider.Config) {
			c.Settings["authRole"] = "another"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			config := s.config("pki")
			config.Credentials, config.Settings["authMethod"] = c.good, c.method
			if c.method == "" {
				delete(config.Settings, "authMethod")
			}
			login := open(t, config)
			probe, err := login.Probe(t.Context())
			if err != nil || !strings.HasPrefix(probe.Account, c.account) || !probe.Expires.IsZero() {
				t.Errorf("probe: %+v, %v; want the account %s, and no end", probe, err, c.account)
			}
			if got := list(t, login, provider.Scan{}); len(got.Records) != 1 {
				t.Errorf("%d records, want 1", len(got.Records))
			}
			if n := s.Logins(t); n != 1 {
				t.Errorf("%d tokens of logins live, want 1", n)
			}
			if err := login.Close(); err != nil {
				t.Error(err)
			}
			if n := s.Logins(t); n != 0 {
				t.Errorf("%d tokens of logins live after Close", n)
			}
			c.bad(&config)
			_, err = vault.Kind().Open(t.Context(), config)
			wantCode(t, err, provider.CodeCredentialInvalid, "authMount")
		})
	}
}

func wrongPassword(c *provider.Config) { c.Credentials.Password = secret.NewString("wrong") }

// clientCertificate returns a client certificate as PKCS#12, and its DER: a
// role of the auth method cert may name a certificate itself.
func clientCertificate(t testing.TB, ca *casim.CA) (pfx []byte, password string, der []byte) {
	t.Helper()
	pfx, password, err := ca.IssueRA("sync.example.test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := provider.ClientCertificate(secret.New(pfx), secret.NewString(password), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return pfx, password, opened.Certificate[0]
}

// What Vault refuses says which right or setting is to be corrected.
func TestRefusals(t *testing.T) {
	s := start(t)
	s.Root(t, "pki")
	full := s.withToken(t, "pki")
	bare := s.config("pki")
	bare.Credentials.Password = secret.NewString(s.Token(t, `path "other/*" { capabilities = ["read"] }`, nil))
	mute := s.config("pki")
	mute.Credentials.Password = secret.NewString(s.Token(t, policyFor(t, "pki"), map[string]any{"no_default_policy": true}))
	elsewhere := s.config("nowhere")
	elsewhere.Credentials.Password = secret.NewString(s.Token(t, policyFor(t, "nowhere"), nil))
	unknown := s.config("pki")
	unknown.Credentials.Password = secret.NewString("hvs.unknown")
	method := s.config("pki")
	method.Credentials = provider.Credentials{UserName: "x", Password: secret.NewString("y")}
	method.Settings["authMethod"] = "ldap" // not mounted

	if _, err := open(t, mute).Probe(t.Context()); err != nil {
		t.Errorf("a token that may not look itself up: %v", err)
	}
	_, err := open(t, unknown).Probe(t.Context())
	wantCode(t, err, provider.CodeCredentialInvalid, "invalid or has expired")
	if _, err := open(t, bare).Probe(t.Context()); err != nil {
		t.Errorf("a good token without rights: %v", err)
	}
	_, err = open(t, bare).List(t.Context(), provider.Scan{}, nil)
	wantCode(t, err, provider.CodePermission, "policies")
	_, err = open(t, elsewhere).List(t.Context(), provider.Scan{}, nil)
	wantCode(t, err, provider.CodeProtocol, "mount")
	_, err = vault.Kind().Open(t.Context(), method)
	wantCode(t, err, provider.CodeCredentialInvalid, "authMount")
	chosen := s.withToken(t, "pki")
	chosen.Settings["issuer"] = "nobody"
	_, err = open(t, chosen).Authorities(t.Context())
	wantCode(t, err, provider.CodeProfileUnknown, "root-1")

	sealed := open(t, full)
	s.Seal(t)
	_, err = sealed.List(t.Context(), provider.Scan{}, nil)
	wantCode(t, err, provider.CodeUpstream5xx, "sealed")
}

// A token with an end says when, and is renewed in its second half.
func TestTokenWithAnEnd(t *testing.T) {
	s := start(t)
	s.Root(t, "pki")
	c := s.config("pki")
	c.Credentials.Password = secret.NewString(s.Token(t, policyFor(t, "pki"), map[string]any{"period": "2h"}))
	probe, err := open(t, c).Probe(t.Context())
	if err != nil || time.Until(probe.Expires).Round(time.Minute) != 2*time.Hour {
		t.Errorf("probe: %+v, %v; want an end in 2 hours", probe, err)
	}
	c.Credentials.Password = secret.NewString(s.Token(t, policyFor(t, "pki"), map[string]any{"ttl": "2h", "renewable": false}))
	if probe, err = open(t, c).Probe(t.Context()); err != nil || time.Until(probe.Expires).Round(time.Minute) != 2*time.Hour {
		t.Errorf("probe: %+v, %v; want an end in 2 hours", probe, err)
	}
	for _, call := range s.Calls() {
		if strings.Contains(call, "renew-self") {
			t.Error("a token was renewed early")
		}
	}
}

// A listing with what is known costs a call for what is new and what was
// revoked, and a few for the rest.
func TestSecondListingFetchesWhatIsNew(t *testing.T) {
	s := start(t)
	mount := s.Root(t, "pki")
	serials := mount.Issue(t, 30)
	c := s.withToken(t, "pki")
	stored := map[string]provider.Status{}
	for _, r := range list(t, open(t, c), provider.Scan{}).Records {
		stored[r.Serial] = r.Status
	}
	if len(stored) != 30 {
		t.Fatalf("%d records, want 30", len(stored))
	}
	known := provider.Scan{Known: func(_ context.Context, serials []string) (map[string]provider.Status, error) {
		found := map[string]provider.Status{}
		for _, serial := range serials {
			if status, ok := stored[serial]; ok {
				found[serial] = status
			}
		}
		return found, nil
	}}
	s.Calls()
	page := list(t, open(t, c), known)
	if got := s.Calls(); len(page.Seen) != 30 || len(page.Records) != 0 || !page.Full || len(got) > 4 {
		t.Errorf("nothing has changed: %d seen, %d records, full %v, by %q", len(page.Seen), len(page.Records), page.Full, got)
	}
	fresh := mount.Issue(t, 2)
	mount.Revoke(t, serials[3])
	s.Calls()
	page = list(t, open(t, c), known)
	var got []string
	for _, r := range page.Records {
		got = append(got, r.Serial+" "+string(r.Status))
		if r.Status == provider.StatusRevoked && time.Since(r.RevokedAt).Abs() > time.Minute {
			t.Errorf("revoked at %v, want now", r.RevokedAt)
		}
	}
	slices.Sort(got)
	want := []string{fresh[0] + " valid", fresh[1] + " valid", serials[3] + " revoked"}
	slices.Sort(want)
	if calls := s.Calls(); !slices.Equal(got, want) || len(page.Seen) != 29 || len(calls) > 7 {
		t.Errorf("records %q, want %q; %d seen, want 29; by %q", got, want, len(page.Seen), calls)
	}
}

// An intermediate mount has its root or not; where not, an admin gives it.
func TestRootsOfAnIntermediate(t *testing.T) {
	s := start(t)
	root := s.Root(t, "pki_root")
	with, without := root.Below(t, "pki_with", true), root.Below(t, "pki_without", false)
	leaf := with.Issue(t, 1)

	a := authority(t, s.withToken(t, "pki_with"))
	if !a.Issuing.Equal(with.CA) || a.Root == nil || !a.Root.Equal(root.CA) || len(a.Chain) != 0 {
		t.Errorf("issuing %v, root %v, %d between; want the CA and the root of Vault", a.Issuing.Subject, a.Root, len(a.Chain))
	}
	if got := list(t, open(t, s.withToken(t, "pki_with")), provider.Scan{}).Records; len(got) != 1 || got[0].Serial != leaf[0] {
		t.Errorf("%d records, want the one certificate", len(got))
	}
	// The root mount lists the CA certificates that it has signed, and itself.
	if got := list(t, open(t, s.withToken(t, "pki_root")), provider.Scan{}).Records; len(got) != 2 {
		t.Errorf("%d records of the root mount, want the 2 intermediate CAs", len(got))
	}
	c := s.withToken(t, "pki_without")
	if a = authority(t, c); !a.Issuing.Equal(without.CA) || a.Root != nil {
		t.Errorf("issuing %v, root %v; want no root", a.Issuing.Subject, a.Root)
	}
	c.Settings["rootCertificate"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.CA.Raw}))
	if a = authority(t, c); a.Root == nil || !a.Root.Equal(root.CA) {
		t.Errorf("root %v, want the one that was given", a.Root)
	}
	c.Settings["rootCertificate"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Root(t, "stranger").CA.Raw}))
	_, err := open(t, c).Authorities(t.Context())
	wantCode(t, err, provider.CodeRootInvalid, "rootCertificate")
}

// root/rotate makes a second root; issuer says which counts.
func TestRotatedRoot(t *testing.T) {
	s := start(t)
	s.Root(t, "pki")
	s.Must(t, http.MethodPost, "pki/root/rotate/internal", map[string]any{"common_name": "New Root", "key_type": "ec", "issuer_name": "root-2", "ttl": "87600h"})
	c := s.withToken(t, "pki")
	both, err := open(t, c).Authorities(t.Context())
	if err != nil || len(both.List) != 2 {
		t.Fatalf("%d authorities, want 2; %v", len(both.List), err)
	}
	for issuer, want := range map[string]string{"default": "root-1", "root-2": "root-2"} {
		c.Settings["issuer"] = issuer
		if a := authority(t, c); a.ID != want {
			t.Errorf("issuer=%s is %s, want %s", issuer, a.ID, want)
		}
	}
	s.Must(t, http.MethodPost, "pki/root/replace", map[string]any{"default": "root-2"})
	c.Settings["issuer"] = "default"
	if a := authority(t, c); a.ID != "root-2" || a.Root.Subject.CommonName != "New Root" {
		t.Errorf("the default is %s, want root-2", a.ID)
	}
}

func TestCRLHasWhatIsRevoked(t *testing.T) {
	s := start(t)
	mount := s.Root(t, "pki")
	serials := mount.Issue(t, 2)
	mount.Revoke(t, serials[1])
	lists, err := open(t, s.withToken(t, "pki")).CRLs(t.Context())
	if err != nil || len(lists) != 1 {
		t.Fatalf("%d lists, %v; want 1", len(lists), err)
	}
	entries := lists[0].RevokedCertificateEntries
	if len(entries) != 1 || entries[0].SerialNumber.Text(16) != serials[1] {
		t.Errorf("%d entries, want the one of %s", len(entries), serials[1])
	}
}

func authority(t *testing.T, c provider.Config) provider.Authority {
	t.Helper()
	got, err := open(t, c).Authorities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.List) != 1 {
		t.Fatalf("%d authorities, want 1", len(got.List))
	}
	for _, leaf := range append([]*x509.Certificate{got.List[0].Issuing}, got.List[0].Chain...) {
		if !leaf.IsCA {
			t.Errorf("%v is no CA", leaf.Subject)
		}
	}
	return got.List[0]
}

// list reads an inventory of one page.
func list(t *testing.T, s session, scan provider.Scan) provider.Page {
	t.Helper()
	page, err := s.List(t.Context(), scan, nil)
	if err != nil {
		t.Fatal(err)
	}
	if page.More || len(page.Skipped) > 0 {
		t.Fatalf("more %v, skipped %+v", page.More, page.Skipped)
	}
	return page
}

// wantCode wants an error of a code whose text has the words.
func wantCode(t *testing.T, err error, code provider.Code, words string) {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Text(), words) {
		t.Errorf("got %v, want %s with %q", err, code, words)
	}
}
