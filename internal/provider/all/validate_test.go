package all_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/all"
	"cloudpki/internal/secret"
)

// Validate finds every fault at once, and each names the member as clients spell
// it. What is wrong is repeated as far as it is fit to show.
func TestValidateFindsAllFaultsAtOnce(t *testing.T) {
	const junk = "\x00 no value of anything\n"
	for _, k := range all.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			c := provider.Config{
				ServiceURI: "http://user:canary@ca.example/", ServerCAs: []byte("no"), Now: time.Now, Settings: map[string]string{},
				Credentials: provider.Credentials{UserName: "user", Password: secret.NewString("canary"), Certificate: secret.NewString("canary"), CertificatePassword: secret.NewString("canary")},
			}
			want := []string{"serviceUri", "serverCertificateAuthorities"}
			for _, s := range k.Settings {
				c.Settings[s.Name] = junk
				if s.Check != nil && s.Check(junk) != nil {
					want = append(want, "providerSettings/"+s.Name)
				} else {
					t.Errorf("setting %s takes anything", s.Name)
				}
			}
			var got []string
			for _, p := range k.Validate(c) {
				got = append(got, p.Target)
				if e := p.Fault(); e.Code == "" || e.Msg == "" || strings.Contains(e.Error(), "canary") || strings.ContainsAny(e.Msg, "\x00\n") {
					t.Errorf("a fault that is unfit to show: %+v", p)
				}
			}
			for _, target := range want {
				if !slices.Contains(got, target) {
					t.Errorf("the fault in %s is not found; found are %v", target, got)
				}
			}
		})
	}
}

// A configuration of nothing is no reason to panic, and a setting of one name is
// of one type in all kinds.
func TestKindsAgree(t *testing.T) {
	types := map[string]provider.SettingType{}
	for _, k := range all.Kinds() {
		for _, p := range k.Validate(provider.Config{Now: time.Now}) {
			if p.Target == "" || p.Code == "" || p.Msg == "" {
				t.Errorf("%s: a fault without words: %+v", k.Name, p)
			}
		}
		for _, s := range k.Settings {
			if !regexp.MustCompile(`^[a-z][A-Za-z]+$`).MatchString(s.Name) {
				t.Errorf("%s: %q is not spelled like the others", k.Name, s.Name)
			}
			if was, ok := types[s.Name]; ok && was != s.Type {
				t.Errorf("%s: %s is of type %s, elsewhere %s", k.Name, s.Name, s.Type, was)
			}
			types[s.Name] = s.Type
		}
	}
}
