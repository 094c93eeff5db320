package pki_test

import (
	"context"
	"strings"
	"testing"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// A secret that nobody can read is not read by sending it elsewhere either: a
// change of the server, stored or only tested, needs the password anew.
func TestPasswordStaysWithItsServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shown := make(map[string]string) // password by address
	kind := provider.Kind{
		Name: "ejbca", Title: "one with a password", DefaultURI: "https://default.example/",
		Settings: []provider.Setting{{Name: "tokenUri", Type: provider.SettingURL}, {Name: "scope"}},
		Validate: func(provider.Config) []provider.Problem { return nil },
		Open: func(_ context.Context, c provider.Config) (provider.Session, error) {
			shown[c.ServiceURI] += string(c.Credentials.Password.Reveal())
			return scripted{new(script)}, nil
		},
	}
	catalog, err := provider.NewCatalog(kind)
	w.must(err)
	w.service, err = pki.NewService(pki.Options{Store: w.store, Keyring: w.keyring, Root: w.root, Catalog: catalog, Now: w.clock, Schedule: w.schedule, Transport: provider.NewTransport(provider.TransportOptions{Now: w.clock})})
	w.must(err)
	const canary = "canary"
	uri := func(s string) pki.Maybe[string] { return pki.Given(s) }
	password := func(s string) pki.Maybe[pki.DraftCredentials] {
		return pki.Given(pki.DraftCredentials{Password: pki.Given(secret.NewString(s))})
	}
	token := func(s string) pki.Maybe[[]pki.Setting] { return pki.Given([]pki.Setting{{Name: "tokenUri", Value: s}}) }
	for name, c := range map[string]struct {
		change  pki.Draft
		refused bool
	}{
		"another host":                      {pki.Draft{ServiceURI: uri("https://evil.example/")}, true},
		"another port":                      {pki.Draft{ServiceURI: uri("https://ca.example:8443/")}, true},
		"the provider's own address":        {pki.Draft{ServiceURI: pki.Cleared[string]()}, true},
		"another host, with a user name":    {pki.Draft{ServiceURI: uri("https://evil.example/"), Credentials: pki.Given(pki.DraftCredentials{UserName: pki.Given("x")})}, true},
		"another host, with the mask":       {pki.Draft{ServiceURI: uri("https://evil.example/"), Credentials: password(pki.Mask)}, true},
		"a token endpoint elsewhere":        {pki.Draft{Settings: token("https://evil.example/token")}, true},
		"another host, with a password":     {pki.Draft{ServiceURI: uri("https://other.example/"), Credentials: password("new")}, false},
		"another host, without credentials": {pki.Draft{ServiceURI: uri("https://other.example/"), Credentials: pki.Cleared[pki.DraftCredentials]()}, false},
		"another path":                      {pki.Draft{ServiceURI: uri("https://CA.example.:443/v2/")}, false},
		"a token endpoint there":            {pki.Draft{Settings: token("https://ca.example/token")}, false},
		"another provider":                  {pki.Draft{Provider: pki.Given("unKnown")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			sub := w.create(pki.Draft{Provider: pki.Given("ejbca"), ServiceURI: uri("https://ca.example/"), Credentials: password(canary)})
			clear(shown)
			_, err := w.service.TestConnection(t.Context(), tenant, pki.Actor{}, sub.ID, pki.ConnectionDraft{Draft: c.change})
			_, stored := w.service.Update(t.Context(), tenant, pki.Actor{}, sub.ID, c.change, nil)
			for what, err := range map[string]error{"test": err, "update": stored} {
				if refused := pki.CodeOf(err) == pki.CodeInvalid && strings.Contains(err.Error(), "another server"); refused != c.refused || !refused && err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			w.syncDue()
			for address, text := range shown {
				if host := provider.HostOf(address); strings.Contains(text, canary) && host != "ca.example:443" {
					t.Errorf("%s was shown the password", host)
				}
			}
		})
	}
	w.t = t
	sub := w.create(pki.Draft{Provider: pki.Given("ejbca"), ServiceURI: uri("https://ca.example/"), Credentials: password(canary)})
	_, err = w.store.UpdateSubscription(t.Context(), tenant, sub.ID, func(s *pki.Subscription) (pki.Effects, error) {
		s.Staged, s.Previous = &pki.Slot{Credentials: *s.Credentials}, &pki.Slot{Credentials: *s.Credentials}
		return pki.Effects{}, nil
	})
	w.must(err)
	if moved := w.update(sub.ID, pki.Draft{ServiceURI: uri("https://other.example/"), Credentials: password("new")}); moved.Staged != nil || moved.Previous != nil {
		t.Error("the slots have gone along to another server")
	}
}
