package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// Every command that the manual prints is one, with flags and arguments that it
// takes.
func TestManualPrintsCommands(t *testing.T) {
	folder := os.DirFS("../..")
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := fs.Glob(folder, pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	checked := 0
	for _, page := range pages {
		text, err := fs.ReadFile(folder, filepath.ToSlash(page))
		if err != nil {
			t.Fatal(err)
		}
		for _, typed := range commandsIn(string(text)) {
			checked++
			if err := parses(t, typed); err != nil {
				t.Errorf("%s: cloudpki %s: %v", page, typed, err)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d commands were found", checked)
	}
}

// commandsIn returns the commands of a page without the program's name: lines
// of code that begin with it, and code in the text that does.
func commandsIn(page string) []string {
	page = strings.NewReplacer("\\\n", " ", "…", "x").Replace(page)
	line := regexp.MustCompile("(?m)^ *(?:\\$ )?(?:bin/)?cloudpki +([a-z][^\n`]*)$")
	inline := regexp.MustCompile("`(?:bin/)?cloudpki ([a-z][^`]*)`")
	var commands []string
	code := false
	for block := range strings.SplitSeq(page, "```") {
		pattern := inline
		if code {
			pattern = line
		}
		for _, found := range pattern.FindAllStringSubmatch(block, -1) {
			for command := range strings.SplitSeq(found[1], "&& cloudpki ") {
				commands = append(commands, strings.TrimSpace(command))
			}
		}
		code = !code
	}
	return commands
}

// parses tells whether a command would be taken, without running it.
func parses(t *testing.T, typed string) error {
	t.Helper()
	typed, _, _ = strings.Cut(typed, "  # ")
	var words []string
	for _, w := range regexp.MustCompile(`(?:"[^"]*"|'[^']*'|[^\s"'])+`).FindAllString(typed, -1) {
		if w == "|" || w == ">" || w == "&&" || w == "&" {
			break
		}
		words = append(words, strings.Trim(w, `"'`))
	}
	root := (&program{in: strings.NewReader(""), out: t.Output(), err: t.Output()}).rootCommand()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	command, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	switch err := command.ParseFlags(rest); {
	case errors.Is(err, pflag.ErrHelp), len(rest) == 0: // a text may name a command without its arguments
		return nil
	case err != nil:
		return err
	}
	return command.ValidateArgs(command.Flags().Args())
}
