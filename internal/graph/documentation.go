package graph

import (
	"errors"
	"net/http"
	"path"
	"strings"

	"cloudpki/docs"
	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// documentationPath is below what the manual is served.
const documentationPath = "/docs/"

// Documentation returns a handler for the manual below /docs/, so that an
// error can name a page that everybody reaches who reaches the service. It is
// public, needs no script, and asks nobody for anything.
func (s *Server) Documentation() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, s.answerPage)
	})
}

func (s *Server) answerPage(x *exchange) error {
	x.place = documentationPath + "{page}"
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return methodNotAllowed(x.r.Method, http.MethodGet+", "+http.MethodHead)
	}
	name := strings.TrimSuffix(strings.TrimPrefix(x.r.URL.Path, documentationPath), ".md")
	if name == "" || strings.HasSuffix(name, "/") {
		name += "README"
	}
	page, ok := s.manual[name]
	if !ok {
		return noSegment(name)
	}
	x.keys = []string{name}
	h := x.w.Header()
	delete(h, "OData-Version") // this is no OData
	h["Cache-Control"] = []string{"public, max-age=3600"}
	h["Content-Security-Policy"] = []string{"default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
	switch path.Ext(name) {
	case ".png":
		return x.publish(page, "image/png")
	case ".css":
		return x.publish(page, "text/css; charset=utf-8")
	}
	return x.publish(page, "text/html; charset=utf-8")
}

// newManual returns the pages of the manual by their names, its pictures and its
// style sheet by their paths.
func newManual() (map[string]publication, error) {
	names, errNames := docs.Names()
	pictures, errPictures := docs.Pictures()
	if err := errors.Join(errNames, errPictures); err != nil {
		return nil, err
	}
	manual := make(map[string]publication, len(names)+len(pictures))
	for _, name := range names {
		manual[name] = publish(func() ([]byte, error) { return docs.Page(name) })
	}
	for _, name := range pictures {
		manual[name] = publish(func() ([]byte, error) { return docs.Picture(name) })
	}
	manual["manual.css"] = publish(docs.StyleSheet)
	return manual, nil
}

// helpURL is the address of the page about a code, null for none. The list of
// codes is closed, and each has its page.
func (s *Server) helpURL(code provider.Code) odata.Value {
	if code == "" {
		return odata.NullValue()
	}
	return odata.String(s.origin + documentationPath + "errors/" + string(code))
}
