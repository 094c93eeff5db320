package odata

import (
	"strconv"
	"strings"
)

// parseFilter reads a $filter by the grammar of OData 4.01 URL conventions,
// section 5.1.1, as far as this service has it: comparisons of a property
// with a literal, in, and, or, not, parentheses, startswith, endswith,
// contains and tolower. Precedence, from the tightest: not; gt ge lt le in;
// eq ne; and; or.
func parseFilter(text string, t *EntityType) (Expr, error) {
	p := filterParser{lexer: lexer{text: text}, t: t}
	if err := p.advance(); err != nil {
		return nil, err
	}
	o, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != lexEnd {
		return nil, p.unexpected()
	}
	return p.condition(o)
}

// A filterParser descends one $filter. Each level returns an operand, since
// only what stands around it says whether it must be a condition.
type filterParser struct {
	lexer lexer
	t     *EntityType
	tok   token // the next one
	depth int
	terms int
}

// An operand is a condition, a property or a literal.
type operand struct {
	expr Expr // nil for the others
	path Path // Property is nil for a literal
	fold bool // tolower() stands around it
	lit  token
	pos  int
}

func (o operand) isPath() bool    { return o.path.Property != nil }
func (o operand) isLiteral() bool { return o.expr == nil && !o.isPath() }

func (p *filterParser) advance() error {
	tok, ok := p.lexer.next()
	if !ok {
		return p.fail(tok.pos, "there is an unterminated string literal")
	}
	p.tok = tok
	return nil
}

// keyword takes the next token if it is the word.
func (p *filterParser) keyword(word string) (bool, error) {
	if p.tok.kind != lexWord || !equalFoldASCII(p.tok.text, word) {
		return false, nil
	}
	return true, p.advance()
}

// or reads conditions joined by or.
func (p *filterParser) or() (operand, error) {
	return p.join("or", p.and, func(left, right Expr) Expr { return Or{left, right} })
}

// and reads conditions joined by and.
func (p *filterParser) and() (operand, error) {
	return p.join("and", p.equality, func(left, right Expr) Expr { return And{left, right} })
}

func (p *filterParser) join(word string, next func() (operand, error), combine func(left, right Expr) Expr) (operand, error) {
	left, err := next()
	for err == nil {
		var found bool
		if found, err = p.keyword(word); !found || err != nil {
			return left, err
		}
		var a, b Expr
		if a, err = p.condition(left); err != nil {
			break
		}
		var right operand
		if right, err = next(); err != nil {
			break
		}
		if b, err = p.condition(right); err != nil {
			break
		}
		left = operand{expr: combine(a, b), pos: left.pos}
	}
	return operand{}, err
}

// equality reads eq and ne.
func (p *filterParser) equality() (operand, error) { return p.comparisons(p.relational, Eq, Ne) }

// relational reads gt, ge, lt, le and in.
func (p *filterParser) relational() (operand, error) {
	left, err := p.comparisons(p.unary, Gt, Le)
	if err != nil || p.tok.kind != lexWord || !equalFoldASCII(p.tok.text, "in") {
		return left, err
	}
	return p.in(left)
}

// comparisons reads operands joined by the operators from first to last.
func (p *filterParser) comparisons(next func() (operand, error), first, last Op) (operand, error) {
	left, err := next()
	for err == nil {
		op := operator(p.tok)
		if op < first || op > last {
			return left, nil
		}
		pos := p.tok.pos
		if err = p.advance(); err != nil {
			break
		}
		var right operand
		if right, err = next(); err != nil {
			break
		}
		left, err = p.compare(left, op, right, pos)
	}
	return operand{}, err
}

// operator returns the comparison operator that a token is, or 0.
func operator(t token) Op {
	if t.kind != lexWord {
		return 0
	}
	for op := Eq; op <= Le; op++ {
		if equalFoldASCII(t.text, op.String()) {
			return op
		}
	}
	return 0
}

