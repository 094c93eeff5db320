package odata

import "strconv"

// String returns the operator as clients write it.
func (op Op) String() string {
	switch op {
	case Eq:
		return "eq"
	case Ne:
		return "ne"
	case Gt:
		return "gt"
	case Ge:
		return "ge"
	case Lt:
		return "lt"
	case Le:
		return "le"
	}
	return ""
}

// flip returns the operator for exchanged operands.
func (op Op) flip() Op {
	switch op {
	case Gt:
		return Lt
	case Ge:
		return Le
	case Lt:
		return Gt
	case Le:
		return Ge
	default:
		return op
	}
}

// String returns the function's name as clients write it.
func (f Func) String() string {
	switch f {
	case StartsWith:
		return "startswith"
	case EndsWith:
		return "endswith"
	case Contains:
		return "contains"
	}
	return ""
}

// Canonical returns what a position in the answer is bound to: filter, order,
// search and what is expanded, spelled in one way. Queries that differ only in
// $select, $top, $skip, $count or the token have the same Canonical.
func (q Query) Canonical() string {
	dst := []byte("filter=")
	if q.Filter != nil {
		dst = appendExpr(dst, q.Filter)
	}
	dst = append(dst, "&orderby="...)
	for i, o := range q.OrderBy {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, o.Path.String()...)
		if o.Desc {
			dst = append(dst, " desc"...)
		}
	}
	dst = strconv.AppendQuote(append(dst, "&search="...), q.Search)
	return string(appendExpansions(dst, q.Expand))
}

// appendExpr writes e as parseFilter reads it.
func appendExpr(dst []byte, e Expr) []byte {
	switch e := e.(type) {
	case And:
		return appendPair(dst, e.Left, " and ", e.Right)
	case Or:
		return appendPair(dst, e.Left, " or ", e.Right)
	case Not:
		return append(appendExpr(append(dst, "not ("...), e.Expr), ')')
	case Comparison:
		dst = appendOperand(dst, e.Path, e.Fold)
		dst = append(append(append(dst, ' '), e.Op.String()...), ' ')
		return appendLiteral(dst, e.Path.Property, e.Value)
	case In:
		dst = append(appendOperand(dst, e.Path, e.Fold), " in ("...)
		for i, v := range e.Values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendLiteral(dst, e.Path.Property, v)
		}
		return append(dst, ')')
	case Match:
		dst = append(append(dst, e.Func.String()...), '(')
		dst = append(appendOperand(dst, e.Path, e.Fold), ',')
		return append(appendQuoted(dst, e.Text), ')')
	case Constant:
		return strconv.AppendBool(dst, e.Value)
	}
	return dst
}

func appendPair(dst []byte, left Expr, word string, right Expr) []byte {
	dst = append(appendExpr(append(dst, '('), left), word...)
	return append(appendExpr(dst, right), ')')
}

func appendOperand(dst []byte, p Path, fold bool) []byte {
	if fold {
		return append(append(append(dst, "tolower("...), p.String()...), ')')
	}
	return append(dst, p.String()...)
}
