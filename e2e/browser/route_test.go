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
func (w *world) hasSeenAll(t *testing.T, routes routes) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	asked, judged := map[string]bool{}, map[string]bool{}
	for where, page := range w.shown {
		route := routes.of(t, where)
		asked[route] = true
		if !page || w.judged[where] {
			judged[route] = true
		}
	}
	for _, r := range routes.patterns {
		switch {
		case !asked[r]:
			t.Errorf("no scenario has asked for %q", r)
		case !judged[r]:
			t.Errorf("no scenario has judged a page of %q", r)
		}
	}
}

// routes are what the console answers to GET.
type routes struct {
	patterns []string
	mux      *http.ServeMux
}

// of returns the pattern of an address, "" for one that is not the console's.
func (r routes) of(t *testing.T, address string) string {
	t.Helper()
	_, pattern := r.mux.Handler(httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
	return pattern
}

// readRoutes reads the routes of the console from its source.
func readRoutes(t *testing.T) routes {
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
	r := routes{mux: http.NewServeMux()}
	for _, p := range patterns {
		if pattern := textOf(t, constants, p); strings.HasPrefix(pattern, "GET ") {
			r.patterns = append(r.patterns, pattern)
			r.mux.Handle(pattern, http.NotFoundHandler())
		}
	}
	return r
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
