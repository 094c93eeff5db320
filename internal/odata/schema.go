package odata

// Kind says what sort of value a property holds. The names are those of
// OData 4.01 CSDL, section 3.3, for the primitive types this service uses.
type Kind uint8

// The kinds. The zero Kind is never the kind of a property.
const (
	KindString Kind = iota + 1
	KindBoolean
	KindInt32
	KindInt64
	KindDateTimeOffset
	KindDuration
	KindGUID
	KindBinary
	KindEnum
	KindComplex
)

// A Member is one name of an enumeration with its number.
type Member struct {
	Name  string
	Value int64
	Doc   string
}

// An EnumType is a closed list of names. Clients send and receive the names;
// order comparisons and storage use the numbers.
type EnumType struct {
	Name    string // without the namespace: "syncStatus"
	Members []Member
}

// ValueOf returns the number of the member called name; names match exactly.
func (e *EnumType) ValueOf(name string) (int64, bool) {
	for _, m := range e.Members {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// NameOf returns the name of the member with number value, or "" for none.
func (e *EnumType) NameOf(value int64) string {
	for _, m := range e.Members {
		if m.Value == value {
			return m.Name
		}
	}
	return ""
}

// A Property is one member of a structured type: what it is and what may be
// asked of it. The zero value of every flag is the safe answer, no.
type Property struct {
	Name       string
	Kind       Kind
	Enum       *EnumType    // for KindEnum
	Complex    *ComplexType // for KindComplex
	Collection bool
	Nullable   bool
	MaxLength  int // of a string, in Unicode code points; 0 for no limit

	Filter bool // may stand in $filter
	Sort   bool // may stand in $orderby
	Search bool // is looked through by $search; needs Fold
	Fold   bool // has a stored case-folded twin, so tolower() may be asked of it

	Secret   bool // read as null for ever; never in a query or an error text
	Computed bool // owned by the service: accepted from clients and ignored
	Optional bool // absent from answers unless it has a value or is selected

	Doc string // one sentence, for $metadata and OpenAPI
}

// A ComplexType is a structured type without identity.
type ComplexType struct {
	Name       string // without the namespace
	Properties []Property
	Doc        string
}

// A Navigation is a collection of other entities: one that the entity
// contains, or a set at the root of the service.
type Navigation struct {
	Name   string
	Target *EntityType
	Set    string // the set at the root that it leads to; "" for contained entities
	Apart  bool   // read at its own address alone, never by $expand
	Doc    string
}

// An Action is a bound action: POST .../{id}/name; or a bound function, which
// changes nothing: GET .../{id}/name().
type Action struct {
	Name         string
	Function     bool
	Parameters   []Property
	Result       *Property   // type of the answer; its name is not used; nil for none
	ResultEntity *EntityType // type of an answer that is an entity; nil for none
	Doc          string
}

// An EntityType is a noun of the service. Its key is the string property "id".
// The one list of a noun's members is here: decoding, encoding, $metadata,
// queries and column names all follow from it.
type EntityType struct {
	Name        string // without the namespace: "cloudPkiSubscription"
	Properties  []Property
	Navigations []Navigation
	Actions     []Action
	Delta       bool // collections of it have the function delta()
	Doc         string
}

// Namespace is the schema namespace of all types, as in Microsoft Graph.
const Namespace = "microsoft.graph"

// Property returns the property called name, or nil. Names match without
// regard to ASCII case, as Microsoft Graph's query options do.
func (t *EntityType) Property(name string) *Property { return find(t.Properties, name) }

// Property returns the property called name, or nil, as EntityType.Property.
func (t *ComplexType) Property(name string) *Property { return find(t.Properties, name) }
