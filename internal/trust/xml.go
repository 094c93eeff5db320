package trust

import (
	"bytes"
	"encoding/xml"
	"strings"
)

// An xmlWriter writes elements, one a line, indented by tabs. Text is escaped;
// names are ours.
type xmlWriter struct {
	out   bytes.Buffer
	depth int
}

// open begins an element, with the attributes that follow its name.
func (w *xmlWriter) open(tag string) {
	w.out.WriteString(strings.Repeat("\t", w.depth) + "<" + tag + ">\n")
	w.depth++
}

// close ends the element.
func (w *xmlWriter) close(name string) {
	w.depth--
	w.out.WriteString(strings.Repeat("\t", w.depth) + "</" + name + ">\n")
}

// element writes an element that holds text alone, with the attributes that
// follow its name.
func (w *xmlWriter) element(tag, text string) {
	name, _, _ := strings.Cut(tag, " ")
	w.out.WriteString(strings.Repeat("\t", w.depth) + "<" + tag + ">")
	_ = xml.EscapeText(&w.out, []byte(text)) // a buffer takes all
	w.out.WriteString("</" + name + ">\n")
}
