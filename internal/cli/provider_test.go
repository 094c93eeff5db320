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
	pages, err := docs.Pages()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all.Kinds() {
		page := string(pages["providers/"+strings.ToLower(k.Name)])
		for _, s := range k.Settings {
			if !strings.Contains(page, "<code>"+s.Name+"</code>") {
				t.Errorf("the page of %s does not tell of %s", k.Name, s.Name)
			}
		}
		if index := string(pages["providers"]); !strings.Contains(index, "<code>"+k.Name+"</code>") || page == "" {
			t.Errorf("%s has no page, or is not in the table of docs/providers.md", k.Name)
		}
	}
}
