package cli

import (
	"strings"
	"testing"

	"cloudpki/docs"
	"cloudpki/internal/provider/all"
)

// The page that `cloudpki provider show` names is there and tells of every
// setting.
func TestProvidersHavePages(t *testing.T) {
	index, err := docs.Page("providers")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all.Kinds() {
		page, err := docs.Page("providers/" + strings.ToLower(k.Name))
		if err != nil {
			t.Error(err)
		}
		for _, s := range k.Settings {
			if !strings.Contains(string(page), "<code>"+s.Name+"</code>") {
				t.Errorf("the page of %s does not tell of %s", k.Name, s.Name)
			}
		}
		if !strings.Contains(string(index), "<code>"+k.Name+"</code>") {
			t.Errorf("%s is not in the table of docs/providers.md", k.Name)
		}
	}
}