// unary reads not and what it applies to.
func (p *filterParser) unary() (operand, error) {
	pos := p.tok.pos
	found, err := p.keyword("not")
	if err != nil {
		return operand{}, err
	}
	if !found {
		return p.primary()
	}
	if err := p.enter(pos); err != nil {
		return operand{}, err
	}
	defer p.leave()
	o, err := p.unary()
	if err != nil {
		return operand{}, err
	}
	if !p.isCondition(o) {
		return operand{}, p.fail(pos, "what follows 'not' must be a condition in parentheses or a function")
	}
	e, err := p.condition(o)
	return operand{expr: Not{e}, pos: pos}, err
}

// primary reads a literal, a property, a function call or parentheses.
func (p *filterParser) primary() (operand, error) {
	tok := p.tok
	switch tok.kind {
	case lexOpen:
		return p.parentheses()
	case lexString:
		return operand{lit: tok, pos: tok.pos}, p.advance()
	case lexWord:
	default:
		return operand{}, p.unexpected()
	}
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	switch {
	case p.tok.kind == lexOpen:
		return p.call(tok)
	case isLiteral(tok.text):
		return operand{lit: tok, pos: tok.pos}, nil
	}
	if strings.HasPrefix(tok.text, "@") {
		return operand{}, p.fail(tok.pos, "parameter aliases are not supported")
	}
	path, problem := resolve(p.t, tok.text)
	if problem == "" && (!path.Property.Filter || path.Property.Secret || path.Property.Collection) {
		problem = "the property '" + path.String() + "' is not filterable"
	}
	if problem != "" {
		return operand{}, p.fail(tok.pos, problem)
	}
	return operand{path: path, pos: tok.pos}, nil
}

func (p *filterParser) parentheses() (operand, error) {
	if err := p.enter(p.tok.pos); err != nil {
		return operand{}, err
	}
	defer p.leave()
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	o, err := p.or()
	if err != nil {
		return operand{}, err
	}
	return o, p.expect(lexClose)
}

// expect takes a token of the given kind.
func (p *filterParser) expect(kind lexeme) error {
	if p.tok.kind != kind {
		return p.unexpected()
	}
	return p.advance()
}

// enter goes one level down, if there is one left.
func (p *filterParser) enter(pos int) error {
	if p.depth++; p.depth > MaxDepth {
		return p.fail(pos, "it is nested more than "+strconv.Itoa(MaxDepth)+" levels deep")
	}
	return nil
}

func (p *filterParser) leave() { p.depth-- }

// count notes one more term.
func (p *filterParser) count(pos int) error {
	if p.terms++; p.terms > MaxTerms {
		return p.fail(pos, "it has more than "+strconv.Itoa(MaxTerms)+" terms")
	}
	return nil
}

func (p *filterParser) unexpected() error {
	switch p.tok.kind {
	case lexEnd:
		return p.fail(p.tok.pos, "it ends too early")
	case lexWord:
		if operator := foreignOperator(p.tok.text); operator != "" {
			return p.fail(p.tok.pos, "the operator '"+operator+"' is not supported")
		}
		if shown(p.tok.text) {
			return p.fail(p.tok.pos, "'"+p.tok.text+"' is not expected")
		}
	case lexOpen:
		return p.fail(p.tok.pos, "'(' is not expected")
	case lexClose:
		return p.fail(p.tok.pos, "')' is not expected")
	case lexComma:
		return p.fail(p.tok.pos, "',' is not expected")
	default:
	}
	return p.fail(p.tok.pos, "there is a syntax error")
}

// foreignOperator returns the operator of OData that word is and this service
// does not have, or "".
func foreignOperator(word string) string {
	for _, operator := range [...]string{"has", "add", "sub", "mul", "div", "divby", "mod"} {
		if equalFoldASCII(word, operator) {
			return operator
		}
	}
	return ""
}

func (p *filterParser) fail(pos int, problem string) error {
	return optionError("$filter", pos, "Invalid filter clause: "+problem+" at position "+strconv.Itoa(pos)+".")
}
