package store

import (
	"slices"

	"cloudpki/internal/odata"
)

// suitableOrder is the order of a list that asks for none: that of the id, for
// which there is nil, or of a column that the filter bounds. In the order of
// that column an index begins with what the filter lets through; in that of the
// id a page might go through all rows to find the few that pass.
func (n noun[T]) suitableOrder(filter odata.Expr) []odata.Order {
	for _, name := range n.ranges {
		if p, ok := bounded(filter, name); ok {
			return []odata.Order{{Path: p}}
		}
	}
	return nil
}

// source is what a page is read from, and by which index.
func (n noun[T]) source(d *dialect, q odata.Query) string {
	if n.index == nil || !d.hints {
		return n.from
	}
	if index := n.index(q); index != "" {
		return n.from + " INDEXED BY " + index
	}
	return n.from
}

// equals reports whether e holds only where one of the columns equals a value.
func equals(e odata.Expr, columns ...string) bool {
	switch e := e.(type) {
	case odata.And:
		return equals(e.Left, columns...) || equals(e.Right, columns...)
	case odata.Comparison:
		return e.Op == odata.Eq && !e.Fold && e.Value.State() == odata.Present && slices.Contains(columns, e.Path.Column())
	}
	return false
}

// bounded looks for a bound on a column that must hold wherever e does.
func bounded(e odata.Expr, name string) (odata.Path, bool) {
	switch e := e.(type) {
	case odata.And:
		if p, ok := bounded(e.Left, name); ok {
			return p, true
		}
		return bounded(e.Right, name)
	case odata.Comparison:
		return e.Path, e.Op >= odata.Gt && !e.Fold && e.Path.Column() == name
	case odata.Match:
		return e.Path, e.Func == odata.StartsWith && !e.Fold && e.Path.Column() == name
	}
	return odata.Path{}, false
}

// subscriptionIndex has a list read in its order, and what the filter does not
// let through passed over, rather than all that it does let through sorted: most
// subscriptions have succeeded. Only where the filter names one, or a few, are
// these sorted.
func subscriptionIndex(q odata.Query) string {
	if equals(q.Filter, "id", "display_name") {
		return ""
	}
	switch firstColumn(q) {
	case "id":
		if equals(q.Filter, "sync_status") {
			return "subscriptions_sync_status"
		}
		return "sqlite_autoindex_subscriptions_1"
	case "display_name":
		return "subscriptions_display_name"
	case "created_date_time":
		return "subscriptions_created"
	case "last_modified_date_time":
		return "subscriptions_last_modified"
	case "sync_status":
		return "subscriptions_sync_status"
	}
	return ""
}

// certificateIndex is as subscriptionIndex. Where no order is asked for the one
// that suits the filter has its index.
func certificateIndex(q odata.Query) string {
	if len(q.OrderBy) == 0 || equals(q.Filter, "id", "serial_number", "thumbprint", "common_name") {
		return ""
	}
	status := equals(q.Filter, "status")
	switch column := firstColumn(q); {
	case column == "id" && status:
		return "certificates_status"
	case column == "id":
		return "sqlite_autoindex_certificates_1"
	case column == "not_after" && status:
		return "certificates_status_not_after"
	case column == "not_after":
		return "certificates_not_after"
	case column == "common_name":
		return "certificates_common_name"
	}
	return ""
}

// firstColumn is what a list is sorted by first.
func firstColumn(q odata.Query) string {
	if len(q.OrderBy) == 0 {
		return "id"
	}
	return q.OrderBy[0].Path.Column()
}
