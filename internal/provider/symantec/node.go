package symantec

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// The bounds of an answer beside its size. An honest page has about 1000
// elements and hardly an attribute.
const (
	maxDepth    = 32
	maxElements = 300_000
	maxEquals   = 300_000 // signs "=", one per attribute, two at most per certificate
)

// A node is an element of an answer.
type node struct {
	name     xml.Name
	raw      []byte // the text, with the blanks around it
	null     bool   // xsi:nil
	children []*node
}

// parseEnvelope returns the one element in the body of a SOAP envelope of 1.1
// or 1.2. A document type is refused, and with it every entity.
func parseEnvelope(b []byte) (*node, error) {
	if bytes.Count(b, []byte("=")) > maxEquals {
		return nil, errors.New("too many attributes")
	}
	root, err := parse(b)
	if err != nil {
		return nil, err
	}
	if root.name.Local != "Envelope" {
		return nil, errors.New("not an envelope")
	}
	body := root.child("Body")
	if body == nil || len(body.children) != 1 {
		return nil, errors.New("no body of one element")
	}
	return body.children[0], nil
}

func parse(b []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("character set %q is not read", label)
	}
	var root *node
	var open []*node
	elements := 0
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read XML: %w", err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if elements++; elements > maxElements || len(open) == maxDepth || (root != nil && len(open) == 0) {
				return nil, errors.New("read XML: too many elements, or nested too deep")
			}
			n := &node{name: t.Name, null: isNull(t)}
			if len(open) == 0 {
				root = n
			} else {
				up := open[len(open)-1]
				up.children = append(up.children, n)
			}
			open = append(open, n)
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].raw = append(open[len(open)-1].raw, t...)
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.Directive:
			return nil, errors.New("read XML: a document type is not accepted")
		}
	}
}

func isNull(t xml.StartElement) bool {
	for _, a := range t.Attr {
		if a.Name.Space == "http://www.w3.org/2001/XMLSchema-instance" && a.Name.Local == "nil" {
			return a.Value == "true" || a.Value == "1"
		}
	}
	return false
}

// text returns the text between the tags, trimmed.
func (n *node) text() string { return string(bytes.TrimSpace(n.raw)) }

// child returns the first child of that local name, nil where there is none.
// It may be called on nil.
func (n *node) child(local string) *node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name.Local == local {
			return c
		}
	}
	return nil
}

// all returns the children of that local name. It may be called on nil.
func (n *node) all(local string) []*node {
	if n == nil {
		return nil
	}
	var out []*node
	for _, c := range n.children {
		if c.name.Local == local {
			out = append(out, c)
		}
	}
	return out
}

// value returns the text of a child, "" where it is absent or nil.
func (n *node) value(local string) string {
	c := n.child(local)
	if c == nil || c.null {
		return ""
	}
	return c.text()
}
