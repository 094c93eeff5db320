package graph

import (
	"net/http"
	"strconv"
	"strings"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
)

// The names of the schemas that no entity type gives.
const (
	schemaError           = "error"
	schemaServiceDocument = "serviceDocument"
	schemaCount           = "count"
	schemaBatchRequest    = "batchRequest"
	schemaBatchResponse   = "batchResponse"
)

// wireSchemas are the schemas of what is not an entity.
func wireSchemas() odata.Properties {
	return odata.Properties{
		{Name: schemaError, Schema: object("What every refusal looks like.", []string{"error"}, odata.Properties{
			{Name: "error", Schema: errorSchema()},
		})},
		{Name: schemaServiceDocument, Schema: object("What there is at the root of the service.", []string{"value"}, odata.Properties{
			{Name: "@odata.context", Schema: address()},
			{Name: "value", Schema: odata.ArrayOf(object("", []string{"name", "kind", "url"}, odata.Properties{
				{Name: "name", Schema: text(0)},
				{Name: "kind", Schema: oneOf("EntitySet", "Singleton")},
				{Name: "url", Schema: text(0)},
			}))},
		})},
		{Name: schemaCount, Schema: &odata.Schema{Type: odata.Types{"string"}, Pattern: "^[0-9]+$", Description: "How many match, in decimal digits."}},
		{Name: schemaBatchRequest, Schema: batchRequest()},
		{Name: schemaBatchResponse, Schema: batchResponse()},
	}
}

// errorSchema is the envelope's content.
func errorSchema() *odata.Schema {
	date := text(0)
	date.Pattern = `^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$`
	date.Description = "When, in UTC, without a zone."
	return object("", []string{"code", "message", "innerError"}, odata.Properties{
		{Name: "code", Schema: described("For programs: ResourceNotFound, BadRequest and so on.")},
		{Name: "message", Schema: described("For people: what, where and what to do.")},
		{Name: "target", Schema: described("The member, option or field that is at fault.")},
		{Name: "details", Schema: odata.ArrayOf(object("", []string{"code", "message"}, odata.Properties{
			{Name: "code", Schema: text(0)}, {Name: "message", Schema: text(0)}, {Name: "target", Schema: text(0)},
		}))},
		{Name: "innerError", Schema: object("", []string{"date", "request-id", "client-request-id"}, odata.Properties{
			{Name: "code", Schema: described("A finer code, where there is one.")},
			{Name: "status", Schema: described("The status of a throttled request, as a text.")},
			{Name: "message", Schema: described("What a throttled client is to do.")},
			{Name: "date", Schema: date},
			{Name: "request-id", Schema: described("The service's name for the request.")},
			{Name: "client-request-id", Schema: described("The client's name for it, else the service's.")},
		})},
	})
}

func batchRequest() *odata.Schema {
	steps := odata.ArrayOf(object("", []string{"id", "method", "url"}, odata.Properties{
		{Name: "id", Schema: text(0)},
		{Name: "method", Schema: described("GET, POST, PATCH or DELETE.")},
		{Name: "url", Schema: described("Relative to the root of the service.")},
		{Name: "headers", Schema: (&odata.Schema{Type: odata.Types{"object"}}).OrNull()},
		{Name: "body", Schema: &odata.Schema{Description: "A JSON value, or null for none."}},
		{Name: "dependsOn", Schema: odata.ArrayOf(text(0)).OrNull()},
		{Name: "atomicityGroup", Schema: text(0).OrNull()},
	}))
	steps.MaxItems = maxSteps
	return object("Several requests in one (JSON batch, OData JSON 4.01, 19).", []string{"requests"}, odata.Properties{{Name: "requests", Schema: steps}})
}

func batchResponse() *odata.Schema {
	least, most := 100, 599
	return object("The answers, by the ids of the requests.", []string{"responses"}, odata.Properties{
		{Name: "responses", Schema: odata.ArrayOf(object("", []string{"id", "status"}, odata.Properties{
			{Name: "id", Schema: text(0)},
			{Name: "status", Schema: &odata.Schema{Type: odata.Types{"integer"}, Minimum: &least, Maximum: &most}},
			{Name: "atomicityGroup", Schema: text(0)},
			{Name: "headers", Schema: &odata.Schema{Type: odata.Types{"object"}}},
			{Name: "body", Schema: &odata.Schema{Type: odata.Types{"object", "string"}, Description: "A text where the answer is text/plain; absent where there is none."}},
		}))},
	})
}

func object(description string, required []string, members odata.Properties) *odata.Schema {
	return &odata.Schema{Type: odata.Types{"object"}, Description: description, Properties: members, Required: required}
}

func described(description string) *odata.Schema {
	return &odata.Schema{Type: odata.Types{"string"}, Description: description}
}

func address() *odata.Schema { return &odata.Schema{Type: odata.Types{"string"}, Format: "uri"} }

func oneOf(names ...any) *odata.Schema {
	return &odata.Schema{Type: odata.Types{"string"}, Enum: names}
}

