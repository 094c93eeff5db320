package odata

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// getter reads the properties of an object, as Eval wants it.
func getter(o Object) func(Path, bool) Value {
	return func(p Path, fold bool) Value {
		v := o.Get(p.Property.Name)
		if p.Parent != nil {
			v = p.Parent.Complex.Object(o.Get(p.Parent.Name)).Get(p.Property.Name)
		}
		if fold && v.state == Present {
			return String(Fold(v.str))
		}
		return v
	}
}

func TestEval(t *testing.T) {
	s := documented(t, subscriptionType())
	s.Set("description", NullValue())
	for filter, want := range map[string]bool{
		"version eq 7":                        true,
		"version ne 7":                        false,
		"version gt 6":                        true,
		"version ge 7":                        true,
		"version lt 7":                        false,
		"version le 7":                        true,
		"7 lt version":                        false,
		"version in (1,7)":                    true,
		"version in (1,2)":                    false,
		"displayName gt 'D'":                  true,
		"displayName eq 'display name value'": false,
		"tolower(displayName) eq 'display name value'":          true,
		"tolower(displayName) eq 'Display Name value'":          false,
		"contains(displayName,'Name')":                          true,
		"contains(displayName,'name')":                          false,
		"contains(tolower(displayName),'name')":                 true,
		"contains(displayName,'')":                              true,
		"startswith(displayName,'Disp')":                        true,
		"endswith(displayName,'Disp')":                          false,
		"endswith(displayName,'value')":                         true,
		"syncStatus eq 'succeeded'":                             true,
		"syncStatus gt 'unKnown'":                               true,
		"syncStatus lt 'failed'":                                true,
		"credentials/adminUserName eq 'Admin User Name value'":  true,
		"lastSyncDateTime eq 2017-01-01T08:02:49.3205976Z":      true,
		"lastSyncDateTime gt 2017-01-01T00:02:49.3205975-08:00": true,
		"lastSyncDateTime lt 2017-01-01T00:02:49.3205976-08:00": false,
		"true":               true,
		"false":              false,
		"not (version eq 7)": false,

		"description eq null":                       true,
		"description ne null":                       false,
		"null eq description":                       true,
		"displayName eq null":                       false,
		"displayName ne null":                       true,
		"description eq 'a'":                        false,
		"description ne 'a'":                        true,
		"description gt 'a'":                        false,
		"not (description gt 'a')":                  true,
		"description le null":                       false,
		"description in ('a')":                      false,
		"not (description in ('a'))":                true,
		"description in ('a',null)":                 true,
		"tolower(description) eq null":              true,
		"contains(description,'a')":                 false,
		"not contains(description,'a')":             false,
		"contains(description,'')":                  false,
		"contains(description,'a') or true":         true,
		"contains(description,'a') and false":       false,
		"not (contains(description,'a') and false)": true,
		"contains(description,'a') eq false":        false,
		"paused":                                    false,
		"not paused":                                true,
		"paused eq null":                            true,
		"paused ne true":                            true,
	} {
		e, err := parseFilter(filter, subscriptionType())
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if got := Eval(e, getter(s.Object)); got != want {
			t.Errorf("%s is %v, want %v", filter, got, want)
		}
	}
}

// drawExpr makes any Expr that a filter can say.
func drawExpr(t *rapid.T, et *EntityType, depth int) Expr {
	if depth > 0 {
		switch rapid.IntRange(0, 5).Draw(t, "node") {
		case 0:
			return And{drawExpr(t, et, depth-1), drawExpr(t, et, depth-1)}
		case 1:
			return Or{drawExpr(t, et, depth-1), drawExpr(t, et, depth-1)}
		case 2:
			return Not{drawExpr(t, et, depth-1)}
		}
	}
	paths := filterable(et)
	p := rapid.SampledFrom(paths).Draw(t, "path")
	fold := p.Property.Fold && rapid.Bool().Draw(t, "fold")
	switch rapid.IntRange(0, 3).Draw(t, "leaf") {
	case 0:
		if p.Property.Kind == KindString {
			f := Func(rapid.IntRange(int(StartsWith), int(Contains)).Draw(t, "func"))
			return Match{Path: p, Fold: fold, Func: f, Text: drawValue(t, p.Property).str}
		}
	case 1:
		n := rapid.IntRange(1, 3).Draw(t, "items")
		in := In{Path: p, Fold: fold}
		for range n {
			in.Values = append(in.Values, drawValue(t, p.Property))
		}
		return in
	case 2:
		return Constant{rapid.Bool().Draw(t, "constant")}
	}
	if rapid.Bool().Draw(t, "null") {
		return Comparison{Path: p, Fold: fold, Op: Op(rapid.IntRange(int(Eq), int(Ne)).Draw(t, "op")), Value: NullValue()}
	}
	last := Le
	if p.Property.Kind == KindBoolean {
		last = Ne
	}
	return Comparison{Path: p, Fold: fold, Op: Op(rapid.IntRange(int(Eq), int(last)).Draw(t, "op")), Value: drawValue(t, p.Property)}
}

