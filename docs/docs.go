// Package docs holds the manual, so that the program can show the page that an
// error names where no other copy is at hand.
package docs

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.md clients/*.md errors/*.md providers/*.md images/*.png manual.css
var manual embed.FS

const styleSheet = "manual.css"

// Names returns the names of all pages: their paths without ".md"
// ("errors/dns"); the index of a folder is "errors/README".
func Names() ([]string, error) {
	var names []string
	err := fs.WalkDir(manual, ".", func(name string, entry fs.DirEntry, err error) error {
		if page, ok := strings.CutSuffix(name, ".md"); err == nil && !entry.IsDir() && ok {
			names = append(names, page)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the manual: %w", err)
	}
	return names, nil
}

// Page returns the named page as HTML. Its links stay relative, as they stand
// in the manual.
func Page(name string) ([]byte, error) {
	text, err := manual.ReadFile(name + ".md")
	if err != nil {
		return nil, fmt.Errorf("read the manual: %w", err)
	}
	return page(string(text)), nil
}

// StyleSheet returns the CSS of the pages, which they look for beside them, at
// /docs/manual.css.
func StyleSheet() ([]byte, error) {
	body, err := manual.ReadFile(styleSheet)
	if err != nil {
		return nil, fmt.Errorf("read the style sheet of the manual: %w", err)
	}
	return body, nil
}

// Pictures returns the paths of all pictures ("images/console-root.png"): PNG.
func Pictures() ([]string, error) {
	names, err := fs.Glob(manual, "images/*.png")
	if err != nil {
		return nil, fmt.Errorf("list the pictures of the manual: %w", err)
	}
	return names, nil
}

// Picture returns a picture by its path.
func Picture(name string) ([]byte, error) {
	body, err := manual.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read a picture of the manual: %w", err)
	}
	return body, nil
}
