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
	for _, set := range []string{subscriptionSet, notificationSet} {
		dst = append(dst, `{"name":"`+set+`","kind":"EntitySet","url":"`+set+`"},`...)
	}
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

// A model is $metadata in both forms.
type model struct{ xml, json publication }

func newModel(m odata.Model) model {
	return model{
		xml:  publish(func() ([]byte, error) { return m.AppendXML(nil), nil }),
		json: publish(func() ([]byte, error) { return m.AppendJSON(nil), nil }),
	}
}

// model is all that there is to be described; providers names the kinds of CA.
func (n nouns) model(providers *odata.EnumType) odata.Model {
	return odata.Model{
		Enums: []*odata.EnumType{providers},
		Types: []*odata.EntityType{
			n.subscriptions.entity, n.runs.entity, n.authorities.entity, n.certificates.entity, n.skippedItems.entity, n.auditEvents.entity,
			n.notifications.entity, n.deadLetters.entity, n.bundles.entity, n.bundleVersions.entity, n.bundleFetches.entity, n.estEndpoints.entity,
			n.alerts.entity,
		},
		Sets: []odata.EntitySet{
			{Name: subscriptionSet, Type: n.subscriptions.entity, Doc: "Subscriptions to third-party certification authorities."},
			{Name: notificationSet, Type: n.notifications.entity, Doc: "Subscriptions to change notifications."},
		},
		Singletons: []odata.Singleton{{
			Name: deviceManagement, Doc: "What Intune manages devices with.",
			Navigations: []odata.Navigation{
				{Name: subscriptionSet, Target: n.subscriptions.entity, Set: subscriptionSet, Doc: "The same set as at the root."},
				{Name: auditSet, Target: n.auditEvents.entity, Doc: "The audit trail."},
				{Name: alertSet, Target: n.alerts.entity, Doc: "What a person should know of and act on."},
				{Name: bundleSet, Target: n.bundles.entity, Doc: "Sets of trusted roots that devices fetch."},
				{Name: estEndpointSet, Target: n.estEndpoints.entity, Doc: "Addresses at which devices enrol by EST."},
			},
		}},
	}
}

// metadata answers /beta/$metadata: XML, or JSON for who asks for it.
func (s *Server) metadata(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	d := s.model.json
	if x.media == mediaXML {
		d = s.model.xml
	}
	return x.publish(d, x.media+";charset=utf-8")
}
