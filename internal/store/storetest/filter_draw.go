package storetest

import (
	"strings"
	"time"

	"pgregory.net/rapid"

	"cloudpki/internal/odata"
)

func drawExpr(t *rapid.T, l listing, paths []odata.Path, depth int) odata.Expr {
	form := rapid.IntRange(0, 7).Draw(t, "form")
	if depth == 0 {
		form += 3
	}
	switch form {
	case 0:
		return odata.And{Left: drawExpr(t, l, paths, depth-1), Right: drawExpr(t, l, paths, depth-1)}
	case 1:
		return odata.Or{Left: drawExpr(t, l, paths, depth-1), Right: drawExpr(t, l, paths, depth-1)}
	case 2:
		return odata.Not{Expr: drawExpr(t, l, paths, depth-1)}
	case 3:
		return odata.Constant{Value: rapid.Bool().Draw(t, "constant")}
	}
	p := rapid.SampledFrom(paths).Draw(t, "path")
	folded := p.Property.Fold && rapid.Bool().Draw(t, "folded")
	switch {
	case form >= 6 && p.Property.Kind == odata.KindString:
		f := rapid.SampledFrom([]odata.Func{odata.StartsWith, odata.EndsWith, odata.Contains}).Draw(t, "function")
		return odata.Match{Path: p, Fold: folded, Func: f, Text: drawPart(t, l, p, folded)}
	case form == 5:
		in := odata.In{Path: p, Fold: folded}
		for range rapid.IntRange(1, 4).Draw(t, "values") {
			in.Values = append(in.Values, drawValue(t, l, p, folded))
		}
		return in
	default:
		op := rapid.SampledFrom([]odata.Op{odata.Eq, odata.Ne, odata.Gt, odata.Ge, odata.Lt, odata.Le}).Draw(t, "operator")
		return odata.Comparison{Path: p, Fold: folded, Op: op, Value: drawValue(t, l, p, folded)}
	}
}

// drawValue draws a literal: mostly one that some row has.
func drawValue(t *rapid.T, l listing, p odata.Path, folded bool) odata.Value {
	switch rapid.IntRange(0, 6).Draw(t, "literal") {
	case 0:
		return odata.NullValue()
	case 1:
		return drawOf(t, p.Property)
	default:
		return rapid.SampledFrom(l.rows).Draw(t, "row").get(p, folded)
	}
}

// drawPart draws a part of a text that some row has, or another text.
func drawPart(t *rapid.T, l listing, p odata.Path, folded bool) string {
	whole := []rune(rapid.SampledFrom(l.rows).Draw(t, "row").get(p, folded).Str())
	if len(whole) == 0 || rapid.IntRange(0, 4).Draw(t, "other") == 0 {
		return drawText(t)
	}
	from := rapid.IntRange(0, len(whole)).Draw(t, "from")
	return string(whole[from:rapid.IntRange(from, len(whole)).Draw(t, "to")])
}

func drawOf(t *rapid.T, p *odata.Property) odata.Value {
	switch p.Kind {
	case odata.KindString, odata.KindGUID:
		return odata.String(drawText(t))
	case odata.KindDateTimeOffset:
		return odata.Date(drawDate(t))
	case odata.KindEnum:
		return odata.Int(rapid.SampledFrom(p.Enum.Members).Draw(t, "member").Value)
	case odata.KindBoolean:
		return odata.Bool(rapid.Bool().Draw(t, "truth"))
	default:
		return odata.Int(rapid.Int64Range(-1<<31, 1<<31-1).Draw(t, "number"))
	}
}

// drawText draws what folds, sorts, quotes or matches unlike plain letters.
func drawText(t *rapid.T) string {
	alphabet := []string{
		"a", "A", "b", "ä", "Ä", "ß", "ẞ", "İ", "ı", "K", "k", "Σ", "σ", "ς", "e\u0301", "é", "%", "_", `\`, "'", `"`, "?", "?1", "$1", " ", ";--",
		"\t", "\u007f", "日", "\ud7ff", "\ue000", "\ufffd", "\uffff", "😀", "\U0010ffff",
	}
	s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 5).Draw(t, "text"), "")
	if rapid.IntRange(0, 30).Draw(t, "long") == 0 {
		s = strings.Repeat(s+"x", 100)
	}
	return s
}

// drawDate draws from year 1 to 9999, to 100 ns.
func drawDate(t *rapid.T) odata.DateTimeOffset {
	last := odata.FromTime(time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC)).Ticks
	return odata.DateTimeOffset{Ticks: rapid.OneOf(
		rapid.Int64Range(odata.Never().Ticks+1, last), rapid.Int64Range(-2, 2), rapid.Just(last),
	).Draw(t, "ticks")}
}

// drawOptional draws nil, or a pointer to what draw returns.
func drawOptional[T any](t *rapid.T, draw func(*rapid.T) T) *T {
	if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		return nil
	}
	v := draw(t)
	return &v
}

func drawNeverOr(t *rapid.T) odata.DateTimeOffset {
	if rapid.IntRange(0, 3).Draw(t, "never") == 0 {
		return odata.Never()
	}
	return drawDate(t)
}

func nullOrDate(d odata.DateTimeOffset) odata.Value {
	if d.IsNever() {
		return odata.NullValue()
	}
	return odata.Date(d)
}

func nullOrText(s string) odata.Value {
	if s == "" {
		return odata.NullValue()
	}
	return odata.String(s)
}

// draw draws once, with a fixed seed for each number.
func draw[T any](seed int, f func(*rapid.T) T) T { return rapid.Custom(f).Example(seed) }
