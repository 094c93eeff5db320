package graph

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"cloudpki/internal/odata"
)

// OpenAPI returns the handler of the OpenAPI 3.1 document, which speaks of
// every address below /beta and below /trust. It is public, as $metadata is.
func (s *Server) OpenAPI() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, s.answerOpenAPI)
	})
}

func (s *Server) answerOpenAPI(x *exchange) error {
	x.place = "/openapi.json"
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return methodNotAllowed(x.r.Method, http.MethodGet+", "+http.MethodHead)
	}
	delete(x.w.Header(), "OData-Version") // this is no OData
	return x.publish(s.openAPI, mediaJSON)
}

// A documenter makes the OpenAPI document from the model and the table of
// routes, so that it cannot disagree with what is served.
type documenter struct {
	document openAPI
	tokenURL string
}

// newOpenAPI returns the document. The same model and table give the same
// bytes.
func newOpenAPI(m odata.Model, table []route, origin, tokenURL string) ([]byte, error) {
	d := documenter{tokenURL: tokenURL, document: openAPI{
		OpenAPI: "3.1.0",
		Info: openAPIInfo{
			Title: "cloudPkiSubscription",
			Description: "Subscriptions to third-party certification authorities, as Microsoft Graph beta has them. " +
				"Names in an address match without regard to case, a key may also stand in parentheses and quotes, " +
				"as in cloudPkiSubscriptions('KEY'), HEAD is answered wherever GET is, and the dollar sign of a query option may be left out.",
			Version: version,
		},
		Servers: []openAPIServer{{URL: origin + "/" + version}},
		Paths:   map[string]pathItem{},
		Components: components{
			Schemas: append(m.Schemas(), wireSchemas()...), Responses: errorResponses(), Parameters: commonParameters(),
			Headers: commonHeaders(), SecuritySchemes: securitySchemes(tokenURL),
		},
	}}
	for i := range table {
		d.add(&table[i])
	}
	d.addPublished(origin)
	body, err := json.Marshal(d.document)
	if err != nil {
		return nil, fmt.Errorf("graph: write the OpenAPI document: %w", err)
	}
	return body, nil
}

// add describes one route.
func (d *documenter) add(r *route) {
	path := "/" + r.path
	item := d.document.Paths[path]
	if item == nil {
		item = pathItem{}
		if keys := keysOf(r.path); len(keys) > 0 {
			item["parameters"] = keys
		}
		d.document.Paths[path] = item
	}
	tag, _, _ := strings.Cut(r.tells.id, ".")
	d.tag(tag)
	item[strings.ToLower(r.method)] = pathOperation{
		Tags: []string{tag}, Summary: r.tells.summary, Description: permission(r), OperationID: r.operationID(),
		Parameters: d.parametersOf(r), RequestBody: requestOf(r), Responses: answersOf(r),
		Security: security(r, d.tokenURL),
	}
}

func (d *documenter) tag(name string) {
	if !slices.ContainsFunc(d.document.Tags, func(t openAPITag) bool { return t.Name == name }) {
		d.document.Tags = append(d.document.Tags, openAPITag{Name: name})
	}
}

// operationID tells the two addresses of a set apart.
func (r *route) operationID() string {
	if strings.HasPrefix(r.path, deviceManagement+"/") {
		return deviceManagement + "." + r.tells.id
	}
	return r.tells.id
}

// keysOf returns the parameters that stand in an address.
func keysOf(path string) []parameter {
	var keys []parameter
	for segment := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(segment, "{") {
			s := text(0)
			s.MinLength = 1
			keys = append(keys, parameter{Name: strings.Trim(segment, "{}"), In: "path", Required: true, Description: "Key of the entity.", Schema: s})
		}
	}
	return keys
}

func requestOf(r *route) *requestBody {
	if r.tells.takes == "" {
		return nil
	}
	return &requestBody{Required: true, Content: map[string]mediaType{
		mediaJSON: {Schema: odata.RefTo(r.tells.takes), Examples: examplesOf(r.tells.takes)},
	}}
}

// answersOf returns the answers of a route by status.
func answersOf(r *route) map[string]response {
	answers := map[string]response{}
	statuses := r.tells.status
	if len(statuses) == 0 {
		statuses = []int{http.StatusOK}
	}
	for _, status := range statuses {
		answers[strconv.Itoa(status)] = answerOf(r, status)
	}
	if slices.Contains(r.tells.fields, "If-None-Match") {
		answers[strconv.Itoa(http.StatusNotModified)] = response{Description: "The client has it already.", Headers: headerRefs("ETag")}
	}
	errorRefs(answers)
	return answers
}

func answerOf(r *route, status int) response {
	a := response{Description: http.StatusText(status) + "."}
	switch status {
	case http.StatusAccepted:
		a.Headers = headerRefs("Location", "Retry-After")
	case http.StatusCreated:
		a.Headers = headerRefs("Location", "ETag", "Preference-Applied")
	case http.StatusNoContent:
		a.Headers = headerRefs()
		if r.tells.gives != "" {
			a.Description = "Done; return=minimal was asked for."
			a.Headers = headerRefs("OData-EntityId", "ETag", "Preference-Applied")
		}
	default:
		a.Headers = headerRefs()
		if r.method == http.MethodPatch || slices.Contains(r.tells.fields, "If-None-Match") {
			a.Headers = headerRefs("ETag")
		}
	}
	if status == http.StatusOK || status == http.StatusCreated {
		a.Content = contentOf(r)
	}
	return a
}

func contentOf(r *route) map[string]mediaType {
	content := map[string]mediaType{}
	media := r.tells.media
	if media == nil {
		media = r.offered()
	}
	for _, name := range media {
		s := odata.RefTo(cmp.Or(r.tells.gives, "anything"))
		switch {
		case r.tells.gives == "" && name == mediaJSON:
			s = &odata.Schema{Type: odata.Types{"object"}}
		case r.tells.gives == "":
			s = text(0)
		}
		content[name] = mediaType{Schema: s, Examples: examplesOf(r.tells.gives)}
	}
	return content
}
