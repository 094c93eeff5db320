package web

import (
	"net/http"
	"strings"
	"time"

	"cloudpki/internal/pki"
)

const (
	settingsPath = Base + "settings"
	themeCookie  = "__Host-cloudpki-console-theme"

	// themeAge is how long a browser keeps the choice.
	themeAge = 365 * day
)

// A Fact is what every person may know of how the service is set up.
type Fact struct {
	Name, Value string
}

// A settingsPage is what a person may know of the service, and may choose.
type settingsPage struct {
	Themes    []themeChoice
	Subject   string
	Client    string
	Issuer    string
	Scopes    string
	Facts     []Fact
	Providers []providerRow
}

type themeChoice struct {
	Name, Words string
	Chosen      bool
}

// A providerRow is a kind of CA as the settings list it.
type providerRow struct {
	Name, Title string
	Can         string
}

func (s *Server) showSettings(v *visit) error {
	p := v.session.Principal
	page := settingsPage{Subject: p.Subject, Client: p.Client, Issuer: p.Issuer, Scopes: strings.Join(p.Scopes, ", "), Facts: s.facts}
	chosen := themeOf(v.r)
	for _, t := range []themeChoice{{"", "As the system has it", false}, {"light", "Light", false}, {"dark", "Dark", false}} {
		t.Chosen = t.Name == chosen
		page.Themes = append(page.Themes, t)
	}
	for _, m := range pki.ProviderEnum().Members {
		kind, ok := s.catalog.Kind(m.Name)
		if !ok {
			continue // known, and of another version of this program
		}
		can := []string{"list"}
		if kind.Can.Issue {
			can = append(can, "issue")
		}
		if kind.Can.Revoke {
			can = append(can, "revoke")
		}
		page.Providers = append(page.Providers, providerRow{kind.Name, kind.Title, strings.Join(can, ", ")})
	}
	return s.show(v, "settings", "Settings", page)
}

// themeOf returns the theme that a browser has chosen: light, dark, or "" for
// that of its system.
func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && isTheme(c.Value) {
		return c.Value
	}
	return ""
}

func isTheme(name string) bool { return name == "light" || name == "dark" }

// chooseTheme keeps the choice in the browser.
func (s *Server) chooseTheme(v *visit) error {
	switch name := v.r.PostForm.Get("theme"); {
	case name == "":
		setCookie(v.w, themeCookie, "", -1*time.Second)
	case isTheme(name):
		setCookie(v.w, themeCookie, name, themeAge)
	default:
		return &fault{status: http.StatusBadRequest, title: "Nothing was changed", Msg: "There is no such theme."}
	}
	redirect(v.w, settingsPath)
	return nil
}
