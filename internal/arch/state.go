package arch

import (
	"go/ast"
	"go/token"
	"strings"
)

// State refuses init functions and package-level variables, other than error
// sentinels, embedded files and assertions that a type fits an interface.
func State(m *Module) []Fault {
	var faults []Fault
	for _, f := range m.code {
		for _, decl := range f.AST.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					faults = append(faults, m.fault(d.Pos(), "init runs behind the reader's back; call the code from where its result is needed"))
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR {
					faults = append(faults, m.variables(d)...)
				}
			}
		}
	}
	return faults
}

// variables returns the names of a var declaration that are state.
func (m *Module) variables(d *ast.GenDecl) []Fault {
	var faults []Fault
	for _, spec := range d.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok || embeds(d.Doc) || embeds(v.Doc) {
			continue
		}
		for i, name := range v.Names {
			if name.Name == "_" || i < len(v.Values) && sentinel(v.Values[i]) {
				continue
			}
			faults = append(faults, m.fault(name.Pos(), "package-level variable %s; make it a const, a function that returns it, or a field of the value that uses it", name.Name))
		}
	}
	return faults
}

// embeds reports whether a comment holds a go:embed directive.
func embeds(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, c := range doc.List {
		if strings.HasPrefix(c.Text, "//go:embed ") {
			return true
		}
	}
	return false
}

// sentinel reports whether an expression is errors.New(…) or fmt.Errorf(…).
func sentinel(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	return ok && (isSelector(call.Fun, "errors", "New") || isSelector(call.Fun, "fmt", "Errorf"))
}

// isSelector reports whether e reads pkg.name.
func isSelector(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg
}
