package docs

import (
	"html"
	"regexp"
	"strings"
)

// page turns one page of the manual into HTML without scripts. It
// knows the Markdown that the manual uses: headings, paragraphs, lists of one
// level, tables, fenced code, code, emphasis, links and pictures.
func page(text string) []byte {
	p := printer{spans: []span{
		{regexp.MustCompile(`\*\*([^*]+)\*\*`), "<strong>$1</strong>"},
		{regexp.MustCompile(`(^|[\s(])\*([^*\s<>][^*<>]*)\*`), "$1<em>$2</em>"}, // never in code
		{regexp.MustCompile(`!\[([^\]]+)\]\(([^()\s]+)\)`), `<img src="$2" alt="$1" width="100%">`},
		{regexp.MustCompile(`\[([^\]]+)\]\(([^()\s]+)\)`), `<a href="$2">$1</a>`},
	}}
	title, _, _ := strings.Cut(strings.TrimPrefix(text, "# "), "\n")
	p.out.WriteString("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n" +
		"<link rel=\"stylesheet\" href=\"/docs/" + styleSheet + "\">\n" +
		"<title>" + html.EscapeString(strings.ReplaceAll(title, "`", "")) + "</title>\n<main>\n")
	for line := range strings.Lines(text) {
		p.line(strings.TrimRight(line, "\n"))
	}
	p.open("")
	p.out.WriteString("</main>\n")
	return []byte(p.out.String())
}

// A printer writes HTML line by line.
type printer struct {
	out    strings.Builder
	block  string   // the element that is open: p, ul, ol, table, pre or ""
	text   []string // the lines of its last paragraph or item, not written yet
	indent string   // of the code that is open
	spans  []span   // in the order in which they are looked for
}

// A span is a mark within a text and what it becomes.
type span struct {
	mark *regexp.Regexp
	html string
}

// open ends the block that is open, if it is another, and begins the next; ""
// begins none.
func (p *printer) open(block string) {
	p.flush()
	if p.block == block {
		return
	}
	if p.block != "" {
		p.out.WriteString("</" + p.block + ">\n")
	}
	if block != "" {
		p.out.WriteString("<" + block + ">")
	}
	p.block = block
}

// flush writes the lines that were gathered: emphasis and links may go over
// their ends.
func (p *printer) flush() {
	p.out.WriteString(p.inline(strings.Join(p.text, "\n")))
	p.text = nil
}

func (p *printer) line(line string) {
	text := strings.TrimSpace(line)
	fence := strings.HasPrefix(text, "```")
	marker, item, _ := strings.Cut(text, " ")
	switch {
	case p.block == "pre" && fence:
		p.open("")
	case p.block == "pre":
		p.out.WriteString(html.EscapeString(strings.TrimPrefix(line, p.indent)) + "\n")
	case fence:
		p.open("pre")
		p.indent, _, _ = strings.Cut(line, "`")
	case text == "":
		p.flush()
		if p.block == "p" || p.block == "table" {
			p.open("")
		}
	case strings.Trim(marker, "#") == "" && len(marker) <= 6:
		p.open("")
		p.heading(len(marker), item)
	case strings.HasPrefix(text, "|"):
		p.open("table")
		p.row(text)
	case marker == "-":
		p.open("ul")
		p.out.WriteString("<li>")
		p.text = []string{item}
	case strings.Trim(marker, "0123456789") == ".":
		p.open("ol")
		p.out.WriteString("<li value=\"" + strings.TrimSuffix(marker, ".") + "\">") // code between items ends the list
		p.text = []string{item}
	case p.block != "" && p.block != "table" && (p.block == "p" || line != text):
		p.text = append(p.text, text) // goes on in the paragraph or the item
	default:
		p.open("p")
		p.text = []string{text}
	}
}

// heading has the name that links to it use.
func (p *printer) heading(level int, title string) {
	tag := "h" + string(rune('0'+level))
	name := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return -1
	}, strings.ToLower(title))
	p.out.WriteString("<" + tag + " id=\"" + name + "\">" + p.inline(title) + "</" + tag + ">\n")
}

// row writes a row of a table; the one below the heading has nothing to show.
func (p *printer) row(text string) {
	if strings.Trim(text, "|-: ") == "" {
		return
	}
	p.out.WriteString("<tr>")
	for cell := range strings.SplitSeq(strings.Trim(text, "|"), "|") {
		p.out.WriteString("<td>" + p.inline(strings.TrimSpace(cell)))
	}
	p.out.WriteString("\n")
}

// inline writes a piece of text; what stands between backquotes is taken as it is.
func (p *printer) inline(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(html.EscapeString(text), "`") {
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	written := b.String()
	for _, s := range p.spans {
		written = s.mark.ReplaceAllString(written, s.html)
	}
	return written
}
