package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cloudpki/internal/pki"
)

// The kinds of a field.
const (
	fieldText   = "text"
	fieldURL    = "url"
	fieldNumber = "number"
	fieldArea   = "area"
	fieldChoice = "choice"
	fieldCheck  = "check"
	fieldSecret = "password" // never filled in again
	fieldFile   = "file"     // never filled in again
)

const (
	// submitName names the button that sent a form.
	submitName = "do"

	settingPrefix = "setting." // of the fields of provider settings
)

// A form is a page with fields, grouped. What is wrong stands at its field and,
// all together, on top.
type form struct {
	Intro   string
	Items   []string // a list that Intro begins
	After   string   // what follows the list
	Manual  string   // address of the page of the manual, "" for none
	Back    string   // address of the page before
	Action  string
	Upload  bool
	Notice  string // what is wrong with the form as a whole, "" for nothing
	Test    *testView
	Hidden  []hidden
	Groups  []group
	Buttons []button
}

type hidden struct{ Name, Value string }

// A button sends the form and says what for.
type button struct {
	Value string
	Text  string
	Plain bool // it is not what the page is for
}

// A group is fields that belong together.
type group struct {
	Legend string
	Hint   string
	Fields []field
}

// A field is one thing to fill in.
type field struct {
	Name     string // as the form sends it
	Member   string // as the API calls it: what faults are told of
	Label    string
	Hint     string
	Kind     string
	Value    string
	Choices  []choice
	Required bool
	Max      int    // characters; 0 for no bound
	Problem  string // "" for none
}

type choice struct{ Value, Text string }

// ID is the field's id in the page.
func (f field) ID() string { return "f-" + strings.ReplaceAll(f.Name, ".", "-") }

// IsSecret reports whether the field comes back empty.
func (f field) IsSecret() bool { return f.Kind == fieldSecret || f.Kind == fieldFile }

// Described lists the elements that describe the field, for aria-describedby.
func (f field) Described() string {
	var ids []string
	if f.Problem != "" {
		ids = append(ids, f.ID()+"-problem")
	}
	if f.Hint != "" || f.IsSecret() {
		ids = append(ids, f.ID()+"-hint")
	}
	return strings.Join(ids, " ")
}

// Problems are the fields that something is wrong with.
func (f *form) Problems() []field {
	var list []field
	f.each(func(one *field) {
		if one.Problem != "" {
			list = append(list, *one)
		}
	})
	return list
}

// IsWrong reports whether anything is to be mended.
func (f *form) IsWrong() bool { return f.Notice != "" || len(f.Problems()) > 0 }

func (f *form) each(do func(*field)) {
	for i := range f.Groups {
		for j := range f.Groups[i].Fields {
			do(&f.Groups[i].Fields[j])
		}
	}
}

// fill takes over what was sent, but for secrets.
func (f *form) fill(u upload) {
	f.each(func(one *field) {
		if !one.IsSecret() {
			one.Value = u.text(one.Name)
		}
	})
}

// blame puts problems where they belong: at their fields, and the others on top.
func (f *form) blame(problems []pki.Problem) {
	for _, p := range problems {
		var at *field
		f.each(func(one *field) {
			if one.Member == p.Target {
				at = one
			}
		})
		switch {
		case at == nil:
			f.Notice = strings.TrimSpace(f.Notice + " " + p.Msg)
		case at.Problem == "":
			at.Problem = p.Msg
		}
	}
}

// refuse puts a refusal by the rules into the form, so that what was filled in
// is not lost, and returns other errors.
func (f *form) refuse(err error) error {
	var refused *pki.Error
	if !errors.As(err, &refused) || refused.Code == pki.CodeNotFound {
		return err
	}
	if refused.Details == nil {
		f.blame([]pki.Problem{{Target: refused.Target, Msg: refused.Msg}})
	}
	f.blame(refused.Details)
	return nil
}

// check finds what no field can hold, and names the first fault of each.
func (f *form) check(u upload) []pki.Problem {
	var problems []pki.Problem
	f.each(func(one *field) {
		if fault := one.fault(u.text(one.Name)); fault != "" {
			problems = append(problems, pki.Problem{Target: one.Member, Msg: fault})
		}
	})
	return problems
}

func (f *field) fault(text string) string {
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return "This is no text."
	case f.Max > 0 && utf8.RuneCountInString(text) > f.Max:
		return "This is longer than " + strconv.Itoa(f.Max) + " characters."
	case f.Kind == fieldChoice && !slices.ContainsFunc(f.Choices, func(c choice) bool { return c.Value == text }):
		return "Choose one of the list."
	case f.Name == nameInterval:
		if _, ok := minutes(text); !ok {
			return "This is not a whole number of minutes. Leave it empty for the service's own."
		}
	}
	return ""
}

// text returns a field's text as it was meant: browsers break lines by two
// characters (HTML, 4.10.21.4).
func (u upload) text(name string) string {
	return strings.ReplaceAll(u.values.Get(name), "\r\n", "\n")
}

// given returns a text for a draft: what is empty is left out.
func (u upload) given(name string) pki.Maybe[string] {
	if text := strings.TrimSpace(u.text(name)); text != "" {
		return pki.Given(text)
	}
	return pki.Maybe[string]{}
}

// minutes reads a time in minutes; 0 for none.
func minutes(text string) (time.Duration, bool) {
	if text = strings.TrimSpace(text); text == "" {
		return 0, true
	}
	const most = 1 << 20
	n, err := strconv.Atoi(text)
	return time.Duration(n) * time.Minute, err == nil && n > 0 && n <= most
}

// showForm answers with a form; what is wrong is said in the title, too.
func (s *Server) showForm(v *visit, title string, f *form) error {
	if f.IsWrong() {
		return s.write(v, http.StatusUnprocessableEntity, "form", "Please correct: "+title, f)
	}
	return s.show(v, "form", title, f)
}
