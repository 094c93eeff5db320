package cli

import (
	"os"
	"strings"
	"testing"
)

// An archive is a text file of sections, each under a line "-- NAME --".
type archive struct {
	comment  string
	sections []section
}

type section struct{ name, text string }

func readArchive(t *testing.T, path string) *archive {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{}
	for line := range strings.Lines(string(text)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		name, closed := strings.CutSuffix(name, " --")
		switch {
		case ok && closed:
			a.sections = append(a.sections, section{name: name})
		case len(a.sections) == 0:
			a.comment += line
		default:
			a.sections[len(a.sections)-1].text += line
		}
	}
	return a
}

// section returns a section's text, "" where there is none.
func (a *archive) section(name string) string {
	for _, s := range a.sections {
		if s.name == name {
			return s.text
		}
	}
	return ""
}

// rewrite writes the archive with other texts for some sections.
func (a *archive) rewrite(t *testing.T, path string, texts map[string]string) {
	t.Helper()
	var b strings.Builder
	b.WriteString(a.comment)
	for _, s := range a.sections {
		if text, ok := texts[s.name]; ok {
			s.text = text
		}
		b.WriteString("-- " + s.name + " --\n" + s.text)
	}
	write(t, path, b.String())
}
