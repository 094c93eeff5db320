package cli

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// TestMain parses -update, which rewrites the sessions from what happens.
func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite the golden sections of testdata/*.txtar")
	goleak.VerifyTestMain(m)
}

func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// TestSessions replays every session in testdata: what was typed, what the
// service answered, what was sent to it and what was shown.
//
// A file holds the sections "session" and "requests", which are compared, a
// section for each answer of the service ("GET cloudPkiSubscriptions": status,
// header fields, empty line, body; equal ones follow each other and the last
// one stays) and one for each "file NAME". In a session a line that begins
// with "$ " is typed, "! " begins a line of standard error. Words in front of
// the command are variables, those behind it that begin with @ set the stage:
// @in and @out are terminals, @ask=FILE types its lines where a password is
// asked for, @interrupt=N presses Ctrl-C when the service has seen N requests.
func TestSessions(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d sessions found, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			replay(t, path)
		})
	}
}

func replay(t *testing.T, path string) {
	a := readArchive(t, path)
	stub := startStub(t, a)
	folder := t.TempDir()
	for _, s := range a.sections {
		if name, ok := strings.CutPrefix(s.name, "file "); ok {
			text := strings.ReplaceAll(s.text, "ORIGIN", stub.server.URL)
			write(t, filepath.Join(folder, name), strings.ReplaceAll(text, "FOLDER", folder))
		}
	}
	write(t, filepath.Join(folder, "ca.pem"), stub.caPEM())
	var session strings.Builder
	for line := range strings.Lines(a.section("session")) {
		typed, ok := strings.CutPrefix(line, "$ ")
		switch {
		case ok:
			fmt.Fprintf(&session, "$ %s%s", typed, stub.typed(t, folder, strings.TrimSpace(typed)))
		case strings.HasPrefix(line, "# ") || line == "\n" && !strings.HasSuffix(session.String(), "\n\n"):
			session.WriteString(line)
		}
	}
	clean := strings.NewReplacer(stub.server.URL, "ORIGIN", folder+"/", "")
	got := map[string]string{"session": clean.Replace(session.String()), "requests": clean.Replace(stub.log.String())}
	if updating() {
		a.rewrite(t, path, got)
		return
	}
	for name, text := range got {
		if diff := cmp.Diff(a.section(name), text); diff != "" {
			t.Errorf("%s, section %s (-want +got):\n%s", path, name, diff)
		}
	}
}

// canary is a part of every secret in the sessions.
const canary = "s3cret"

// A stage is what a typed line sets up besides the arguments.
type stage struct {
	args, environ []string
	stdin         string
	asked         []string
	in, out       bool
	interrupt     int
}

// typed runs one line and returns what it shows.
func (s *stub) typed(t *testing.T, folder, line string) string {
	t.Helper()
	stage := readStage(t, folder, line)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.interruptAt(stage.interrupt, cancel)
	var out, err bytes.Buffer
	p := &program{
		in: strings.NewReader(stage.stdin), out: &out, err: &err,
		environ: append([]string{"CLOUDPKI_CONNECTION=" + s.connection(t, folder)}, stage.environ...),
		now:     func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) },
		poll:    time.Millisecond,
	}
	p.terminal = terminal{in: stage.in, out: stage.out, err: stage.out, readSecret: func(context.Context) ([]byte, error) {
		if len(stage.asked) == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		line := stage.asked[0]
		stage.asked = stage.asked[1:]
		return []byte(line), nil
	}}
	if stage.out {
		p.terminal.width = 100
	}
	exit := p.run(ctx, stage.args)
	if strings.Contains(out.String()+err.String(), canary) {
		t.Errorf("%s\nshows a secret:\n%s%s", line, out.String(), err.String())
	}
	var shown strings.Builder
	shown.WriteString(visible(out.String(), ""))
	shown.WriteString(visible(err.String(), "! "))
	if exit != exitOK {
		fmt.Fprintf(&shown, "[exit %d]\n", exit)
	}
	return shown.String()
}

// readStage takes a typed line apart.
func readStage(t *testing.T, folder, line string) stage {
	t.Helper()
	var s stage
	words := split(line)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for i := 0; i < len(words); i++ {
		name, value, assigned := strings.Cut(words[i], "=")
		switch {
		case words[i] == "<":
			i++
			s.stdin = read(words[i])
		case words[i] == "@in":
			s.in = true
		case words[i] == "@out":
			s.out = true
		case name == "@ask":
			s.in, s.asked = true, strings.Split(read(value), "\n")
		case name == "@interrupt":
			if _, err := fmt.Sscan(value, &s.interrupt); err != nil {
				t.Fatal(err)
			}
		case assigned && s.args == nil && !strings.HasPrefix(name, "-"):
			s.environ = append(s.environ, strings.ReplaceAll(words[i], "FOLDER", folder))
		case words[i] == "cloudpki" && s.args == nil:
			s.args = []string{}
		default:
			s.args = append(s.args, strings.ReplaceAll(words[i], "FOLDER", folder))
		}
	}
	return s
}

// split cuts a line at blanks that stand outside of double quotes.
func split(line string) []string {
	quoted := false
	words := strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], `"`, "")
	}
	return words
}

// visible shows text with what a terminal would obey spelt out.
func visible(text, prefix string) string {
	if text == "" {
		return ""
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\\\n"
	}
	text = strings.NewReplacer("\r", `\r`, "\x1b", `\e`).Replace(text)
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(prefix + line)
	}
	return b.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
