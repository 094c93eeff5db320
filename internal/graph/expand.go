package graph

import (
	"context"
	"slices"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Bounds of a page with $expand. It is shorter where more was asked for, with a
// link to the next, which clients follow whatever size they have asked for.
const (
	maxExpandedParents  = 100
	maxExpandedChildren = 10_000
	binaryWeight        = 10 // children that show binary content count for so many
)

// pageLimit is how many entities a page may have, with what each brings along.
func pageLimit(list []odata.Expansion) int {
	if len(list) == 0 {
		return odata.MaxTop
	}
	children := 0
	for _, e := range list {
		weight := 1
		if showsBinary(e.Target, e.Query.Select) {
			weight = binaryWeight
		}
		children += e.Query.Top * weight
	}
	return max(1, min(maxExpandedParents, maxExpandedChildren/children))
}

func showsBinary(t *odata.EntityType, s odata.Selection) bool {
	return slices.ContainsFunc(t.Properties, func(p odata.Property) bool {
		return p.Kind == odata.KindBinary && (s.All && !p.Optional || slices.Contains(s.Names, p.Name))
	})
}

// appendExpansion writes a first page of the set, which is nested, as members
// of its parent. The link behind it leads to the set's own address, where a
// client goes on as from any page.
func (n *noun[T]) appendExpansion(dst []byte, x *exchange, parent pki.ID, e odata.Expansion, page pki.Page[T]) []byte {
	p := odata.Page{Context: x.context(n.placeOf(x, parent), e.Query.Select, ""), Count: page.Count, HasCount: e.Query.Count}
	if page.After != nil {
		p.NextLink = x.childrenLink(n.pathOf(x, parent), e.Options, n.server.tokens.Seal(n.bindingOf(x, parent, e.Query), page.After))
	}
	annotate := func(item *T) odata.Annotations { return n.annotationsOf(x, parent, item) }
	return n.shape.AppendExpansion(dst, e.Navigation, page.Items, e.Query.Select, x.format, p, annotate)
}

// childrenLink is the address of the children behind those of an expansion. The
// format that was asked for by option stays asked for.
func (x *exchange) childrenLink(path, options, token string) string {
	var b strings.Builder
	b.WriteString(x.url(path))
	b.WriteByte('?')
	for part := range strings.SplitSeq(x.r.URL.RawQuery, "&") {
		if optionName(part) == "format" {
			writeEscaped(&b, part)
			b.WriteByte('&')
		}
	}
	if options != "" {
		b.WriteString(options)
		b.WriteByte('&')
	}
	b.WriteString("$skiptoken=")
	b.WriteString(token)
	return b.String()
}

// A subscriptionChildren is what an answer shows below one subscription.
type subscriptionChildren struct {
	pki.Expanded
	place int // of the subscription among those that were expanded
}

// expandedPage is a page of subscriptions with their children.
func (s *Server) expandedPage(ctx context.Context, t pki.TenantID, q odata.Query) (pki.Page[subscriptionView], error) {
	page, children, err := s.service.ExpandedSubscriptions(ctx, t, q)
	if err != nil {
		return pki.Page[subscriptionView]{}, err
	}
	views := pki.Page[subscriptionView]{After: page.After, Count: page.Count, Items: make([]subscriptionView, len(page.Items))}
	for i := range views.Items {
		views.Items[i] = s.view(&page.Items[i], q.Select)
		views.Items[i].children = subscriptionChildren{children, i}
	}
	return views, nil
}

// expandedOne is one subscription with its children.
func (s *Server) expandedOne(ctx context.Context, t pki.TenantID, id pki.ID, q odata.Query) (subscriptionView, error) {
	sub, children, err := s.service.ExpandedSubscription(ctx, t, id, q.Expand)
	v := s.view(&sub, q.Select)
	v.children = subscriptionChildren{children, 0}
	return v, err
}

// appendChildren writes what is expanded below a subscription.
func (s *Server) appendChildren(dst []byte, x *exchange, v *subscriptionView, list []odata.Expansion) []byte {
	c := &v.children
	for _, e := range list {
		switch e.Navigation {
		case pki.NavigationRuns:
			dst = s.nouns.runs.appendExpansion(dst, x, v.ID, e, c.Runs[c.place])
		case pki.NavigationAuthorities:
			dst = s.nouns.authorities.appendExpansion(dst, x, v.ID, e, c.Authorities[c.place])
		case pki.NavigationCertificates:
			dst = s.nouns.certificates.appendExpansion(dst, x, v.ID, e, c.Certificates[c.place])
		case pki.NavigationSkippedItems:
			dst = s.nouns.skippedItems.appendExpansion(dst, x, v.ID, e, c.SkippedItems[c.place])
		}
	}
	return dst
}
