package graph

import (
	"cmp"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// A handler answers a request, or returns the error to be answered.
type handler func(*exchange) error

// An exchange is one request on its way through the steps, and its answer.
type exchange struct {
	w      recorder
	r      *http.Request
	server *Server

	begun           time.Time
	requestID       string
	clientRequestID string
	route           *route
	place           string       // pattern of the address where there is no route in the table, "" for none
	keys            []string     // of the address, from left to right; the first names the object for the log
	media           string       // of the answer
	format          odata.Format // of the answer, where it is JSON
	principal       auth.Principal
	body            []byte // inflated
}

// A recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	begun  bool
}

// Unwrap lets http.ResponseController set deadlines.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader begins the answer.
func (w *recorder) WriteHeader(status int) {
	w.status, w.begun = status, true
	w.ResponseWriter.WriteHeader(status)
}

// longestToken bounds a client-request-id that is echoed.
const longestToken = 64

// name gives the request its ids: a fresh one of ours, and the client's, where
// it is a GUID or another short token.
func (x *exchange) name() {
	x.requestID = newRequestID()
	x.clientRequestID = x.requestID
	if id := x.header("Client-Request-Id"); isToken(id) {
		x.clientRequestID = id
	}
}

func isToken(s string) bool {
	return len(s) <= longestToken && pki.ID(s).Valid()
}

// header returns the first field called name, which is spelled canonically:
// http.Header.Get would have to respell the names of OData at each call.
func (x *exchange) header(name string) string {
	if fields := x.r.Header[name]; len(fields) > 0 {
		return fields[0]
	}
	return ""
}

// commonHeader sets what every answer has as Microsoft Graph sends it.
func (x *exchange) commonHeader() {
	values := [...]string{
		x.requestID, x.clientRequestID, x.odataVersion(), "no-cache", vary, "max-age=31536000", "nosniff",
	}
	h := x.w.Header()
	for i, name := range [...]string{
		"request-id", "client-request-id", "OData-Version", "Cache-Control", "Vary", "Strict-Transport-Security", "X-Content-Type-Options",
	} {
		h[name] = values[i : i+1 : i+1]
	}
	x.shareWithBrowsers()
}

// vary names every field of a request that an answer may depend on.
const vary = "Accept, Accept-Encoding, Authorization, OData-MaxVersion, OData-Version, Origin, Prefer"

// newestVersion is the newest version of OData that is spoken here.
const newestVersion = "4.01"

// odataVersion is 4.0, as Microsoft Graph's, or 4.01 for who asks for it: with
// the greatest version they take, else with their own.
func (x *exchange) odataVersion() string {
	if cmp.Or(x.header("Odata-Maxversion"), x.header("Odata-Version")) == newestVersion {
		return newestVersion
	}
	return "4.0"
}

func (x *exchange) routeName() string {
	if x.route == nil {
		return x.place
	}
	return x.route.name()
}

// caller names the application that calls, or the subject where the token
// names none.
func (x *exchange) caller() string {
	if x.principal.Client == "" {
		return x.principal.Subject
	}
	return x.principal.Client
}

func (x *exchange) actor() pki.Actor {
	p := x.principal
	return pki.Actor{Client: p.Client, Subject: p.Subject, Name: p.Name, RequestID: x.requestID}
}

// key returns the n-th key of the address. One that no object can have is not
// looked up.
func (x *exchange) key(n int, noun string) (pki.ID, error) {
	id := pki.ID(x.keys[n])
	if !id.Valid() {
		return "", pki.NotFound(noun, pki.ID(printable(x.keys[n])))
	}
	return id, nil
}

// write sends an answer whose Content-Type is set.
func (x *exchange) write(status int, body []byte) {
	if status != http.StatusNoContent && status != http.StatusNotModified {
		x.w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	x.w.WriteHeader(status)
	if len(body) > 0 {
		// What fails here is the client's connection: there is nobody to tell.
		_, _ = x.w.Write(body)
	}
}

// minZipped is the size from which an answer is worth compressing.
const minZipped = 2 << 10

// writeJSON sends an OData answer to a read.
func (x *exchange) writeJSON(status int, body []byte) {
	x.w.Header()["Content-Type"] = []string{contentType(x.format)}
	x.writeLong(status, body)
}

// writeLong sends an answer whose Content-Type is set, compressed where it is
// long and the client understands it.
func (x *exchange) writeLong(status int, body []byte) {
	if len(body) < minZipped || !acceptsGzip(x.r.Header["Accept-Encoding"]) {
		x.write(status, body)
		return
	}
	x.w.Header()["Content-Encoding"] = []string{"gzip"}
	x.w.WriteHeader(status)
	if x.r.Method == http.MethodHead {
		return
	}
	zip, ok := x.server.zippers.Get().(*gzip.Writer)
	if !ok {
		// The only error is a level that does not exist.
		zip, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed)
	}
	zip.Reset(&x.w)
	_, err := zip.Write(body)
	if err == nil {
		_ = zip.Close() // fails as Write does, with the client's connection
	}
	x.server.zippers.Put(zip)
}

// contentType is Microsoft Graph's, to the letter: clients compare it.
func contentType(f odata.Format) string {
	metadata := [...]string{odata.MetadataMinimal: "minimal", odata.MetadataNone: "none", odata.MetadataFull: "full"}[f.Metadata]
	if f.Metadata == odata.MetadataMinimal && !f.IEEE754 {
		return "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
	}
	return "application/json;odata.metadata=" + metadata + ";odata.streaming=true;IEEE754Compatible=" + strconv.FormatBool(f.IEEE754) + ";charset=utf-8"
}

// withBuffer lends fill a pooled buffer and sends what it returns as JSON.
func (x *exchange) withBuffer(status int, fill func(dst []byte) []byte) {
	buffer, ok := x.server.buffers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	*buffer = fill((*buffer)[:0])
	x.writeJSON(status, *buffer)
	const largestKept = 1 << 20
	if cap(*buffer) <= largestKept {
		x.server.buffers.Put(buffer)
	}
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3).
func acceptsGzip(fields []string) bool {
	for _, field := range fields {
		for part := range strings.SplitSeq(field, ",") {
			coding, weight, _ := strings.Cut(part, ";")
			coding = strings.TrimSpace(coding)
			if !equalFold(coding, "gzip") && coding != "*" {
				continue
			}
			return !refusedByWeight(weight)
		}
	}
	return false
}

// refusedByWeight reports whether a parameter reads q=0, with any number of zeros.
func refusedByWeight(parameter string) bool {
	q, ok := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(parameter), " ", ""), "q=")
	return ok && strings.Trim(q, "0.") == ""
}
