package graph

import (
	"net/http"

	"cloudpki/internal/odata"
)

// serviceDocument answers /beta: what there is (OData JSON 4.01, 5).
func (s *Server) serviceDocument(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	dst := append([]byte(nil), '{')
	if x.format.Metadata != odata.MetadataNone {
		dst = append(dst, `"@odata.context":`...)
		dst = append(odata.AppendString(dst, x.url("$metadata")), ',')
	}
	dst = append(dst, `"value":[`...)
	dst = append(dst, `{"name":"`+subscriptionSet+`","kind":"EntitySet","url":"`+subscriptionSet+`"},`...)
	dst = append(dst, `{"name":"`+deviceManagement+`","kind":"Singleton","url":"`+deviceManagement+`"}]}`...)
	x.writeJSON(http.StatusOK, dst)
	return nil
}

// singleton answers /beta/deviceManagement, which has no members of its own but
// the key that every entity has.
func (s *Server) singleton(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	dst := append([]byte(nil), '{')
	if x.format.Metadata != odata.MetadataNone {
		dst = append(dst, `"@odata.context":`...)
		dst = append(odata.AppendString(dst, x.url("$metadata#"+deviceManagement)), ',')
	}
	x.writeJSON(http.StatusOK, append(dst, `"id":"`+deviceManagement+`"}`...))
	return nil
}

// A model is $metadata in both forms. It is the same for everybody.
type model struct{ xml, json []byte }

func newModel(n nouns) model {
	m := odata.Model{
		Types: []*odata.EntityType{
			n.subscriptions.entity, n.runs.entity, n.authorities.entity, n.certificates.entity, n.skippedItems.entity, n.auditEvents.entity,
		},
		Sets: []odata.EntitySet{{Name: subscriptionSet, Type: n.subscriptions.entity, Doc: "Subscriptions to third-party certification authorities."}},
		Singletons: []odata.Singleton{{
			Name: deviceManagement, Doc: "What Intune manages devices with.",
			Navigations: []odata.Navigation{
				{Name: subscriptionSet, Target: n.subscriptions.entity, Doc: "The same set as at the root."},
				{Name: auditSet, Target: n.auditEvents.entity, Doc: "The audit trail."},
			},
		}},
	}
	return model{xml: m.AppendXML(nil), json: m.AppendJSON(nil)}
}

// metadata answers /beta/$metadata: XML, or JSON for who asks for it.
func (s *Server) metadata(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	body := s.model.json
	if x.media == mediaXML {
		body = s.model.xml
	}
	x.w.Header()["Content-Type"] = []string{x.media + ";charset=utf-8"}
	x.writeLong(http.StatusOK, body)
	return nil
}
