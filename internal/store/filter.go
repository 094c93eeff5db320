package store

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"cloudpki/internal/odata"
)

// A builder writes the text of a query and collects its arguments. Nothing
// that comes from outside stands in the text: names are columns of a schema,
// values are arguments.
type builder struct {
	strings.Builder

	args    []any
	dialect *dialect
}

// arg adds an argument and writes its parameter.
func (b *builder) arg(v any) {
	b.args = append(b.args, v)
	b.WriteString("?" + strconv.Itoa(len(b.args)))
}

// put writes pieces in turn: strings as they are, a param as an argument.
func (b *builder) put(pieces ...any) {
	for _, p := range pieces {
		switch p := p.(type) {
		case string:
			b.WriteString(p)
		case param:
			b.arg(p.value)
		}
	}
}

// A param marks a value among the pieces of put.
type param struct{ value any }

// column returns the quoted column of a path, or of its case-folded twin.
func column(p odata.Path, folded bool) string {
	if folded {
		return `"` + p.Column() + `_folded"`
	}
	return `"` + p.Column() + `"`
}

// nullable reports whether the column of p may hold NULL.
func nullable(p odata.Path) bool { return p.Parent != nil || p.Property.Nullable }

// columnValue is v as the column of p holds it.
func columnValue(p odata.Path, v odata.Value) any {
	if v.State() != odata.Present {
		return nil
	}
	switch p.Property.Kind {
	case odata.KindString, odata.KindGUID:
		return v.Str()
	case odata.KindDateTimeOffset:
		return v.Time().Ticks
	default:
		return v.Num()
	}
}

// filter writes the condition that odata.Eval describes: a comparison is true
// or false whatever is NULL in it, a string function of NULL is NULL, and and,
// or and not are those of SQL.
func (b *builder) filter(e odata.Expr) error {
	switch e := e.(type) {
	case odata.And:
		return b.join("AND", e.Left, e.Right)
	case odata.Or:
		return b.join("OR", e.Left, e.Right)
	case odata.Not:
		b.put("NOT (")
		if err := b.filter(e.Expr); err != nil {
			return err
		}
		b.put(")")
	case odata.Comparison:
		return b.compare(e)
	case odata.In:
		return b.in(e)
	case odata.Match:
		return b.match(e)
	case odata.Constant:
		b.put(strings.ToUpper(strconv.FormatBool(e.Value)))
	default:
		return fmt.Errorf("filter: unknown expression %T", e)
	}
	return nil
}

func (b *builder) join(operator string, left, right odata.Expr) error {
	b.put("(")
	if err := b.filter(left); err != nil {
		return err
	}
	b.put(" ", operator, " ")
	if err := b.filter(right); err != nil {
		return err
	}
	b.put(")")
	return nil
}

func (b *builder) compare(e odata.Comparison) error {
	name := column(e.Path, e.Fold)
	v := columnValue(e.Path, e.Value)
	operator := operatorText(e.Op)
	switch {
	case operator == "":
		return fmt.Errorf("filter: unknown operator %d", e.Op)
	case v == nil && e.Op == odata.Eq:
		b.put(name, " IS NULL")
	case v == nil && e.Op == odata.Ne:
		b.put(name, " IS NOT NULL")
	case v == nil:
		b.put("FALSE")
	case !nullable(e.Path):
		b.put(name, operator, param{v})
	case e.Op == odata.Ne:
		b.put("(", name, operator, param{v}, " OR ", name, " IS NULL)")
	default:
		b.put("(", name, operator, param{v}, " AND ", name, " IS NOT NULL)")
	}
	return nil
}

func operatorText(o odata.Op) string {
	switch o {
	case odata.Eq:
		return " = "
	case odata.Ne:
		return " <> "
	case odata.Gt:
		return " > "
	case odata.Ge:
		return " >= "
	case odata.Lt:
		return " < "
	case odata.Le:
		return " <= "
	}
	return ""
}

// in writes a chain of eq.
func (b *builder) in(e odata.In) error {
	b.put("(FALSE")
	for _, v := range e.Values {
		b.put(" OR ")
		if err := b.compare(odata.Comparison{Path: e.Path, Fold: e.Fold, Op: odata.Eq, Value: v}); err != nil {
			return err
		}
	}
	b.put(")")
	return nil
}

// match compares by characters; a pattern language would need escaping. The
// text is one argument however often it is used.
func (b *builder) match(e odata.Match) error {
	name := column(e.Path, e.Fold)
	if next := successor(e.Text); e.Func == odata.StartsWith && next != "" {
		b.put("(", name, " >= ", param{e.Text}, " AND ", name, " < ", param{next}, ")") // for which an index serves
		return nil
	}
	b.args = append(b.args, e.Text)
	text := "CAST(?" + strconv.Itoa(len(b.args)) + " AS TEXT)"
	switch e.Func {
	case odata.StartsWith:
		b.put("substr(", name, ", 1, length(", text, ")) = ", text)
	case odata.EndsWith:
		b.put("(length(", name, ") >= length(", text, ") AND substr(", name, ", length(", name, ") - length(", text, ") + 1) = ", text, ")")
	case odata.Contains:
		b.put(b.dialect.contains, "(", name, ", ", text, ") > 0")
	default:
		return fmt.Errorf("filter: unknown function %d", e.Func)
	}
	return nil
}

// successor returns the least text behind all that begin with s, in the order
// of both databases, which is that of bytes; "" where there is none.
func successor(s string) string {
	for s != "" {
		last, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
		if last++; last == surrogateMin {
			last = surrogateMax + 1
		}
		if last <= utf8.MaxRune {
			return s + string(last)
		}
	}
	return ""
}

// The code points that no text holds.
const surrogateMin, surrogateMax = 0xD800, 0xDFFF

// search writes that one of the folded columns contains text.
func (b *builder) search(columns []string, text string) {
	b.args = append(b.args, text)
	p := "CAST(?" + strconv.Itoa(len(b.args)) + " AS TEXT)"
	b.put("(FALSE")
	for _, name := range columns {
		b.put(" OR ", b.dialect.contains, `("`, name, `", `, p, ") > 0")
	}
	b.put(")")
}
