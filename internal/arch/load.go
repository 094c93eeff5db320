package arch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Load parses every Go file of the module whose root is fsys. It leaves out
// what the go command leaves out (testdata, vendor, names that begin with a
// dot or an underscore), node_modules, nested modules and generated files.
func Load(fsys fs.FS) (*Module, error) {
	gomod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return nil, fmt.Errorf("read the module's path: %w", err)
	}
	m := &Module{Path: modulePath(gomod), Fset: token.NewFileSet()}
	byDir := map[string]*Package{}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if skipped(fsys, name) {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go"):
			return nil
		}
		return m.add(fsys, byDir, name)
	})
	if err != nil {
		return nil, fmt.Errorf("parse the module: %w", err)
	}
	slices.SortFunc(m.Packages, func(a, b *Package) int { return strings.Compare(a.Dir, b.Dir) })
	return m, nil
}

// add parses one file into the package of its folder.
func (m *Module) add(fsys fs.FS, byDir map[string]*Package, name string) error {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(m.Fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if generated(src) {
		return nil
	}
	dir := path.Dir(name)
	p := byDir[dir]
	if p == nil {
		p = &Package{Dir: dir, Name: strings.TrimSuffix(file.Name.Name, "_test")}
		byDir[dir] = p
		m.Packages = append(m.Packages, p)
	}
	p.Files = append(p.Files, &File{Path: name, Test: strings.HasSuffix(name, "_test.go"), AST: file, Src: src})
	return nil
}

// skipped reports whether the folder is no part of the module's own source.
func skipped(fsys fs.FS, dir string) bool {
	if dir == "." {
		return false
	}
	switch base := path.Base(dir); {
	case base == "testdata", base == "vendor", base == "node_modules":
		return true
	case base[0] == '.', base[0] == '_':
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return !errors.Is(err, fs.ErrNotExist)
}

// generated reports whether src says that it was made by a program.
func generated(src []byte) bool {
	for line := range bytes.Lines(src) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("// Code generated ")) && bytes.HasSuffix(line, []byte(" DO NOT EDIT.")) {
			return true
		}
		if bytes.HasPrefix(line, []byte("package ")) {
			return false
		}
	}
	return false
}

// modulePath returns what the module line of a go.mod names.
func modulePath(gomod []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(gomod))
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "module "); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}
