package graph

import (
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

func newSkippedItems(s *Server) (*noun[pki.SkippedItem], error) {
	entity := pki.SkippedItemType()
	shape, err := odata.NewShape(entity, map[string]func(*pki.SkippedItem) odata.Value{
		"id":           func(i *pki.SkippedItem) odata.Value { return odata.String(string(i.ID)) },
		"syncRunId":    func(i *pki.SkippedItem) odata.Value { return odata.String(string(i.Run)) },
		"serialNumber": func(i *pki.SkippedItem) odata.Value { return textOrNull(i.Serial) },
		"reason":       func(i *pki.SkippedItem) odata.Value { return odata.String(i.Reason) },
		"seenDateTime": func(i *pki.SkippedItem) odata.Value { return odata.Date(i.Seen) },
		"content":      func(i *pki.SkippedItem) odata.Value { return odata.Binary(i.Raw) },
	})
	return &noun[pki.SkippedItem]{
		server: s, set: "skippedItems", nested: true, entity: entity, shape: shape,
		id:   func(i *pki.SkippedItem) pki.ID { return i.ID },
		page: s.service.SkippedItems,
	}, err
}
