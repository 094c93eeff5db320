// Package arch keeps the shape of the house: who may import whom, how long a
// function may grow, what state a package may hold. Each rule is a function
// over the parsed source that returns the faults it finds; the test runs all
// of them over the module, and each of them over small sources that break it.
//
// The rules read syntax, not types: a name such as Reveal is taken for what it
// says. That keeps the test below a second and free of dependencies.
package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// A Module is the parsed source of one Go module.
type Module struct {
	Path     string // module path, as in go.mod
	Fset     *token.FileSet
	Packages []*Package // by Dir, ascending
}

// A Package is one folder with Go files.
type Package struct {
	Dir   string // from the module's root, with slashes; "." is the root
	Name  string // as its package clauses say, without the _test suffix
	Files []*File
}

// A File is one Go file.
type File struct {
	Path string // from the module's root, with slashes
	Test bool   // the name ends in _test.go
	AST  *ast.File
	Src  []byte
}

// A Fault is one place that breaks a rule.
type Fault struct {
	Path string // of the file, from the module's root
	Line int
	Msg  string // what is wrong, then what to do
}

// String returns path:line: message, as compilers write it.
func (f Fault) String() string { return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Msg) }

// A Rule looks through a module and returns what breaks it.
type Rule func(m *Module) []Fault

// Rules returns every rule of the house by name.
func Rules() map[string]Rule {
	return map[string]Rule{
		"imports":    Imports,
		"test-only":  TestOnly,
		"libraries":  Libraries,
		"drivers":    Drivers,
		"depth":      Depth,
		"names":      Names,
		"functions":  Functions,
		"files":      Files,
		"interfaces": Interfaces,
		"docs":       Docs,
		"state":      State,
		"panics":     Panics,
		"contexts":   Contexts,
		"unfinished": Unfinished,
		"reveal":     Reveal,
		"skips":      Skips,
	}
}

// fault reports msg at pos.
func (m *Module) fault(pos token.Pos, format string, args ...any) Fault {
	p := m.Fset.Position(pos)
	return Fault{Path: p.Filename, Line: p.Line, Msg: fmt.Sprintf(format, args...)}
}

// code yields every file that is not a test, with its package.
func (m *Module) code(yield func(*Package, *File) bool) {
	for _, p := range m.Packages {
		for _, f := range p.Files {
			if !f.Test && !yield(p, f) {
				return
			}
		}
	}
}

// internal returns the folder's path below internal/, "" when it is elsewhere.
func (p *Package) internal() string {
	below, ok := strings.CutPrefix(p.Dir, "internal/")
	if !ok {
		return ""
	}
	return below
}

// in reports whether the package is one of dirs or below one of them.
func (p *Package) in(dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return p.Dir == dir || strings.HasPrefix(p.Dir, dir+"/")
	})
}

// percentile90 returns the smallest of sizes that nine in ten do not exceed.
func percentile90(sizes []int) int {
	if len(sizes) == 0 {
		return 0
	}
	sizes = slices.Sorted(slices.Values(sizes))
	return sizes[(len(sizes)*9+9)/10-1]
}
