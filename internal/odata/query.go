package odata

// A Query is what a client asks of a collection, checked against the schema:
// every name in it exists and may be asked for.
type Query struct {
	Filter  Expr      // nil for none
	OrderBy []Order   // the store appends the id, where it is not there already, and chooses where there is none
	Select  Selection // the zero Selection is «all but the optional ones without value»
	Search  string    // case-folded; "" for none
	Top     int       // page size, 1..MaxTop; DefaultTop where none was asked
	HasTop  bool      // $top was given
	Skip    int
	Count   bool

	SkipToken string      // $skiptoken as sent, for TokenSealer.Open
	Format    string      // $format as sent
	Expand    []Expansion // in the order of the schema

	// After is the position behind which the page begins, as the store told it
	// for the same filter and order: a value for each key that it sorts by. Nil
	// begins at the start.
	After []Value
}

// Limits of a query. A larger page than MaxTop is refused, not clamped.
const (
	DefaultTop     = 100
	MaxTop         = 999
	MaxFilterBytes = 8 << 10
	MaxDepth       = 64
	MaxTerms       = 200
)

// An Order is one key of $orderby. Null sorts lowest, as in Microsoft Graph.
type Order struct {
	Path Path
	Desc bool
}

// A Path names a property, inside a complex one where Parent is not nil.
type Path struct {
	Parent   *Property // nil for a property of the entity itself
	Property *Property
}

// Column is the name of the path's column by rule: snake case, with the parent
// in front: credentials/adminUserName is credentials_admin_user_name.
func (p Path) Column() string {
	if p.Parent != nil {
		return Snake(p.Parent.Name) + "_" + Snake(p.Property.Name)
	}
	return Snake(p.Property.Name)
}

// A Selection is a checked $select.
type Selection struct {
	All   bool     // no $select was given
	Names []string // property names as the schema spells them, in schema order
}

// An Expr is a checked $filter: one of And, Or, Not, Comparison, In, Match or
// Constant.
type Expr interface{ expr() }

// Op is a comparison operator of $filter.
type Op uint8

// The comparison operators.
const (
	Eq Op = iota + 1
	Ne
	Gt
	Ge
	Lt
	Le
)

// Func is a string function of $filter.
type Func uint8

// The string functions.
const (
	StartsWith Func = iota + 1
	EndsWith
	Contains
)

// And holds where both sides hold.
type And struct{ Left, Right Expr }

// Or holds where one side holds.
type Or struct{ Left, Right Expr }

// Not holds where Expr does not.
type Not struct{ Expr Expr }

// A Comparison compares a property with a literal, which may be null. Fold says
// that tolower() was asked of the property, so that its stored case-folded twin
// is compared; the literal is compared as it stands.
type Comparison struct {
	Path  Path
	Fold  bool
	Op    Op
	Value Value
}

// In holds where the property equals one of the literals; none of them is null.
type In struct {
	Path   Path
	Fold   bool
	Values []Value
}

// A Match applies a string function to a property.
type Match struct {
	Path Path
	Fold bool
	Func Func
	Text string
}

// A Constant is the same for every object.
type Constant struct{ Value bool }

func (And) expr()        {}
func (Or) expr()         {}
func (Not) expr()        {}
func (Comparison) expr() {}
func (In) expr()         {}
func (Match) expr()      {}
func (Constant) expr()   {}
