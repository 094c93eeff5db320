package graph

import (
	"context"
	"net/http"
	"strconv"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// A noun is how one kind of entity is read: what it looks like and where it
// comes from. A further entity is a further noun and its lines in the table of
// routes.
type noun[T any] struct {
	server *Server
	set    string // segment of the address: "syncRuns"
	nested bool   // the set belongs to a subscription, whose key comes first
	entity *odata.EntityType
	shape  *odata.Shape[T]
	id     func(*T) pki.ID
	tag    func(*T) string // nil where the entity has no entity tag

	page func(context.Context, pki.TenantID, pki.ID, odata.Query) (pki.Page[T], error)
	one  func(context.Context, pki.TenantID, pki.ID, pki.ID, odata.Selection) (T, error) // nil where it cannot be had by key
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
	p := odata.Page{Context: x.context(n.place(x), q.Select, ""), Count: page.Count, HasCount: q.Count}
	if page.After != nil {
		p.NextLink = x.nextLink(n.path(x), n.server.tokens.Seal(n.binding(x, q), page.After))
	}
	x.withBuffer(http.StatusOK, func(dst []byte) []byte {
		return n.shape.AppendPage(dst, page.Items, q.Select, x.format, p, func(item *T) odata.Annotations { return n.annotations(x, item) })
	})
	return nil
}

// count answers how many entities a query matches, as plain text.
func (n *noun[T]) count(x *exchange) error {
	q, parent, err := n.query(x)
	if err != nil {
		return err
	}
	q.Top, q.Skip, q.Count, q.After = 1, 0, true, nil
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
	selection, err := x.selection(n.entity)
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
	item, err := n.one(x.r.Context(), x.principal.Tenant, parent, id, selection)
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
		if same {
			x.write(http.StatusNotModified, nil)
			return nil
		}
	}
	n.writeOne(x, http.StatusOK, &item, selection)
	return nil
}

// writeOne answers with one entity.
func (n *noun[T]) writeOne(x *exchange, status int, item *T, selection odata.Selection) {
	a := n.annotations(x, item)
	a.Context = x.context(n.place(x), selection, "/$entity")
	x.withBuffer(status, func(dst []byte) []byte {
		return n.shape.Append(dst, item, selection, x.format, a)
	})
}

func (n *noun[T]) annotations(x *exchange, item *T) odata.Annotations {
	var a odata.Annotations
	if n.tag != nil {
		a.ETag = n.tag(item)
	}
	if x.format.Metadata == odata.MetadataFull {
		a.ID = x.url(n.path(x) + "/" + string(n.id(item)))
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
	return q, parent, nil
}

// binding is what a skip token is good for: one query of one set of one tenant.
func (n *noun[T]) binding(x *exchange, q odata.Query) string {
	parent := ""
	if n.nested {
		parent = x.keys[0]
	}
	return string(x.principal.Tenant) + "\x00" + parent + "\x00" + n.set + "\x00" + q.Canonical()
}

func (n *noun[T]) parent(x *exchange) (pki.ID, error) {
	if !n.nested {
		return "", nil
	}
	return x.key(0, "cloudPkiSubscription")
}

// place is the set as a context names it: cloudPkiSubscriptions('KEY')/syncRuns.
func (n *noun[T]) place(x *exchange) string {
	if n.nested {
		return x.family() + subscriptionSet + "('" + x.keys[0] + "')/" + n.set
	}
	return x.family() + n.set
}

// path is the set's address below /beta.
func (n *noun[T]) path(x *exchange) string {
	if n.nested {
		return x.family() + subscriptionSet + "/" + x.keys[0] + "/" + n.set
	}
	return x.family() + n.set
}
