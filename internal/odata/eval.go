package odata

import (
	"cmp"
	"strings"
)

// truth is the outcome of a condition: a string function of null is null, and
// so is what and, or and not make of it, as in SQL.
type truth int8

const (
	no      truth = -1
	unknown truth = 0
	yes     truth = 1
)

// Eval says whether e holds for an entity whose properties get returns; with
// fold, get returns the property's case-folded twin. It is the plain meaning
// of a filter, against which a store is tested:
//
//   - null eq null is true, null ne a value is true, and every other
//     comparison with null is false, so that not (x gt 5) holds for a null x;
//   - in is a chain of eq;
//   - startswith, endswith and contains of null are null, so that neither they
//     nor their negation hold (OData 4.01 URL conventions, section 5.1.1);
//   - strings compare by their bytes, instants without regard to the offset,
//     enumerations by number.
func Eval(e Expr, get func(p Path, fold bool) Value) bool { return eval(e, get) == yes }

func eval(e Expr, get func(Path, bool) Value) truth {
	switch e := e.(type) {
	case And:
		return min(eval(e.Left, get), eval(e.Right, get))
	case Or:
		return max(eval(e.Left, get), eval(e.Right, get))
	case Not:
		return -eval(e.Expr, get)
	case Comparison:
		return truthOf(holds(e.Path.Property, get(e.Path, e.Fold), e.Op, e.Value))
	case In:
		v := get(e.Path, e.Fold)
		for _, item := range e.Values {
			if holds(e.Path.Property, v, Eq, item) {
				return yes
			}
		}
		return no
	case Match:
		v := get(e.Path, e.Fold)
		if v.state != Present {
			return unknown
		}
		return truthOf(matches(v.str, e.Func, e.Text))
	case Constant:
		return truthOf(e.Value)
	}
	return unknown
}

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// holds compares two values of which either may be null.
func holds(p *Property, a Value, op Op, b Value) bool {
	if a.state != Present || b.state != Present {
		same := a.state != Present && b.state != Present
		return op == Eq && same || op == Ne && !same
	}
	order := compareValues(p, a, b)
	switch op {
	case Eq:
		return order == 0
	case Ne:
		return order != 0
	case Gt:
		return order > 0
	case Ge:
		return order >= 0
	case Lt:
		return order < 0
	case Le:
		return order <= 0
	}
	return false
}

// compareValues orders two present primitive values of p's kind.
func compareValues(p *Property, a, b Value) int {
	switch p.Kind {
	case KindString, KindGUID:
		return strings.Compare(a.str, b.str)
	case KindDateTimeOffset:
		return cmp.Compare(a.time.Ticks, b.time.Ticks)
	default:
		return cmp.Compare(a.num, b.num)
	}
}

func matches(s string, f Func, text string) bool {
	switch f {
	case StartsWith:
		return strings.HasPrefix(s, text)
	case EndsWith:
		return strings.HasSuffix(s, text)
	default:
		return strings.Contains(s, text)
	}
}
