package app_test

import (
	"encoding/json"
	"encoding/xml"
	"strings"

	"cloudpki/internal/provider/all"
)

// checkProviders looks whether $metadata, in both forms, tells of each kind of
// CA that is shipped what it must be told.
func (s *service) checkProviders() {
	s.t.Helper()
	var edmx struct {
		Enums []struct {
			Name    string `xml:"Name,attr"`
			Members []struct {
				Name string `xml:"Name,attr"`
				Doc  struct {
					Text string `xml:"String,attr"`
				} `xml:"Annotation"`
			} `xml:"Member"`
		} `xml:"DataServices>Schema>EnumType"`
	}
	var csdl map[string]json.RawMessage
	var model map[string]json.RawMessage
	var members map[string]any
	_, asXML := s.get("/beta/$metadata")
	_, asJSON := s.get("/beta/$metadata?$format=json")
	if err := xml.Unmarshal([]byte(asXML), &edmx); err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(asJSON), &csdl); err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(csdl["microsoft.graph"], &model); err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(model["cloudPkiProvider"], &members); err != nil {
		s.t.Fatal(err)
	}
	inXML := map[string]string{}
	for _, enum := range edmx.Enums {
		for _, m := range enum.Members {
			if enum.Name == "cloudPkiProvider" {
				inXML[m.Name] = m.Doc.Text
			}
		}
	}
	for _, k := range all.Kinds() {
		inJSON, _ := members[k.Name+"@Core.Description"].(string)
		if inXML[k.Name] != inJSON || !strings.HasPrefix(inJSON, k.Title) {
			s.t.Errorf("%s is %q in XML and %q in JSON", k.Name, inXML[k.Name], inJSON)
		}
		for _, setting := range k.Settings {
			if !strings.Contains(inJSON, setting.Name+" ("+setting.TypeName()) || !strings.Contains(inJSON, setting.Doc) {
				s.t.Errorf("$metadata does not tell of the setting %s of %s", setting.Name, k.Name)
			}
		}
	}
}
