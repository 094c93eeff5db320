package casim

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const (
	nsEnvelope = "http://schemas.xmlsoap.org/soap/envelope/"
	nsInstance = "http://www.w3.org/2001/XMLSchema-instance"
	nsPolicy   = "http://schemas.verisign.com/pkiservices/2009/07/policy"
	nsManage   = "http://schemas.verisign.com/pkiservices/2009/07/management"
	nsHealth   = "http://schemas.pki.symantec.com/pkiservices/healthcheck"
)

// An element is a node of a request.
type element struct {
	Name  xml.Name
	Nil   bool // xsi:nil="true"
	Text  string
	Attr  []xml.Attr
	Child []*element
}

// maxRequest bounds a request in bytes, maxDepth in nested elements.
const (
	maxRequest = 1 << 20
	maxDepth   = 16
)

// readEnvelope returns the one element of the body of a SOAP 1.1 request.
func readEnvelope(r *http.Request) (*element, error) {
	if r.Method != http.MethodPost {
		return nil, errors.New("SOAP wants POST")
	}
	if ct := strings.ReplaceAll(r.Header.Get("Content-Type"), " ", ""); !strings.EqualFold(ct, "text/xml;charset=utf-8") {
		return nil, errors.New("Content-Type must be text/xml; charset=utf-8")
	}
	root, err := readElement(xml.NewDecoder(io.LimitReader(r.Body, maxRequest)))
	if err != nil {
		return nil, err
	}
	if root.Name != (xml.Name{Space: nsEnvelope, Local: "Envelope"}) {
		return nil, errors.New("the document is not a SOAP 1.1 envelope")
	}
	if len(root.Child) != 1 || root.Child[0].Name != (xml.Name{Space: nsEnvelope, Local: "Body"}) || len(root.Child[0].Child) != 1 {
		return nil, errors.New("the envelope must hold a Body with one element and no Header")
	}
	return root.Child[0].Child[0], nil
}

func readElement(d *xml.Decoder) (*element, error) {
	var open []*element
	for {
		tok, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			e := &element{Name: t.Name, Attr: t.Attr}
			for _, a := range t.Attr {
				e.Nil = e.Nil || (a.Name == xml.Name{Space: nsInstance, Local: "nil"} && a.Value == "true")
			}
			if len(open) == maxDepth {
				return nil, errors.New("elements are nested too deep")
			}
			if len(open) > 0 {
				up := open[len(open)-1]
				up.Child = append(up.Child, e)
			}
			open = append(open, e)
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].Text += string(t)
			}
		case xml.EndElement:
			if len(open) == 1 {
				return open[0], nil
			}
			open = open[:len(open)-1]
		case xml.Directive:
			return nil, errors.New("a document type is not accepted")
		}
	}
}

// A rule is one member of an xs:sequence.
type rule struct {
	name     string
	required bool
	many     bool                   // may be repeated
	check    func(e *element) error // nil accepts text
}

// sequence checks that the children of e are rules' members, in their order,
// in e's namespace, each at most once but for those of which there may be many.
func (e *element) sequence(rules ...rule) error {
	rest := e.Child
	for _, ru := range rules {
		if ru.required && (len(rest) == 0 || rest[0].Name.Local != ru.name) {
			return fmt.Errorf("%s lacks %s at its place", e.Name.Local, ru.name)
		}
		for n := 0; len(rest) > 0 && rest[0].Name.Local == ru.name && (n == 0 || ru.many); n++ {
			if rest[0].Name.Space != e.Name.Space {
				return fmt.Errorf("%s is in another namespace than %s", ru.name, e.Name.Local)
			}
			if ru.check != nil {
				if err := ru.check(rest[0]); err != nil {
					return err
				}
			}
			rest = rest[1:]
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("a request element is not understood: %s in %s", rest[0].Name.Local, e.Name.Local)
	}
	return nil
}

// value returns the trimmed text of a child, "" where there is none.
func (e *element) value(name string) string {
	i := slices.IndexFunc(e.Child, func(c *element) bool { return c.Name.Local == name })
	if i < 0 || e.Child[i].Nil {
		return ""
	}
	return strings.TrimSpace(e.Child[i].Text)
}

// has reports whether there is a child of that name.
func (e *element) has(name string) bool {
	return slices.ContainsFunc(e.Child, func(c *element) bool { return c.Name.Local == name })
}

func version(want string) func(*element) error {
	shape := regexp.MustCompile(`^\d{1,3}\.\d{0,3}$`)
	return func(e *element) error {
		if v := strings.TrimSpace(e.Text); !shape.MatchString(v) || v != want {
			return fmt.Errorf("version %q is not supported; send %s", v, want)
		}
		return nil
	}
}

func atMost(n int) func(*element) error {
	return func(e *element) error {
		if len(e.Text) > n {
			return fmt.Errorf("%s is longer than %d characters", e.Name.Local, n)
		}
		return nil
	}
}

func oneOf(values ...string) func(*element) error {
	return func(e *element) error {
		if !slices.Contains(values, strings.TrimSpace(e.Text)) {
			return fmt.Errorf("%s must be one of %s", e.Name.Local, strings.Join(values, ", "))
		}
		return nil
	}
}

// transactionID is the rule of clientTransactionID, at most 40 characters.
func transactionID() rule { return rule{name: "clientTransactionID", check: atMost(40)} }
