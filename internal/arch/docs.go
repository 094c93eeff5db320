package arch

import (
	"go/ast"
	"go/token"
	"slices"
)

// Docs asks for a doc comment on every package and every exported identifier.
// Methods that fit an interface of the standard library need none.
func Docs(m *Module) []Fault {
	var faults []Fault
	for _, p := range m.Packages {
		code := slices.DeleteFunc(slices.Clone(p.Files), func(f *File) bool { return f.Test })
		if len(code) == 0 {
			continue
		}
		if !slices.ContainsFunc(code, func(f *File) bool { return f.AST.Doc.Text() != "" }) {
			faults = append(faults, m.fault(code[0].AST.Package, "package %s has no doc comment; say above the package clause what it is for", p.Name))
		}
		for _, f := range code {
			for _, decl := range f.AST.Decls {
				for _, id := range undocumented(decl) {
					faults = append(faults, m.fault(id.Pos(), "exported %s has no doc comment; say what it is, its units and the errors it returns", id.Name))
				}
			}
		}
	}
	return faults
}

// undocumented returns the exported names that decl declares without a comment.
func undocumented(decl ast.Decl) []*ast.Ident {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc.Text() == "" && d.Name.IsExported() && exportedReceiver(d) && !wellKnown(d) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Tok == token.IMPORT || d.Doc.Text() != "" {
			return nil
		}
		var ids []*ast.Ident
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Doc.Text() == "" && s.Name.IsExported() {
					ids = append(ids, s.Name)
				}
			case *ast.ValueSpec:
				if s.Doc.Text() == "" && s.Comment.Text() == "" && s.Names[0].IsExported() {
					ids = append(ids, s.Names[0])
				}
			}
		}
		return ids
	}
	return nil
}

// exportedReceiver reports whether fn is no method, or one of an exported type.
func exportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return true
	}
	t := fn.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// wellKnown reports whether fn is a method whose meaning the standard library fixes.
func wellKnown(fn *ast.FuncDecl) bool {
	return fn.Recv != nil && slices.Contains([]string{
		"Error", "Unwrap", "Is", "As", "String", "GoString", "Format", "LogValue", "Len", "Less", "Swap", "Read", "Write", "ServeHTTP",
		"MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON", "MarshalBinary", "UnmarshalBinary", "Scan", "Value",
	}, fn.Name.Name)
}
