package graph

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/trust"
)

// addPublished describes what is published below /trust/. It stands beside the
// API, so that its paths name a server of their own.
func (d *documenter) addPublished(origin string) {
	tenant := keyOf("tenant", "The tenant's id.", idPattern)
	name := keyOf("name", "The bundle's name.", namePattern)
	for _, p := range []struct {
		place, id, summary string
		keys               []parameter
	}{
		{
			placeOfBundle, "publishedTrust.getLast", "Fetches the last version of a trust bundle.",
			[]parameter{tenant, fileKey("The bundle's name and the format", namePattern)},
		},
		{
			placeOfVersion, "publishedTrust.getVersion", "Fetches one version of a trust bundle.",
			[]parameter{tenant, name, fileKey("The version's number and the format", "[1-9][0-9]{0,18}")},
		},
	} {
		d.document.Paths[p.place] = pathItem{
			"servers": []openAPIServer{{URL: origin}}, "parameters": p.keys,
			"get": pathOperation{
				Tags: []string{tagOfPublished}, Summary: p.summary, OperationID: p.id,
				Description: "Needs no token where the bundle is public, else one that may read its tenant.",
				Parameters:  fileConditions(), Responses: fileAnswers(),
				Security: append([]map[string][]string{{}}, security(&route{need: auth.Read}, d.tokenURL)...),
			},
		}
	}
	d.tag(tagOfPublished)
}

const (
	tagOfPublished = "publishedTrust"

	// What an id can be, and what a bundle can be called.
	idPattern   = "[A-Za-z0-9._~-]{1,128}"
	namePattern = "[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}"
)

func keyOf(name, description, pattern string) parameter {
	s := text(0)
	s.Pattern = "^" + pattern + "$"
	return parameter{Name: name, In: "path", Required: true, Description: description, Schema: s}
}

// fileKey is the last segment of an address: a stem and a format.
func fileKey(description, stem string) parameter {
	var ends []string
	for _, f := range trust.Formats() {
		ends = append(ends, regexp.QuoteMeta(f.Ext))
	}
	return keyOf("file", description+", with a point between.", stem+`\.(`+strings.Join(ends, "|")+")")
}

func fileConditions() []parameter {
	var list []parameter
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "client-request-id"} {
		list = append(list, parameter{Ref: "#/components/parameters/" + name})
	}
	return list
}

// fileAnswers returns the answers by status.
func fileAnswers() map[string]response {
	files := map[string]mediaType{}
	for _, f := range trust.Formats() {
		media, _, _ := strings.Cut(f.MediaType, ";")
		files[media] = mediaType{Schema: &odata.Schema{}} // bytes, or JSON of other authors
	}
	refused := map[string]mediaType{mediaJSON: {Schema: odata.RefTo(schemaError)}}
	kept := []string{"ETag", "Cache-Control", "Content-Location"}
	sent := append([]string{"Last-Modified", "Link", "Repr-Digest", "Accept-Ranges"}, kept...)
	answers := map[int]response{
		http.StatusOK:           {Description: "The file.", Headers: headerRefs(sent...), Content: files},
		http.StatusNotModified:  {Description: "The client has it already; that costs nothing of its budget.", Headers: headerRefs(kept...)},
		http.StatusUnauthorized: {Description: "There is no public bundle of that name, and no good token.", Headers: headerRefs("WWW-Authenticate"), Content: refused},
		http.StatusNotFound:     {Description: "There is no such format, version or, for whom the token is good, bundle.", Headers: headerRefs(), Content: refused},
		http.StatusConflict:     {Description: "The format cannot hold this version, or needs a signing key that the service does not have.", Headers: headerRefs(), Content: refused},
		http.StatusPreconditionFailed: {
			Description: "The file is another one than If-Match or If-Unmodified-Since asks for.", Headers: headerRefs(), Content: refused,
		},
	}
	described := make(map[string]response, len(answers))
	for status, a := range answers {
		described[strconv.Itoa(status)] = a
	}
	errorRefs(described)
	return described
}
