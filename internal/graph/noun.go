package graph

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// A noun is how one kind of entity is read: what it looks like and where it
// comes from. A further entity is a further noun and its lines in the table of
// routes.
type noun[T any] struct {
	server  *Server
	set     string // segment of the address: "syncRuns"
	nested  bool   // the set belongs to a subscription, whose key comes first
	within  string // the set of that subscription; "" is cloudPkiSubscriptions
	entity  *odata.EntityType
	shape   *odata.Shape[T]
	id      func(*T) pki.ID
	tag     func(*T) string // nil where the entity has no entity tag
	clocked string          // property that the clock moves without the tag; "" for none

	page func(context.Context, pki.TenantID, pki.ID, odata.Query) (pki.Page[T], error)
	one  func(context.Context, pki.TenantID, pki.ID, pki.ID, odata.Selection) (T, error) // nil where it cannot be had by key

	// For entities with navigations; nil for others. expanded is one with what
	// $expand asks for, which page brings along by itself; children writes it.
	expanded func(context.Context, pki.TenantID, pki.ID, odata.Query) (T, error)
	children func(dst []byte, x *exchange, item *T, list []odata.Expansion) []byte

	changes func(context.Context, pki.TenantID, pki.ID, odata.Query, pki.DeltaPosition) (pki.Delta[T], error) // nil where they cannot be followed
}

// list answers a page of the set.
func (n *noun[T]) list(x *exchange) error {
	q, parent, err := n.query(x)
	if err != nil {
		return err
	}
	page, err := n.page(x.r.Context(), x.principal.Tenant, parent, q)
	if err != nil {
		return err
	}
	p := odata.Page{Context: x.queryContext(n.place(x), q, ""), Count: page.Count, HasCount: q.Count}
	if page.After != nil {
		p.NextLink = x.nextLink(n.path(x), n.server.tokens.Seal(n.binding(x, q), page.After))
	}
	x.withBuffer(http.StatusOK, func(dst []byte) []byte { return n.appendPage(dst, x, page.Items, q, p) })
	return nil
}

func (n *noun[T]) appendPage(dst []byte, x *exchange, items []T, q odata.Query, p odata.Page) []byte {
	dst = p.AppendOpen(dst, x.format)
	for i := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = n.appendItem(dst, x, &items[i], q, n.annotations(x, &items[i]))
	}
	return p.AppendClose(dst)
}

func (n *noun[T]) appendItem(dst []byte, x *exchange, item *T, q odata.Query, a odata.Annotations) []byte {
	dst = n.shape.AppendOpen(dst, item, q.Select, x.format, a)
	if len(q.Expand) > 0 {
		dst = n.children(dst, x, item, q.Expand)
	}
	return append(dst, '}')
}

// count answers how many entities a query matches, as plain text.
func (n *noun[T]) count(x *exchange) error {
	q, parent, err := n.query(x)
	if err != nil {
		return err
	}
	q.Top, q.Skip, q.Count, q.After, q.Expand = 1, 0, true, nil, nil
	page, err := n.page(x.r.Context(), x.principal.Tenant, parent, q)
	if err != nil {
		return err
	}
	x.w.Header()["Content-Type"] = []string{mediaText}
	x.write(http.StatusOK, strconv.AppendInt(nil, page.Count, 10))
	return nil
}

// get answers a single entity, or 304 where the client has it already.
func (n *noun[T]) get(x *exchange) error {
	q, err := x.entityQuery(n.entity)
	if err != nil {
		return err
	}
	parent, err := n.parent(x)
	if err != nil {
		return err
	}
	id, err := x.key(len(x.keys)-1, n.entity.Name)
	if err != nil {
		return err
	}
	if len(q.Expand) > 0 {
		item, err := n.expanded(x.r.Context(), x.principal.Tenant, id, q)
		if err != nil {
			return err
		}
		n.writeQueried(x, http.StatusOK, &item, q) // its entity tag tells nothing of its children
		return nil
	}
	item, err := n.one(x.r.Context(), x.principal.Tenant, parent, id, q.Select)
	if err != nil {
		return err
	}
	if n.tag != nil {
		present := n.tag(&item)
		same, err := unchanged(x.r.Header["If-None-Match"], present)
		if err != nil {
			return err
		}
		x.w.Header()["ETag"] = []string{present}
		if same && !slices.Contains(q.Select.Names, n.clocked) {
			x.write(http.StatusNotModified, nil)
			return nil
		}
	}
	n.writeQueried(x, http.StatusOK, &item, q)
	return nil
}

