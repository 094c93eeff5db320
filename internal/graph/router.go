package graph

import (
	"net/http"
	"strings"

	"cloudpki/internal/odata"
)

// A node is one segment of the tree that the routes span. Names match without
// regard to ASCII case, keys are taken as they are.
type node struct {
	name     string
	function bool // may be called with parentheses: delta()
	children []*node
	key      *node // an object of this set, named as a segment or in parentheses
	routes   []*route
}

// add makes the nodes of a pattern such as set/{id}/sync or set/delta().
func (n *node) add(r *route) {
	for name := range strings.SplitSeq(r.path, "/") {
		if name != "" {
			n = n.grow(name)
		}
	}
	n.routes = append(n.routes, r)
}

func (n *node) grow(name string) *node {
	if strings.HasPrefix(name, "{") {
		if n.key == nil {
			n.key = &node{name: name}
		}
		return n.key
	}
	name, function := strings.CutSuffix(name, "()")
	if child := n.child(name); child != nil {
		return child
	}
	child := &node{name: name, function: function}
	n.children = append(n.children, child)
	return child
}

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if equalFold(c.name, name) {
			return c
		}
	}
	return nil
}

// find walks an escaped path, which begins with /beta, down the tree and
// returns where it ends and the keys that it met. Its error names the segment
// that leads nowhere.
func (n *node) find(escaped string) (*node, []string, error) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(escaped, "/"), "/")
	if !equalFold(first, version) {
		return nil, nil, noSegment(first)
	}
	segments, err := odata.ResourcePath(rest)
	if err != nil {
		return nil, nil, err
	}
	var keys []string
	for _, s := range segments {
		name := s.Name
		if s.Key {
			name = "" // no route has such a name
		}
		if child := n.child(name); child != nil && (child.function || !s.Call) {
			n = child
			continue
		}
		if n.key == nil || s.Call || strings.HasPrefix(s.Text, "$") {
			return nil, nil, noSegment(s.Text)
		}
		n, keys = n.key, append(keys, s.Text)
	}
	if len(n.routes) == 0 {
		return nil, nil, noSegment(n.name)
	}
	return n, keys, nil
}

// route returns the route for method, or an error that names the allowed ones.
func (n *node) route(method string) (*route, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, r := range n.routes {
		if r.method == method {
			return r, nil
		}
	}
	return nil, methodNotAllowed(method, n.allow())
}

// allow is the value of the Allow field (RFC 9110, 10.2.1).
func (n *node) allow() string {
	var methods []string
	for _, r := range n.routes {
		methods = append(methods, r.method)
		if r.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	return strings.Join(append(methods, http.MethodOptions), ", ")
}

// equalFold compares names without regard to the case of ASCII letters.
// strings.EqualFold would also take the Kelvin sign for a k.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
