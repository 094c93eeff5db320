package odata

import "strings"

// isCondition reports whether o may stand where true or false is wanted.
func (p *filterParser) isCondition(o operand) bool {
	if o.isPath() {
		return o.path.Property.Kind == KindBoolean
	}
	return o.expr != nil || o.lit.isBool()
}

// condition turns o into a condition: a Boolean property stands for its being
// true.
func (p *filterParser) condition(o operand) (Expr, error) {
	switch {
	case o.expr != nil:
		return o.expr, nil
	case !p.isCondition(o):
		return nil, p.fail(o.pos, "a condition is expected")
	case o.isPath():
		return Comparison{Path: o.path, Op: Eq, Value: Bool(true)}, p.count(o.pos)
	}
	return Constant{Value: o.lit.isTrue()}, p.count(o.pos)
}

// compare makes a condition of two operands, one of which is a literal.
func (p *filterParser) compare(left operand, op Op, right operand, pos int) (operand, error) {
	if left.isLiteral() {
		left, right = right, left
		op = op.flip()
	}
	switch {
	case left.isLiteral():
		return operand{}, p.fail(pos, "one side of '"+op.String()+"' must be a property")
	case !right.isLiteral():
		return operand{}, p.fail(pos, "one side of '"+op.String()+"' must be a literal")
	case left.expr != nil:
		return p.compareCondition(left, op, right, pos)
	}
	if err := p.count(left.pos); err != nil {
		return operand{}, err
	}
	value, problem := literal(left.path.Property, right.lit)
	if problem == "" && value.state == Present && left.path.Property.Kind == KindBoolean && op > Ne {
		problem = "a Boolean can only be compared with eq and ne"
	}
	if problem != "" {
		return operand{}, p.fail(right.pos, problem)
	}
	if value.state == Null && op > Ne {
		return operand{expr: Constant{false}, pos: left.pos}, nil // nothing is greater or less than null
	}
	e := Comparison{Path: left.path, Fold: left.fold, Op: op, Value: right.folded(value)}
	return operand{expr: e, pos: left.pos}, nil
}

// compareCondition reads "startswith(…) eq true" and the like.
func (p *filterParser) compareCondition(left operand, op Op, right operand, pos int) (operand, error) {
	if op > Ne || !right.lit.isBool() {
		return operand{}, p.fail(pos, "a condition can only be compared with eq or ne and true or false")
	}
	if right.lit.isTrue() == (op == Eq) {
		return left, nil
	}
	return operand{expr: Not{left.expr}, pos: left.pos}, p.count(pos)
}

// folded applies the tolower() that stands around a literal.
func (o operand) folded(v Value) Value {
	if o.fold && v.state == Present {
		v.str = Fold(v.str)
	}
	return v
}

// in reads the list behind in; that word is the next token. A null in the list
// becomes a comparison of its own, so that an In never holds one.
func (p *filterParser) in(left operand) (operand, error) {
	if !left.isPath() {
		return operand{}, p.fail(left.pos, "a property must stand in front of 'in'")
	}
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	if err := p.expect(lexOpen); err != nil {
		return operand{}, err
	}
	list := In{Path: left.path, Fold: left.fold}
	withNull := false
	for {
		value, err := p.listItem(left.path.Property)
		if err != nil {
			return operand{}, err
		}
		if value.state == Null {
			withNull = true
		} else {
			list.Values = append(list.Values, value)
		}
		if p.tok.kind != lexComma {
			break
		}
		if err := p.advance(); err != nil {
			return operand{}, err
		}
	}
	if err := p.expect(lexClose); err != nil {
		return operand{}, err
	}
	isNull := Comparison{Path: left.path, Fold: left.fold, Op: Eq, Value: NullValue()}
	switch {
	case !withNull:
		return operand{expr: list, pos: left.pos}, nil
	case len(list.Values) == 0:
		return operand{expr: isNull, pos: left.pos}, nil
	}
	return operand{expr: Or{list, isNull}, pos: left.pos}, nil
}

func (p *filterParser) listItem(property *Property) (Value, error) {
	tok := p.tok
	if tok.kind != lexString && tok.kind != lexWord {
		return Value{}, p.unexpected()
	}
	if err := p.count(tok.pos); err != nil {
		return Value{}, err
	}
	value, problem := literal(property, tok)
	if problem != "" {
		return Value{}, p.fail(tok.pos, problem)
	}
	return value, p.advance()
}

// call reads a function call; its opening parenthesis is the next token.
func (p *filterParser) call(name token) (operand, error) {
	f, ok := function(name.text)
	if !ok {
		return operand{}, p.fail(name.pos, unknownFunction(name.text))
	}
	if err := p.enter(name.pos); err != nil {
		return operand{}, err
	}
	defer p.leave()
	if err := p.advance(); err != nil {
		return operand{}, err
	}
	first, err := p.or()
	if err != nil {
		return operand{}, err
	}
	if f == 0 {
		if err := p.expect(lexClose); err != nil {
			return operand{}, err
		}
		return p.toLower(first, name.pos)
	}
	if err := p.expect(lexComma); err != nil {
		return operand{}, err
	}
	second, err := p.or()
	if err != nil {
		return operand{}, err
	}
	if err := p.expect(lexClose); err != nil {
		return operand{}, err
	}
	return p.match(f, first, second, name.pos)
}

// unknownFunction says why name cannot be called.
func unknownFunction(name string) string {
	path, last, nested := strings.Cut(name, "/")
	switch {
	case nested && shown(path) && (equalFoldASCII(last, "any") || equalFoldASCII(last, "all")):
		return "the lambda operator '" + strings.ToLower(last) + "' is not supported"
	case shown(name):
		return "the function '" + name + "' is not supported"
	}
	return "there is a syntax error"
}

// function returns the string function called name; 0 is tolower.
func function(name string) (Func, bool) {
	if equalFoldASCII(name, "tolower") {
		return 0, true
	}
	for f := StartsWith; f <= Contains; f++ {
		if equalFoldASCII(name, f.String()) {
			return f, true
		}
	}
	return 0, false
}

// toLower puts tolower() around a property or a string.
func (p *filterParser) toLower(o operand, pos int) (operand, error) {
	switch {
	case o.isPath() && o.path.Property.Fold:
	case o.isPath():
		return operand{}, p.fail(pos, "tolower is not supported on the property '"+o.path.String()+"'")
	case o.expr != nil || o.lit.kind != lexString || o.lit.prefix != "":
		return operand{}, p.fail(pos, "tolower needs a property or a string in single quotes")
	}
	o.fold, o.pos = true, pos
	return o, nil
}

// match makes a condition of a string function.
func (p *filterParser) match(f Func, first, second operand, pos int) (operand, error) {
	if !first.isPath() || first.path.Property.Kind != KindString {
		return operand{}, p.fail(first.pos, "the first argument of "+f.String()+" must be a string property")
	}
	if !second.isLiteral() || second.lit.kind != lexString || second.lit.prefix != "" {
		return operand{}, p.fail(second.pos, "the second argument of "+f.String()+" must be a string in single quotes")
	}
	if err := p.count(pos); err != nil {
		return operand{}, err
	}
	text := second.folded(String(second.lit.text)).str
	return operand{expr: Match{Path: first.path, Fold: first.fold, Func: f, Text: text}, pos: pos}, nil
}
