package odata

import "time"

// State says whether a Value was there at all.
type State uint8

// The states of a Value.
const (
	Absent  State = iota // not mentioned
	Null                 // explicitly null
	Present              // has a value of its kind
)

// A Value is one property value of any kind, without allocation for the
// primitive ones. The zero Value is Absent. Which accessor is meaningful
// follows from the Property the value belongs to.
type Value struct {
	state State
	str   string         // KindString, KindGUID (lower case)
	num   int64          // KindBoolean (0, 1), KindInt32, KindInt64, KindEnum, KindDuration (nanoseconds)
	time  DateTimeOffset // KindDateTimeOffset
	bin   []byte         // KindBinary, decoded
	list  []Value        // KindComplex: one per property, in schema order; Collection: one per item
}

// NullValue is the explicit null.
func NullValue() Value { return Value{state: Null} }

// String returns a present string or GUID value.
func String(s string) Value { return Value{state: Present, str: s} }

// StringOrNull returns *s, or null where s is nil.
func StringOrNull(s *string) Value {
	if s == nil {
		return NullValue()
	}
	return String(*s)
}

// Int returns a present Int32, Int64 or enumeration value.
func Int(n int64) Value { return Value{state: Present, num: n} }

// Bool returns a present Boolean value.
func Bool(b bool) Value {
	if b {
		return Int(1)
	}
	return Int(0)
}

// Duration returns a present Edm.Duration value.
func Duration(d time.Duration) Value { return Int(int64(d)) }

// Date returns a present DateTimeOffset value.
func Date(d DateTimeOffset) Value { return Value{state: Present, time: d} }

// Binary returns a present binary value, or null where b is nil.
func Binary(b []byte) Value {
	if b == nil {
		return NullValue()
	}
	return Value{state: Present, bin: b}
}

// List returns a present complex value (one item per property, in schema
// order) or a present collection (one item per element).
func List(items ...Value) Value { return Value{state: Present, list: items} }

// State says whether the value is absent, null or present.
func (v Value) State() State { return v.state }

// Str returns the text of a string or GUID.
func (v Value) Str() string { return v.str }

// Num returns the number of an Int32, Int64 or enumeration value.
func (v Value) Num() int64 { return v.num }

// IsTrue returns the truth of a Boolean.
func (v Value) IsTrue() bool { return v.num != 0 }

// Span returns the length of an Edm.Duration.
func (v Value) Span() time.Duration { return time.Duration(v.num) }

// Time returns the instant of a DateTimeOffset.
func (v Value) Time() DateTimeOffset { return v.time }

// Bytes returns the bytes of a binary value. They are not copied.
func (v Value) Bytes() []byte { return v.bin }

// Items returns the members of a complex value or the elements of a collection.
func (v Value) Items() []Value { return v.list }
