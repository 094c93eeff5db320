package browser

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// hasSeenAll fails where the console has a page that no scenario has judged, or
// a file that none has asked for, by the routes in its source.
func (w *world) hasSeenAll(t *testing.T) {
	t.Helper()
	mux, routes := http.NewServeMux(), routesOf(t)
	for _, r := range routes {
		mux.Handle(r, http.NotFoundHandler())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	asked, judged := map[string]bool{}, map[string]bool{}
	for where, page := range w.shown {
		_, route := mux.Handler(httptest.NewRequestWithContext(t.Context(), http.MethodGet, where, nil))
		asked[route] = true
		if !page || w.judged[where] {
			judged[route] = true
		}
	}
	for _, r := range routes {
		switch {
		case !asked[r]:
			t.Errorf("no scenario has asked for %q", r)
		case !judged[r]:
			t.Errorf("no scenario has judged a page of %q", r)
		}
	}
}

// routesOf reads from the source of the console what it answers to GET.
func routesOf(t *testing.T) (routes []string) {
	t.Helper()
	files, err := filepath.Glob("../../internal/web/*.go")
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]ast.Expr{}
	var patterns []ast.Expr
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, value := range n.Values {
					constants[n.Names[i].Name] = value
				}
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "HandleFunc" {
					patterns = append(patterns, n.Args[0])
				}
			}
			return true
		})
	}
	for _, p := range patterns {
		if r := textOf(t, constants, p); strings.HasPrefix(r, "GET ") {
			routes = append(routes, r)
		}
	}
	return routes
}

// textOf returns the value of a constant text.
func textOf(t *testing.T, constants map[string]ast.Expr, e ast.Expr) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		return text
	case *ast.Ident:
		return textOf(t, constants, constants[e.Name])
	case *ast.BinaryExpr:
		return textOf(t, constants, e.X) + textOf(t, constants, e.Y)
	default:
		t.Fatalf("a route of the console is made of %T, which cannot be read here", e)
		return ""
	}
}
