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

// AppendPage writes items as a collection. The annotations of each come from
// annotate, which may be nil.
func (s *Shape[T]) AppendPage(dst []byte, items []T, sel Selection, f Format, p Page, annotate func(*T) Annotations) []byte {
	dst = p.AppendOpen(dst, f)
	for i := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		var a Annotations
		if annotate != nil {
			a = annotate(&items[i])
		}
		dst = s.Append(dst, &items[i], sel, f, a)
	}
	return p.AppendClose(dst)
}

// AppendOpen writes a collection up to the bracket in front of its first item.
func (p Page) AppendOpen(dst []byte, f Format) []byte {
	o := objectWriter{dst: append(dst, '{'), format: f}
	if f.Metadata != MetadataNone {
		o.text(`"@odata.context":`, p.Context)
	}
	if p.HasCount {
		o.raw(`"@odata.count":`)
		if f.IEEE754 {
			o.dst = append(strconv.AppendInt(append(o.dst, '"'), p.Count, 10), '"')
		} else {
			o.dst = strconv.AppendInt(o.dst, p.Count, 10)
		}
	}
	o.text(`"@odata.nextLink":`, p.NextLink)
	o.text(`"@odata.deltaLink":`, p.DeltaLink)
	o.raw(`"value":[`)
	return o.dst
}

// AppendClose writes what closes AppendOpen.
func (p Page) AppendClose(dst []byte) []byte { return append(dst, "]}"...) }
