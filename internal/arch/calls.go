package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"regexp"
	"slices"
)

// Panics refuses panic outside tests.
func Panics(m *Module) []Fault {
	var faults []Fault
	for _, f := range m.code {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "panic" {
				faults = append(faults, m.fault(call.Pos(), "panic; return an error"))
			}
			return true
		})
	}
	return faults
}

// Contexts refuses contexts made from nothing, other than where the program or
// a test begins: a caller's deadline and shutdown would end there.
func Contexts(m *Module) []Fault {
	var faults []Fault
	for p, f := range m.code {
		if p.in("cmd", "internal/cli", "internal/app") {
			continue
		}
		for sel := range selectors(f.AST) {
			for _, name := range []string{"Background", "TO" + "DO"} {
				if isSelector(sel, "context", name) {
					faults = append(faults, m.fault(sel.Pos(), "context.%s drops the caller's deadline; take ctx as the first argument (context.WithoutCancel for work that outlives it)", name))
				}
			}
		}
	}
	return faults
}

// Reveal lists the callers of secret.Text.Reveal: outside of a few rooms there are none.
func Reveal(m *Module) []Fault {
	var faults []Fault
	for p, f := range m.code {
		if p.in(revealers()...) {
			continue
		}
		for sel := range selectors(f.AST) {
			if sel.Sel.Name == "Reveal" {
				faults = append(faults, m.fault(sel.Sel.Pos(), "%s opens a secret.Text; pass the Text on, or add the package to revealers in internal/arch/table.go and say why", p.Dir))
			}
		}
	}
	return faults
}

// Skips refuses tests that may be left out: what they need is installed or they fail.
func Skips(m *Module) []Fault {
	var faults []Fault
	for _, p := range m.Packages {
		for _, f := range p.Files {
			for sel := range selectors(f.AST) {
				name := sel.Sel.Name
				receiver, ok := sel.X.(*ast.Ident)
				if ok && slices.Contains([]string{"t", "tb", "b", "f"}, receiver.Name) && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, name) {
					faults = append(faults, m.fault(sel.Pos(), "%s.%s hides a missing part; install it in .ci/setup and fail without it", receiver.Name, name))
				}
			}
		}
	}
	return faults
}

// Unfinished refuses the words that mark unfinished work.
func Unfinished(m *Module) []Fault {
	word := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	return m.words(word, "%s marks unfinished work; finish it, or open an issue and remove the mark")
}

// words returns a fault for each line of any file, tests included, that matches.
func (m *Module) words(re *regexp.Regexp, msg string) []Fault {
	var faults []Fault
	for _, p := range m.Packages {
		for _, f := range p.Files {
			n := 0
			for line := range bytes.Lines(f.Src) {
				n++
				if found := re.Find(line); found != nil {
					faults = append(faults, Fault{f.Path, n, fmt.Sprintf(msg, found)})
				}
			}
		}
	}
	return faults
}

// selectors yields every x.y of a file.
func selectors(file *ast.File) func(func(*ast.SelectorExpr) bool) {
	return func(yield func(*ast.SelectorExpr) bool) {
		more := true
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && more {
				more = yield(sel)
			}
			return more
		})
	}
}
