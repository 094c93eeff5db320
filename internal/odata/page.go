package odata

import "strconv"

// A Page is the control information of a collection. Empty links are not
// written; a client that sees a null link fails.
type Page struct {
	Context   string // @odata.context, an absolute URL; not with MetadataNone
	Count     int64  // @odata.count, where HasCount
	HasCount  bool
	NextLink  string // @odata.nextLink, an absolute URL
	DeltaLink string // @odata.deltaLink, an absolute URL
}

// AppendOpen writes a collection up to the bracket in front of its first item.
func (p Page) AppendOpen(dst []byte, f Format) []byte {
	o := objectWriter{dst: append(dst, '{'), format: f}
	if f.Metadata != MetadataNone {
		o.text(`"@odata.context":`, p.Context)
	}
	if p.HasCount {
		o.raw(`"@odata.count":`)
		o.dst = p.appendCount(o.dst, f)
	}
	o.text(`"@odata.nextLink":`, p.NextLink)
	o.text(`"@odata.deltaLink":`, p.DeltaLink)
	o.raw(`"value":[`)
	return o.dst
}

// AppendClose writes what closes AppendOpen.
func (p Page) AppendClose(dst []byte) []byte { return append(dst, "]}"...) }

func (p Page) appendCount(dst []byte, f Format) []byte {
	if f.IEEE754 {
		return append(strconv.AppendInt(append(dst, '"'), p.Count, 10), '"')
	}
	return strconv.AppendInt(dst, p.Count, 10)
}

// AppendExpansion writes items as the navigation property called name, with
// the control information of p in front of it and the link to further items
// behind it (OData JSON 4.01, sections 4.5.5 and 8.3). What stands in dst is a
// JSON object that has members and is not closed.
func (s *Shape[T]) AppendExpansion(dst []byte, name string, items []T, sel Selection, f Format, p Page, annotate func(*T) Annotations) []byte {
	control := func(term string) { dst = append(append(append(append(dst, `,"`...), name...), term...), `":`...) }
	if f.Metadata != MetadataNone {
		control("@odata.context")
		dst = AppendString(dst, p.Context)
	}
	if p.HasCount {
		control("@odata.count")
		dst = p.appendCount(dst, f)
	}
	control("")
	dst = append(dst, '[')
	for i := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.Append(dst, &items[i], sel, f, annotate(&items[i]))
	}
	dst = append(dst, ']')
	if p.NextLink != "" {
		control("@odata.nextLink")
		dst = AppendString(dst, p.NextLink)
	}
	return dst
}
