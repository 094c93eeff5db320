package graph

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// delta answers the function delta() of a set: a page of what has changed since
// the link was given, of all there is where a client begins. A link holds the
// options of the first call, so that they count for all that follow.
func (n *noun[T]) delta(x *exchange) error {
	parent, err := n.parent(x)
	if err != nil {
		return err
	}
	var page pki.Delta[T]
	d, err := n.deltaCall(x)
	if err == nil {
		page, err = n.changes(x.r.Context(), x.principal.Tenant, parent, d.query, d.from)
	}
	if pki.CodeOf(err) == pki.CodeResync {
		f := explain(err)
		f.location = n.deltaLink(x, d.options)
		return f
	}
	if err != nil {
		return err
	}
	kind, option := odata.DeltaToken, "$deltatoken="
	if page.More {
		kind, option = odata.DeltaSkipToken, "$skiptoken="
	}
	link := n.deltaLink(x, option+n.server.tokens.For(kind).Seal(n.deltaBinding(x), deltaValues(page.Next, d.options)))
	p := odata.Page{Context: x.context(n.place(x), d.query.Select, "")}
	if page.More {
		p.NextLink = link
	} else {
		p.DeltaLink = link
	}
	x.withBuffer(http.StatusOK, func(dst []byte) []byte { return n.appendDelta(dst, x, page.Items, d.query.Select, p) })
	return nil
}

// A deltaCall is one call of delta(): with the options of the first of all.
type deltaCall struct {
	options string
	query   odata.Query
	from    pki.DeltaPosition
}

// deltaCall reads the query options, and what a token holds of earlier ones.
// CodeResync where another version of the service made the token, and this one
// understands it no longer.
func (n *noun[T]) deltaCall(x *exchange) (d deltaCall, err error) {
	asked, err := odata.ParseDelta(x.r.URL.RawQuery)
	if err != nil {
		return d, err
	}
	if asked.Token == "" {
		d.options, d.from = asked.Options, pki.DeltaPosition{Initial: !asked.Latest, Latest: asked.Latest}
	} else {
		values, err := n.server.tokens.For(asked.Kind).Open(n.deltaBinding(x), asked.Token)
		if err != nil {
			return d, err
		}
		if len(values) != deltaParts {
			return d, pki.Resync()
		}
		d.from, d.options = deltaPosition(values)
	}
	if d.query, err = odata.ParseQuery(d.options, n.entity); err != nil && asked.Token != "" {
		return deltaCall{}, pki.Resync()
	}
	if err != nil || d.query.HasTop {
		return d, err
	}
	if x.preferPageSize(&d.query); asked.Token == "" && d.query.Top != odata.DefaultTop {
		size := "$top=" + strconv.Itoa(d.query.Top)
		d.options = strings.TrimPrefix(d.options+"&"+size, "&")
	}
	return d, nil
}

// deltaBinding is what a token is good for: one set of one tenant. The
// incarnation of the parent is in the token, for the answer is another where
// that is gone.
func (n *noun[T]) deltaBinding(x *exchange) string {
	return string(x.principal.Tenant) + "\x00" + string(n.owner(x)) + "\x00" + n.set
}

// deltaParts is how many values a token holds.
const deltaParts = 7

// deltaValues is what a token holds; deltaPosition is the reverse.
func deltaValues(p pki.DeltaPosition, options string) []odata.Value {
	return []odata.Value{
		odata.Date(p.Begun), odata.Int(p.Change), odata.String(string(p.ID)), odata.Int(p.Until),
		odata.Bool(p.Initial), odata.Int(p.Key), odata.String(options),
	}
}

func deltaPosition(v []odata.Value) (p pki.DeltaPosition, options string) {
	return pki.DeltaPosition{
		Begun: v[0].Time(), Change: v[1].Num(), ID: pki.ID(v[2].Str()), Until: v[3].Num(),
		Initial: v[4].Num() != 0, Key: v[5].Num(),
	}, v[6].Str()
}

// deltaLink is the absolute address of delta() with a query. The format that
// was asked for by option stays asked for.
func (n *noun[T]) deltaLink(x *exchange, query string) string {
	var b strings.Builder
	b.WriteString(x.url(n.path(x) + "/delta()"))
	separator := byte('?')
	for part := range strings.SplitSeq(x.r.URL.RawQuery, "&") {
		if optionName(part) == "format" {
			b.WriteByte(separator)
			writeEscaped(&b, part)
			separator = '&'
		}
	}
	if query != "" {
		b.WriteByte(separator)
		writeEscaped(&b, query)
	}
	return b.String()
}

// appendDelta writes a page of changes.
func (n *noun[T]) appendDelta(dst []byte, x *exchange, items []pki.DeltaItem[T], s odata.Selection, p odata.Page) []byte {
	dst = p.AppendOpen(dst, x.format)
	for i := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		if item := items[i].Item; item != nil {
			dst = n.shape.Append(dst, item, s, x.format, n.annotations(x, item))
		} else {
			dst = odata.AppendRemoved(dst, string(items[i].ID), string(items[i].Removed))
		}
	}
	return p.AppendClose(dst)
}

// below is the address of an object of a set. One that has the name of the
// function can be reached by a key in parentheses alone.
func below(set string, id pki.ID) string {
	if name := string(id); equalFold(name, "delta") || equalFold(name, odata.Namespace+".delta") {
		return set + "('" + name + "')"
	}
	return set + "/" + string(id)
}

// subscriptionChanges shows what has changed as an answer does.
func (s *Server) subscriptionChanges(ctx context.Context, t pki.TenantID, _ pki.ID, q odata.Query, from pki.DeltaPosition) (pki.Delta[subscriptionView], error) {
	page, err := s.service.SubscriptionChanges(ctx, t, q, from)
	views := pki.Delta[subscriptionView]{Items: make([]pki.DeltaItem[subscriptionView], len(page.Items)), Next: page.Next, More: page.More}
	for i, item := range page.Items {
		views.Items[i] = pki.DeltaItem[subscriptionView]{ID: item.ID, Removed: item.Removed}
		if item.Item != nil {
			v := s.view(item.Item, q.Select)
			views.Items[i].Item = &v
		}
	}
	return views, err
}