// writeOne answers with one entity.
func (n *noun[T]) writeOne(x *exchange, status int, item *T, selection odata.Selection) {
	n.writeQueried(x, status, item, odata.Query{Select: selection})
}

// writeQueried answers with one entity as a query wants it.
func (n *noun[T]) writeQueried(x *exchange, status int, item *T, q odata.Query) {
	a := n.annotations(x, item)
	a.Context = x.queryContext(n.place(x), q, "/$entity")
	x.withBuffer(status, func(dst []byte) []byte { return n.appendItem(dst, x, item, q, a) })
}

func (n *noun[T]) annotations(x *exchange, item *T) odata.Annotations {
	return n.annotationsOf(x, n.owner(x), item)
}

func (n *noun[T]) annotationsOf(x *exchange, parent pki.ID, item *T) odata.Annotations {
	var a odata.Annotations
	if n.tag != nil {
		a.ETag = n.tag(item)
	}
	if x.format.Metadata == odata.MetadataFull {
		a.ID = x.url(below(n.pathOf(x, parent), n.id(item)))
		a.EditLink = a.ID
	}
	return a
}

// query reads the query options and the parent of a collection.
func (n *noun[T]) query(x *exchange) (odata.Query, pki.ID, error) {
	q, err := x.query(n.entity)
	if err != nil {
		return q, "", err
	}
	parent, err := n.parent(x)
	if err != nil {
		return q, "", err
	}
	if q.SkipToken != "" {
		q.Skip = 0
		if q.After, err = n.server.tokens.Open(n.binding(x, q), q.SkipToken); err != nil {
			return q, "", err
		}
	}
	x.preferPageSize(&q)
	q.Top = min(q.Top, pageLimit(q.Expand))
	return q, parent, nil
}

// binding is what a skip token is good for: one query of one set of one tenant.
func (n *noun[T]) binding(x *exchange, q odata.Query) string { return n.bindingOf(x, n.owner(x), q) }

func (n *noun[T]) bindingOf(x *exchange, parent pki.ID, q odata.Query) string {
	return string(x.principal.Tenant) + "\x00" + string(parent) + "\x00" + n.set + "\x00" + q.Canonical()
}

// owner is the parent's key as the address has it; "" for a set of its own.
func (n *noun[T]) owner(x *exchange) pki.ID {
	if !n.nested {
		return ""
	}
	return pki.ID(x.keys[0])
}

func (n *noun[T]) parent(x *exchange) (pki.ID, error) {
	if !n.nested {
		return "", nil
	}
	return x.key(0, strings.TrimSuffix(n.outer(), "s"))
}

// outer is the set of the parent.
func (n *noun[T]) outer() string { return cmp.Or(n.within, subscriptionSet) }

// place is the set as a context names it: cloudPkiSubscriptions('KEY')/syncRuns.
func (n *noun[T]) place(x *exchange) string { return n.placeOf(x, n.owner(x)) }

func (n *noun[T]) placeOf(x *exchange, parent pki.ID) string {
	if n.nested {
		return x.family() + n.outer() + "('" + string(parent) + "')/" + n.set
	}
	return x.family() + n.set
}

// path is the set's address below /beta.
func (n *noun[T]) path(x *exchange) string { return n.pathOf(x, n.owner(x)) }

func (n *noun[T]) pathOf(x *exchange, parent pki.ID) string {
	if n.nested {
		return x.family() + n.outer() + "/" + string(parent) + "/" + n.set
	}
	return x.family() + n.set
}
