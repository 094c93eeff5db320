// Package docs holds the manual, so that the program can show the page that an
// error names where no other copy is at hand.
package docs

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.md clients/*.md errors/*.md providers/*.md
var manual embed.FS

// Pages returns all pages as HTML, by their path without ".md"
// ("errors/dns"); the index of a folder is "errors/README". Links between them
// stay relative, as they stand in the manual.
func Pages() (map[string][]byte, error) {
	pages := make(map[string][]byte)
	err := fs.WalkDir(manual, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := manual.ReadFile(name)
		if err != nil {
			return err
		}
		pages[strings.TrimSuffix(name, ".md")] = page(string(text))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the manual: %w", err)
	}
	return pages, nil
}
