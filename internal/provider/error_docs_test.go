package provider_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"cloudpki/internal/provider"
)

// Each code has a page that names its retry class; no page is left over.
func TestErrorCodesHavePages(t *testing.T) {
	const dir = "../../docs/errors/"
	codes := declaredCodes(t)
	for _, code := range codes {
		page, err := os.ReadFile(dir + string(code) + ".md")
		if err != nil {
			t.Errorf("code %s has no page: %v", code, err)
			continue
		}
		if want := "Retry class `" + string(code.Retry()) + "`"; !strings.Contains(string(page), want) {
			t.Errorf("the page of %s does not say %q", code, want)
		}
		index, err := os.ReadFile(dir + "README.md")
		if err != nil || !strings.Contains(string(index), "("+string(code)+".md)") {
			t.Errorf("the index does not link the page of %s: %v", code, err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != len(codes)+1 {
		t.Errorf("%d files for %d codes and an index: %v", len(files), len(codes), err)
	}
}

// declaredCodes reads the constants from the source, so that a new code cannot
// be forgotten here.
func declaredCodes(t *testing.T) []provider.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []provider.Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, provider.Code(text))
		return true
	})
	if len(codes) == 0 {
		t.Fatal("no codes found in error.go")
	}
	return codes
}
