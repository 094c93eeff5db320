package odata

// An Object is a structured value with its members in schema order. Copies of
// an Object share their members.
type Object struct {
	properties []Property
	values     []Value
}

// NewObject returns an object of the given properties, all of them Absent.
func NewObject(properties []Property) Object {
	return Object{properties: properties, values: make([]Value, len(properties))}
}

// Object reads a complex value by the names of its type. A null or absent
// value yields an object whose members are all Absent.
func (t *ComplexType) Object(v Value) Object {
	o := NewObject(t.Properties)
	copy(o.values, v.list)
	return o
}

// Get returns the member spelled exactly name, Absent where there is none.
func (o Object) Get(name string) Value {
	if i := findExact(o.properties, name); i >= 0 {
		return o.values[i]
	}
	return Value{}
}

// Set replaces the member spelled exactly name and reports whether the type
// has such a member.
func (o Object) Set(name string, v Value) bool {
	i := findExact(o.properties, name)
	if i < 0 {
		return false
	}
	o.values[i] = v
	return true
}

// Value returns the object as a complex value.
func (o Object) Value() Value { return List(o.values...) }
