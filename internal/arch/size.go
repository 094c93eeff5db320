package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// The bars on size. Tests are free of them.
const (
	maxFunctionLines = 80
	p90FunctionLines = 40
	maxFileLines     = 500
	p90FileLines     = 300
	maxMethods       = 8
	maxDepth         = 2 // folders below internal/
)

// Functions holds every function against the bars on its lines.
func Functions(m *Module) []Fault {
	var faults []Fault
	var sizes []int
	for _, f := range m.code {
		for _, decl := range f.AST.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := m.Fset.Position(fn.End()).Line - m.Fset.Position(fn.Pos()).Line + 1
			sizes = append(sizes, lines)
			if lines > maxFunctionLines {
				faults = append(faults, m.fault(fn.Pos(), "function %s has %d lines, more than %d; split it by its steps", fn.Name.Name, lines, maxFunctionLines))
			}
		}
	}
	if p90 := percentile90(sizes); p90 > p90FunctionLines {
		faults = append(faults, Fault{"go.mod", 1, fmt.Sprintf("one function in ten has more than %d lines (the bar is %d); shorten the longest", p90-1, p90FunctionLines)})
	}
	return faults
}

// Files holds every file against the bars on its lines.
func Files(m *Module) []Fault {
	var faults []Fault
	var sizes []int
	for _, f := range m.code {
		lines := bytes.Count(f.Src, []byte("\n"))
		sizes = append(sizes, lines)
		if lines > maxFileLines {
			faults = append(faults, Fault{f.Path, lines, fmt.Sprintf("the file has %d lines, more than %d; split it by subject", lines, maxFileLines)})
		}
	}
	if p90 := percentile90(sizes); p90 > p90FileLines {
		faults = append(faults, Fault{"go.mod", 1, fmt.Sprintf("one file in ten has more than %d lines (the bar is %d); split the longest by subject", p90-1, p90FileLines)})
	}
	return faults
}

// Interfaces holds every interface against the bar on its methods. An embedded
// interface is counted where it is declared.
func Interfaces(m *Module) []Fault {
	var faults []Fault
	for _, f := range m.code {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			i, ok := n.(*ast.InterfaceType)
			if !ok {
				return true
			}
			methods := 0
			for _, field := range i.Methods.List {
				methods += len(field.Names)
			}
			if methods > maxMethods {
				faults = append(faults, m.fault(i.Pos(), "the interface has %d methods, more than %d; split it by who calls it and embed the parts", methods, maxMethods))
			}
			return true
		})
	}
	return faults
}

// Depth keeps folders at most two below internal/.
func Depth(m *Module) []Fault {
	var faults []Fault
	for _, p := range m.Packages {
		if below := p.internal(); strings.Count(below, "/") >= maxDepth {
			faults = append(faults, m.fault(p.Files[0].AST.Package, "%s lies more than %d folders below internal/; move it up", p.Dir, maxDepth))
		}
	}
	return faults
}

// Names refuses package names that say nothing about their content.
func Names(m *Module) []Fault {
	empty := []string{"util", "utils", "common", "helper", "helpers", "manager", "model", "models", "types", "misc", "base", "shared"}
	var faults []Fault
	for _, p := range m.Packages {
		if slices.Contains(empty, p.Name) || slices.Contains(empty, path.Base(p.Dir)) {
			faults = append(faults, m.fault(p.Files[0].AST.Package, "package name %q says nothing; name it after what it provides", p.Name))
		}
	}
	return faults
}
