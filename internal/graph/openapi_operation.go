package graph

import (
	"net/http"

	"cloudpki/internal/odata"
)

// An operation is what the OpenAPI document says of a route beside what the
// rest of its line in the table says. The same operation at both addresses of a
// set has the same id here; the document tells them apart.
type operation struct {
	id      string            // "cloudPkiSubscriptions.list"; the part before the point is the tag
	summary string            // one sentence
	takes   string            // name of the schema of the body, as schemaOf gives it; "" for none or any
	gives   string            // name of the schema of the answer's body; "" for none
	status  []int             // of success, the customary one first; nil is 200
	query   queryForm         // which query options it takes beside $format
	of      *odata.EntityType // whose members the query options name; nil where there are none
	media   []string          // media types of the answer; nil for what the route produces
	fields  []string          // header fields of the request beside client-request-id
}

// A queryForm says which query options an operation takes.
type queryForm uint8

// The forms, by what is asked.
const (
	queryNothing queryForm = iota
	queryEntity            // $select, $expand
	queryCount             // $filter, $search
	querySet               // all
	queryDelta             // $filter, $select, $top, $deltatoken, $skiptoken
)

// schemaOf is the name of an entity type's schema in the document.
func schemaOf(name string) string { return odata.Namespace + "." + name }

// lists describes the reading of a set.
func lists(id string, t *odata.EntityType) operation {
	return operation{
		id: id, summary: "Lists entities of the type " + t.Name + ", page by page.", gives: schemaOf(t.Name) + odata.CollectionSuffix,
		of: t, query: querySet, fields: []string{"ConsistencyLevel", "Prefer"},
	}
}

// counts describes how many entities a set has.
func counts(id string, t *odata.EntityType) operation {
	return operation{
		id: id, summary: "Counts entities of the type " + t.Name + ".", gives: "count", media: []string{mediaText},
		of: t, query: queryCount, fields: []string{"ConsistencyLevel"},
	}
}

// gets describes the reading of one entity; tagged says that it has an entity
// tag.
func gets(id string, t *odata.EntityType, tagged bool) operation {
	o := operation{id: id, summary: "Reads one entity of the type " + t.Name + ".", gives: schemaOf(t.Name), of: t, query: queryEntity}
	if tagged {
		o.fields = []string{"If-None-Match"}
	}
	return o
}

// deltas describes the function delta of a set.
func deltas(id string, t *odata.EntityType) operation {
	return operation{
		id: id, summary: "Follows the changes of entities of the type " + t.Name + ".", gives: schemaOf(t.Name) + odata.DeltaSuffix,
		of: t, query: queryDelta, fields: []string{"Prefer"},
	}
}

// creates describes a create, whose answer may be asked to have no body.
func creates(id, summary string, t *odata.EntityType) operation {
	return operation{
		id: id, summary: summary, takes: schemaOf(t.Name) + odata.CreateSuffix, gives: schemaOf(t.Name) + odata.CreatedSuffix,
		status: []int{http.StatusCreated, http.StatusNoContent}, fields: []string{"Prefer", "Idempotency-Key"},
	}
}

// updates describes a PATCH, whose answer may be asked to have no body.
func updates(id, summary string, t *odata.EntityType) operation {
	return operation{
		id: id, summary: summary, takes: schemaOf(t.Name) + odata.UpdateSuffix, gives: schemaOf(t.Name),
		status: []int{http.StatusOK, http.StatusNoContent}, fields: []string{"If-Match", "Prefer"},
	}
}

// deletes describes a DELETE.
func deletes(id, summary string) operation {
	return operation{id: id, summary: summary, status: []int{http.StatusNoContent}, fields: []string{"If-Match"}}
}

// acts describes an action without parameters and without a result.
func acts(id, summary string, status ...int) operation {
	return operation{id: id, summary: summary, status: status}
}
