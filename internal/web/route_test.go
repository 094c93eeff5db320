package web_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cloudpki/internal/pki"
)

// A route is what the console registers for an address.
type route struct {
	method, path string
	need         string // "Read" or "Write"; "" for what is open to everybody
}

// routes reads the routes of the console from its source, so that none that
// comes later is forgotten here.
func routes(t *testing.T) []route {
	t.Helper()
	files, err := filepath.Glob("*.go")
	must(t, err)
	constants := map[string]ast.Expr{}
	var calls []*ast.CallExpr
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		must(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, value := range n.Values {
					constants[n.Names[i].Name] = value
				}
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "HandleFunc" || s.Sel.Name == "Handle") {
					calls = append(calls, n)
				}
			}
			return true
		})
	}
	var list []route
	for _, c := range calls {
		method, path, ok := strings.Cut(constant(t, constants, c.Args[0]), " ")
		if !ok {
			continue // what there is no page for
		}
		r := route{method: method, path: path}
		ast.Inspect(c.Args[1], func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "auth" {
					r.need = s.Sel.Name
				}
			}
			return true
		})
		list = append(list, r)
	}
	if len(list) < 40 {
		t.Fatalf("only %d routes were read", len(list))
	}
	return list
}

// constant returns the value of a constant text.
func constant(t *testing.T, constants map[string]ast.Expr, e ast.Expr) string {
	t.Helper()
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		must(t, err)
		return text
	case *ast.Ident:
		return constant(t, constants, constants[e.Name])
	case *ast.BinaryExpr:
		return constant(t, constants, e.X) + constant(t, constants, e.Y)
	default:
		t.Fatalf("a route is made of %T, which cannot be read here", e)
		return ""
	}
}

// at returns the address of a route for objects that tenant A has.
func (r route) at(certificate pki.ID, bundle pki.TrustBundle) string {
	id := "alpha"
	if strings.HasPrefix(r.path, "/console/bundles/") {
		id = string(bundle.ID)
	}
	return strings.NewReplacer("{$}", "", "{id}", id, "{key}", string(certificate), "{ext}", "pem").Replace(r.path)
}

// Each route is closed to who has not signed in; what changes something is
// closed to who may only read, to forms of other sites and other sessions, and
// to other tenants, to whom nothing of this one exists.
func TestEveryRoute(t *testing.T) {
	w := newWorld(t)
	w.subscribe("alpha")
	w.stock(1)
	certificate, bundle := pki.CertificateID(nil, "CN=issuing", "0000"), w.publish("devices", pki.BundleToken)
	admin, reader, other, nobody := w.browser(), w.browser(), w.browser(), w.browser()
	tokens := map[*browser]string{
		admin: admin.enter("admin", tenantA).field(t, "form_token"), reader: reader.enter("reader", tenantA).field(t, "form_token"), other: other.enter("other", tenantB).field(t, "form_token"),
	}
	before := w.alpha()
	for _, r := range routes(t) {
		if r.need == "" {
			continue
		}
		path := r.at(certificate, bundle)
		refused := func(who string, by *browser, token string, want int, header ...string) {
			t.Helper()
			var form url.Values
			if r.method == http.MethodPost {
				form = url.Values{"form_token": {token}, "edits": {"1"}, "do": {"test"}, "decision": {"approve"}, "thumbprint": {"00"}, "name": {"made"}}
			}
			p := by.do(r.method, path, form, header...)
			p.check(t)
			if p.StatusCode != want {
				t.Errorf("%s: %s %s: %s, want %d", who, r.method, r.path, p.Status, want)
			}
		}
		if r.method == http.MethodGet {
			if p := nobody.get(path); p.Request.URL.Path != "/console/signin" {
				t.Errorf("nobody: %s: %s at %s", r.path, p.Status, p.Request.URL)
			}
		} else {
			refused("nobody", nobody, tokens[admin], http.StatusUnauthorized)
			refused("another site by fetch metadata", admin, tokens[admin], http.StatusForbidden, "Sec-Fetch-Site", "cross-site")
			refused("another site by origin", admin, tokens[admin], http.StatusForbidden, "Origin", "https://evil.example")
			refused("a page without an origin", admin, tokens[admin], http.StatusForbidden, "Origin", "null")
			refused("no token", admin, "", http.StatusForbidden)
			refused("the token of another session", admin, tokens[reader], http.StatusForbidden)
			refused("an unreadable body", admin, "", http.StatusForbidden, "Content-Type", "text/plain")
		}
		if r.need == "Write" {
			refused("who may read", reader, tokens[reader], http.StatusForbidden)
		}
		if strings.Contains(r.path, "{id}") {
			refused("another tenant", other, tokens[other], http.StatusNotFound)
		}
	}
	if after := w.alpha(); after.ETag() != before.ETag() {
		t.Errorf("changed: %+v", after)
	}
	if _, err := w.bundles.Get(t.Context(), tenantA, bundle.ID); err != nil {
		t.Error(err)
	}
}
