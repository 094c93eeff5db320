package graph

import "cloudpki/internal/odata"

// The parts of an OpenAPI document, version 3.1.0, that this service needs. The
// names are those of the specification; what is a map there and has no order
// is a map here, which encoding/json writes sorted.
type (
	openAPI struct {
		OpenAPI    string              `json:"openapi"`
		Info       openAPIInfo         `json:"info"`
		Servers    []openAPIServer     `json:"servers"`
		Tags       []openAPITag        `json:"tags"`
		Paths      map[string]pathItem `json:"paths"`
		Components components          `json:"components"`
	}

	openAPIInfo struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		Version     string `json:"version"`
	}

	openAPIServer struct {
		URL string `json:"url"`
	}

	openAPITag struct {
		Name string `json:"name"`
	}

	// A pathItem holds the operations of one address by method, in lower case,
	// under "parameters" the keys of the address and under "servers" where it is,
	// unless it is below /beta.
	pathItem map[string]any

	pathOperation struct {
		Tags        []string              `json:"tags"`
		Summary     string                `json:"summary"`
		Description string                `json:"description"`
		OperationID string                `json:"operationId"`
		Parameters  []parameter           `json:"parameters,omitempty"`
		RequestBody *requestBody          `json:"requestBody,omitempty"`
		Responses   map[string]response   `json:"responses"`
		Security    []map[string][]string `json:"security"`
	}

	parameter struct {
		Ref         string        `json:"$ref,omitempty"`
		Name        string        `json:"name,omitempty"`
		In          string        `json:"in,omitempty"`
		Required    bool          `json:"required,omitempty"`
		Description string        `json:"description,omitempty"`
		Style       string        `json:"style,omitempty"`
		Explode     *bool         `json:"explode,omitempty"`
		Schema      *odata.Schema `json:"schema,omitempty"`
	}

	requestBody struct {
		Required bool                 `json:"required,omitempty"`
		Content  map[string]mediaType `json:"content"`
	}

	mediaType struct {
		Schema   *odata.Schema      `json:"schema"`
		Examples map[string]example `json:"examples,omitempty"`
	}

	example struct {
		Summary string `json:"summary,omitempty"`
		Value   any    `json:"value"`
	}

	response struct {
		Ref         string               `json:"$ref,omitempty"`
		Description string               `json:"description,omitempty"`
		Headers     map[string]header    `json:"headers,omitempty"`
		Content     map[string]mediaType `json:"content,omitempty"`
	}

	header struct {
		Ref         string        `json:"$ref,omitempty"`
		Description string        `json:"description,omitempty"`
		Schema      *odata.Schema `json:"schema,omitempty"`
	}

	components struct {
		Schemas         odata.Properties          `json:"schemas"`
		Responses       map[string]response       `json:"responses"`
		Parameters      map[string]parameter      `json:"parameters"`
		Headers         map[string]header         `json:"headers"`
		SecuritySchemes map[string]securityScheme `json:"securitySchemes"`
	}

	securityScheme struct {
		Type         string               `json:"type"`
		Description  string               `json:"description,omitempty"`
		Scheme       string               `json:"scheme,omitempty"`
		BearerFormat string               `json:"bearerFormat,omitempty"`
		Flows        map[string]oauthFlow `json:"flows,omitempty"`
	}

	oauthFlow struct {
		AuthorizationURL string            `json:"authorizationUrl,omitempty"`
		TokenURL         string            `json:"tokenUrl"`
		RefreshURL       string            `json:"refreshUrl,omitempty"`
		Scopes           map[string]string `json:"scopes"`
	}
)