func filterable(et *EntityType) []Path {
	var paths []Path
	for i := range et.Properties {
		p := &et.Properties[i]
		if p.Filter {
			paths = append(paths, Path{Property: p})
		}
		if p.Kind == KindComplex && !p.Collection {
			for j := range p.Complex.Properties {
				if c := &p.Complex.Properties[j]; c.Filter {
					paths = append(paths, Path{Parent: p, Property: c})
				}
			}
		}
	}
	return paths
}

// drawValue makes a present value out of a small range, so that filters meet
// objects now and then.
func drawValue(t *rapid.T, p *Property) Value {
	switch p.Kind {
	case KindBoolean:
		return Bool(rapid.Bool().Draw(t, "bool"))
	case KindInt32, KindInt64, KindDuration:
		return Int(rapid.Int64Range(-2, 2).Draw(t, "int"))
	case KindEnum:
		return Int(rapid.SampledFrom(p.Enum.Members).Draw(t, "member").Value)
	case KindDateTimeOffset:
		return Date(DateTimeOffset{Ticks: rapid.Int64Range(-2, 2).Draw(t, "ticks")})
	case KindGUID:
		return String(rapid.StringMatching(`0000000[0-3]-0000-0000-0000-00000000000[ab]`).Draw(t, "guid"))
	default:
		return String(rapid.StringMatching(`['aAbB€ (]{0,3}`).Draw(t, "text"))
	}
}

func drawObject(t *rapid.T, et *EntityType) Object {
	o := NewObject(et.Properties)
	for _, p := range filterable(et) {
		v := NullValue()
		if rapid.Bool().Draw(t, "present") {
			v = drawValue(t, p.Property)
		}
		if p.Parent == nil {
			o.Set(p.Property.Name, v)
			continue
		}
		c := p.Parent.Complex.Object(o.Get(p.Parent.Name))
		c.Set(p.Property.Name, v)
		o.Set(p.Parent.Name, c.Value())
	}
	return o
}

func TestFilterRoundTrips(t *testing.T) {
	et := subscriptionType()
	rapid.Check(t, func(t *rapid.T) {
		e := drawExpr(t, et, 4)
		text := string(appendExpr(nil, e))
		again, err := parseFilter(text, et)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if second := string(appendExpr(nil, again)); second != text {
			t.Fatalf("%s is read as %s", text, second)
		}
		o := drawObject(t, et)
		if Eval(e, getter(o)) != Eval(again, getter(o)) {
			t.Fatalf("%s means something else once read", text)
		}
	})
}

func TestEvalLaws(t *testing.T) {
	et := subscriptionType()
	rapid.Check(t, func(t *rapid.T) {
		a, b, o := drawExpr(t, et, 2), drawExpr(t, et, 2), drawObject(t, et)
		holds := func(e Expr) bool { return Eval(e, getter(o)) }
		if holds(Not{And{a, b}}) != holds(Or{Not{a}, Not{b}}) || holds(Not{Or{a, b}}) != holds(And{Not{a}, Not{b}}) {
			t.Fatal("De Morgan's laws do not hold")
		}
		if holds(Not{Not{a}}) != holds(a) || holds(a) && holds(Not{a}) {
			t.Fatal("a double negation, or a contradiction, does not hold")
		}
		if holds(And{a, b}) != (holds(a) && holds(b)) || holds(Or{a, b}) != (holds(a) || holds(b)) {
			t.Fatal("and, or do not hold")
		}
	})
}

func TestInIsAChainOfEq(t *testing.T) {
	et := subscriptionType()
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(filterable(et)).Draw(t, "path")
		a, b := drawValue(t, p.Property), drawValue(t, p.Property)
		chain := Or{Comparison{Path: p, Op: Eq, Value: a}, Comparison{Path: p, Op: Eq, Value: b}}
		in := In{Path: p, Values: []Value{a, b}}
		o := drawObject(t, et)
		got := [2]bool{Eval(in, getter(o)), Eval(Not{in}, getter(o))}
		want := [2]bool{Eval(chain, getter(o)), Eval(Not{chain}, getter(o))}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
