package arch_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestLinks follows the links between our own pages, down to their headings.
func TestLinks(t *testing.T) {
	t.Parallel()
	faults, followed := brokenLinks(t, os.DirFS("../.."))
	if followed < 50 {
		t.Errorf("only %d links found; is the module's root two folders up?", followed)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	t.Parallel()
	page := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	got, followed := brokenLinks(t, fstest.MapFS{
		"README.md": page("# Home\n[a](docs/a.md#what-it-is) [b](docs/b.md)\n[c](docs/a.md#gone) [d](https://example.com/x) [e](#home)\n" +
			"```\n[f](code.md)\n```\n"),
		"docs/a.md":                page("## What `it` is\n[up](../README.md)\n[folder](../docs)\n"),
		"node_modules/x/README.md": page("[g](gone.md)"),
	})
	want := []string{
		"README.md:2: docs/b.md does not exist",
		"README.md:3: docs/a.md has no heading #gone",
	}
	if !slices.Equal(got, want) || followed != 6 {
		t.Errorf("got %q and %d links, want %q and 6", got, followed, want)
	}
}

// brokenLinks returns what is wrong with the relative links of all Markdown
// files of a tree, and how many there are.
func brokenLinks(t *testing.T, tree fs.FS) (faults []string, followed int) {
	t.Helper()
	link := regexp.MustCompile(`\]\(([^()\s]+)\)`)
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || slices.Contains([]string{"node_modules", "data", "bin"}, entry.Name())) {
			return fs.SkipDir
		}
		if entry.IsDir() || path.Ext(name) != ".md" {
			return nil
		}
		for number, line := range prose(t, tree, name) {
			for _, found := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(found[1], "://") || strings.HasPrefix(found[1], "mailto:") {
					continue
				}
				followed++
				if fault := follow(t, tree, name, found[1]); fault != "" {
					faults = append(faults, fmt.Sprintf("%s:%d: %s", name, number, fault))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return faults, followed
}

// follow returns what is wrong with a link of a page, "" for nothing.
func follow(t *testing.T, tree fs.FS, from, link string) string {
	t.Helper()
	file, heading, _ := strings.Cut(link, "#")
	target := from
	if file != "" {
		target = path.Join(path.Dir(from), file)
	}
	if _, err := fs.Stat(tree, target); err != nil {
		return target + " does not exist"
	}
	if heading == "" {
		return ""
	}
	for _, line := range prose(t, tree, target) {
		if title := strings.TrimLeft(line, "#"); title != line && anchor(title) == heading {
			return ""
		}
	}
	return target + " has no heading #" + heading
}

// prose yields the lines of a page, numbered from one, without blocks of code.
func prose(t *testing.T, tree fs.FS, name string) func(func(int, string) bool) {
	t.Helper()
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(int, string) bool) {
		code := false
		for i, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				code = !code
				continue
			}
			if !code && !yield(i+1, line) {
				return
			}
		}
	}
}

// anchor is the name that a heading gets on a page.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return -1
	}, strings.ToLower(strings.TrimSpace(title)))
}