// commonHeaders are the fields of answers.
func commonHeaders() map[string]header {
	return map[string]header{
		"request-id":         {Description: "The service's name for the request.", Schema: text(0)},
		"client-request-id":  {Description: "The client's name for the request, else the service's.", Schema: text(0)},
		"ETag":               {Description: "Entity tag; changes exactly when the answer does.", Schema: text(0)},
		"Last-Modified":      {Description: "When the content became what it is.", Schema: text(0)},
		"Cache-Control":      {Description: "Who may keep the answer, and for how long.", Schema: text(0)},
		"Content-Location":   {Description: "The address at which exactly this stays to be had.", Schema: text(0)},
		"Link":               {Description: "The version before, as predecessor-version; absent for the first.", Schema: text(0)},
		"Repr-Digest":        {Description: "SHA-256 of the content (RFC 9530).", Schema: text(0)},
		"Accept-Ranges":      {Description: "none: it comes whole.", Schema: text(0)},
		"WWW-Authenticate":   {Description: "Which tokens are accepted (RFC 6750).", Schema: text(0)},
		"Location":           {Description: "Address of what was made, or of the run that will tell the outcome.", Schema: address()},
		"OData-EntityId":     {Description: "Address of the entity that the answer leaves out.", Schema: address()},
		"Preference-Applied": {Description: "What of Prefer was obeyed.", Schema: text(0)},
		"Retry-After":        {Description: "Whole seconds.", Schema: &odata.Schema{Type: odata.Types{"integer"}}},
	}
}

func headerRefs(names ...string) map[string]header {
	refs := make(map[string]header, len(names)+2)
	for _, name := range append(names, "request-id", "client-request-id") {
		refs[name] = header{Ref: "#/components/headers/" + name}
	}
	return refs
}

// errorResponses are the refusals, which are alike everywhere.
func errorResponses() map[string]response {
	content := map[string]mediaType{mediaJSON: {Schema: odata.RefTo(schemaError)}}
	return map[string]response{
		"refused":   {Description: "The request is at fault, and the message says how.", Headers: headerRefs(), Content: content},
		"throttled": {Description: "The client's budget is used up.", Headers: headerRefs("Retry-After"), Content: content},
		"failed":    {Description: "The service is at fault, or overloaded.", Headers: headerRefs(), Content: content},
	}
}

// errorRefs adds to an operation's answers those that every operation has.
func errorRefs(answers map[string]response) {
	for status, name := range map[string]string{"4XX": "refused", strconv.Itoa(http.StatusTooManyRequests): "throttled", "5XX": "failed"} {
		answers[status] = response{Ref: "#/components/responses/" + name}
	}
}

// The names of the security schemes.
const (
	schemeOAuth  = "oauth2"
	schemeBearer = "bearer"
)

// securitySchemes tells how to get in. Where tokens come from is known only
// with a token URL.
func securitySchemes(tokenURL string) map[string]securityScheme {
	schemes := map[string]securityScheme{schemeBearer: {
		Type: "http", Scheme: "bearer", BearerFormat: "JWT",
		Description: "A token of a configured issuer, whose scp or roles hold the permission.",
	}}
	if tokenURL != "" {
		scopes := map[string]string{
			auth.ScopeRead:      "Reads everything of the tenant.",
			auth.ScopeReadWrite: "Reads and changes everything of the tenant.",
		}
		beside := strings.TrimSuffix(tokenURL, "token") // the endpoints stand side by side, as those of Entra ID
		schemes[schemeOAuth] = securityScheme{
			Type: "oauth2", Description: "Applications take client credentials (RFC 6749, 4.4) and ask for the scope https://graph.microsoft.com/.default. " +
				"People sign in by authorization code with PKCE (RFC 7636), or by device code (RFC 8628) at " + beside + "devicecode. " +
				"In the addresses the tenant's id may stand for organizations.",
			Flows: map[string]oauthFlow{
				"clientCredentials": {TokenURL: tokenURL, Scopes: scopes},
				"authorizationCode": {AuthorizationURL: beside + "authorize", TokenURL: tokenURL, RefreshURL: tokenURL, Scopes: scopes},
			},
		}
	}
	return schemes
}

// security says what a route needs; nothing where it is public.
func security(r *route, tokenURL string) []map[string][]string {
	list := []map[string][]string{}
	if r.public {
		return list
	}
	if tokenURL != "" {
		for _, scope := range scopesOf(r) {
			list = append(list, map[string][]string{schemeOAuth: {scope}})
		}
	}
	return append(list, map[string][]string{schemeBearer: {}})
}

// scopesOf returns the scopes any of which lets a client call the route.
func scopesOf(r *route) []string {
	if r.anyone {
		return auth.Read.Scopes() // what reads nothing is still for clients of the service
	}
	return r.need.Scopes()
}

// permission says in words what a route needs.
func permission(r *route) string {
	switch {
	case r.public:
		return "Needs no token."
	case r.anyone:
		return "Needs a token; what it may do is asked of each part of the request."
	}
	return "Needs the permission " + strings.Join(r.need.Scopes(), " or ") + "."
}
