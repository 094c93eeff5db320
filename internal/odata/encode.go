package odata

import (
	"encoding/base64"
	"strconv"
)

// Metadata is the amount of control information in an answer, the format
// parameter odata.metadata of OData JSON 4.01, section 3.1.
type Metadata uint8

// The amounts. The zero Metadata is the default.
const (
	MetadataMinimal Metadata = iota
	MetadataNone
	MetadataFull
)

// A Format is how an answer is to be written.
type Format struct {
	Metadata Metadata
	IEEE754  bool // Int64 as strings: the format parameter IEEE754Compatible
}

// Annotations is the control information of one entity that only the caller
// knows. Empty ones are not written.
type Annotations struct {
	Context  string // @odata.context, an absolute URL
	ETag     string // @odata.etag
	ID       string // @odata.id, with MetadataFull
	EditLink string // @odata.editLink and the root of navigation links, with MetadataFull
}

// appendPrimitive writes a present value that is neither complex nor a
// collection.
func appendPrimitive(dst []byte, p *Property, v *Value, f Format) []byte {
	switch p.Kind {
	case KindBoolean:
		return strconv.AppendBool(dst, v.num != 0)
	case KindInt32:
		return strconv.AppendInt(dst, v.num, 10)
	case KindInt64:
		if f.IEEE754 {
			return append(strconv.AppendInt(append(dst, '"'), v.num, 10), '"')
		}
		return strconv.AppendInt(dst, v.num, 10)
	case KindDateTimeOffset:
		return append(v.time.Append(append(dst, '"')), '"')
	case KindDuration:
		return append(AppendDuration(append(dst, '"'), v.Span()), '"')
	case KindBinary:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.bin), '"')
	case KindEnum:
		return appendEnum(dst, p.Enum, v.num)
	default: // KindString, KindGUID
		return AppendString(dst, v.str)
	}
}

// appendEnum writes the member's name; a number without a name is written as
// text, as OData does for members that a model does not know.
func appendEnum(dst []byte, e *EnumType, n int64) []byte {
	if name := e.NameOf(n); name != "" {
		return AppendString(dst, name)
	}
	return append(strconv.AppendInt(append(dst, '"'), n, 10), '"')
}

// TypeName returns the property's type as CSDL spells it: Edm.String,
// Collection(microsoft.graph.keyValuePair).
func (p *Property) TypeName() string {
	if p.Collection {
		return "Collection(" + p.itemType() + ")"
	}
	return p.itemType()
}

func (p *Property) itemType() string {
	switch p.Kind {
	case KindEnum:
		return Namespace + "." + p.Enum.Name
	case KindComplex:
		return Namespace + "." + p.Complex.Name
	default:
		return "Edm." + p.Kind.edm()
	}
}

// edm is the name of a primitive kind in the namespace Edm.
func (k Kind) edm() string {
	switch k {
	case KindBoolean:
		return "Boolean"
	case KindInt32:
		return "Int32"
	case KindInt64:
		return "Int64"
	case KindDateTimeOffset:
		return "DateTimeOffset"
	case KindDuration:
		return "Duration"
	case KindGUID:
		return "Guid"
	case KindBinary:
		return "Binary"
	default:
		return "String"
	}
}

// controlType returns the value of prop@odata.type with MetadataFull, or ""
// where the JSON value tells the type by itself: OData JSON 4.01, section
// 4.6.3, in the spelling of OData 4.0, which leaves Edm out and begins with #.
func (p *Property) controlType() string {
	name := p.itemType()
	switch p.Kind {
	case KindComplex:
		if !p.Collection {
			return "" // the object says it
		}
	case KindEnum:
	case KindString, KindBoolean:
		if !p.Collection {
			return ""
		}
		name = p.Kind.edm()
	default:
		name = p.Kind.edm()
	}
	if p.Collection {
		return "#Collection(" + name + ")"
	}
	return "#" + name
}
