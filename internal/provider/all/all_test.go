package all_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/all"
)

// Every package beside this one that has a function Kind is a kind.
func TestEveryKindIsListed(t *testing.T) {
	kinds := map[string]bool{}
	for _, k := range all.Kinds() {
		kinds[strings.ToLower(k.Name)] = true
	}
	dirs, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, d := range dirs {
		if !d.IsDir() || !declaresKind(t, filepath.Join("..", d.Name())) {
			continue
		}
		found++
		if !kinds[d.Name()] {
			t.Errorf("package %s is a kind, but not in the list", d.Name())
		}
	}
	if found != len(kinds) || found == 0 {
		t.Errorf("%d packages for %d kinds", found, len(kinds))
	}
}

func declaresKind(t *testing.T, dir string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "\nfunc Kind() provider.Kind {") {
			return true
		}
	}
	return false
}

func TestKindsMakeACatalog(t *testing.T) {
	if _, err := provider.NewCatalog(all.Kinds()...); err != nil {
		t.Error(err)
	}
}

// A kind is told of by its settings: what they are for, an example that its
// own check accepts, and no name twice.
func TestSettingsAreDocumented(t *testing.T) {
	for _, k := range all.Kinds() {
		seen := map[string]bool{}
		for _, s := range k.Settings {
			if s.Name == "" || s.Doc == "" || s.Example == "" || seen[s.Name] {
				t.Errorf("%s: setting %q lacks a text, or comes twice", k.Name, s.Name)
			}
			seen[s.Name] = true
			if (s.Type == provider.SettingChoice) != (len(s.Values) > 1) || s.Type == "" {
				t.Errorf("%s: setting %q is of type %q with the values %v", k.Name, s.Name, s.Type, s.Values)
			}
			if s.Check != nil {
				for _, good := range append([]string{s.Example}, s.Values...) {
					if err := s.Check(good); err != nil {
						t.Errorf("%s: %s does not take %q: %v", k.Name, s.Name, good, err)
					}
				}
				if s.Type == provider.SettingChoice && s.Check("none of them") == nil {
					t.Errorf("%s: %s takes what is none of its values", k.Name, s.Name)
				}
			}
		}
	}
}

// What a kind misses in empty credentials is what its login is said to take,
// and a login that takes anything says so in a sentence.
func TestLogins(t *testing.T) {
	for _, k := range all.Kinds() {
		if (k.Login != provider.Login{}) != (k.Login.Doc != "") {
			t.Errorf("%s: login %+v", k.Name, k.Login)
		}
		for _, p := range k.Validate(provider.Config{ServiceURI: "https://ca.example.com/", Now: time.Now}) {
			member, ok := strings.CutPrefix(p.Target, "credentials/")
			if ok && !k.Login.Takes(member) {
				t.Errorf("%s wants %s, which its login does not take", k.Name, member)
			}
		}
	}
}
