package arch

import (
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Imports holds every import between our packages against the table.
func Imports(m *Module) []Fault {
	var faults []Fault
	for p, f := range m.code {
		below := p.internal()
		row, known := rowOf(below)
		if below != "" && !known {
			faults = append(faults, m.fault(f.AST.Package, "%s is not in the import table; give it a row in internal/arch/table.go", p.Dir))
			continue
		}
		for spec, target := range m.own(f) {
			switch {
			case p.in("cmd"):
				if target != "cli" {
					faults = append(faults, m.fault(spec.Pos(), "a command imports internal/cli only, not internal/%s; move the code into internal/cli", target))
				}
			case known && !allows(row.may, target):
				faults = append(faults, m.fault(spec.Pos(), "internal/%s may not import internal/%s; move the code, or declare an interface here and let internal/app join them (table.go lists who may import whom)", below, target))
			}
		}
	}
	return faults
}

// TestOnly keeps the examination rooms, and package testing, out of the product.
func TestOnly(m *Module) []Fault {
	var faults []Fault
	for p, f := range m.code {
		if slices.Contains(testOnly(), p.internal()) || below(p.Dir, "e2e") {
			continue
		}
		for spec, target := range m.own(f) {
			if slices.Contains(testOnly(), target) {
				faults = append(faults, m.fault(spec.Pos(), "internal/%s is for tests; import it from a _test.go file", target))
			}
		}
		for _, spec := range f.AST.Imports {
			if name := importPath(spec); p.internal() != "" && (name == "testing" || strings.HasPrefix(name, "testing/") || strings.HasSuffix(name, "/httptest")) {
				faults = append(faults, m.fault(spec.Pos(), "%s is for tests; move the code into a _test.go file or an examination package", name))
			}
		}
	}
	return faults
}

// Libraries keeps the leaves at the standard library and their few own
// libraries, and keeps HTTP out of the rooms that must not know it.
func Libraries(m *Module) []Fault {
	var faults []Fault
	for p, f := range m.code {
		allowed, leaf := leafLibraries()[p.internal()]
		for _, spec := range f.AST.Imports {
			name := importPath(spec)
			if name == "net/http" && slices.Contains(noHTTP(), p.internal()) {
				faults = append(faults, m.fault(spec.Pos(), "%s must not know net/http; let its caller translate", p.Dir))
			}
			if leaf && m.foreign(name) && !slices.ContainsFunc(allowed, func(lib string) bool { return below(name, lib) }) {
				faults = append(faults, m.fault(spec.Pos(), "%s may not import %s; use the standard library, or list the library in internal/arch/table.go", p.Dir, name))
			}
		}
	}
	return faults
}

// Drivers keeps database drivers in the two files of the store that name one.
func Drivers(m *Module) []Fault {
	var faults []Fault
	for p, f := range m.code {
		base := path.Base(f.Path)
		if p.Dir == "internal/store" && (strings.HasPrefix(base, "sqlite") || strings.HasPrefix(base, "postgres")) {
			continue
		}
		for _, spec := range f.AST.Imports {
			name := importPath(spec)
			if below(name, "github.com/ncruces") || below(name, "github.com/jackc/pgx") {
				faults = append(faults, m.fault(spec.Pos(), "a database driver is named only in internal/store/sqlite*.go and postgres*.go; add what you need to the dialect there"))
			}
		}
	}
	return faults
}

// own yields the imports of f that lie below our internal/, without that prefix.
func (m *Module) own(f *File) func(func(*ast.ImportSpec, string) bool) {
	return func(yield func(*ast.ImportSpec, string) bool) {
		for _, spec := range f.AST.Imports {
			target, ok := strings.CutPrefix(importPath(spec), m.Path+"/internal/")
			if ok && !yield(spec, target) {
				return
			}
		}
	}
}

// foreign reports whether an import path is neither ours nor the standard library's.
func (m *Module) foreign(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return strings.Contains(first, ".") && !below(name, m.Path)
}

// rowOf returns the first row of the table that fits the folder.
func rowOf(dir string) (room, bool) {
	for _, r := range rooms() {
		if matches(r.dir, dir) {
			return r, true
		}
	}
	return room{}, false
}

// allows reports whether target is among the patterns; "*" is all but cli.
func allows(may []string, target string) bool {
	return slices.ContainsFunc(may, func(pattern string) bool {
		return pattern == "*" && target != "cli" || matches(pattern, target)
	})
}

// matches reports whether dir is the pattern's room.
func matches(pattern, dir string) bool {
	if parent, ok := strings.CutSuffix(pattern, "/*"); ok {
		return path.Dir(dir) == parent
	}
	return pattern == dir
}

// below reports whether an import path is root or lies below it.
func below(name, root string) bool {
	return name == root || strings.HasPrefix(name, root+"/")
}

// importPath returns the path that an import names.
func importPath(spec *ast.ImportSpec) string {
	name, err := strconv.Unquote(spec.Path.Value)
	if err != nil { // the parser has accepted it as a string literal
		return spec.Path.Value
	}
	return name
}
