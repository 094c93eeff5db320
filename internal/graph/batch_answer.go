package graph

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"cloudpki/internal/odata"
)

// A stepAnswer records the answer to one request of a batch.
type stepAnswer struct {
	header http.Header
	kept   http.Header // as it was when the answer began
	status int
	body   []byte
	head   bool // the request wants no body
	room   int  // bytes that body may have
	full   bool // body would have more
}

func (b *batch) newAnswer(i int) *stepAnswer {
	const anError = 16 << 10 // there is always room for one
	return &stepAnswer{header: make(http.Header), head: b.steps[i].method == http.MethodHead, room: max(b.room, anError)}
}

// Header implements http.ResponseWriter.
func (a *stepAnswer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *stepAnswer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *stepAnswer) Write(p []byte) (int, error) {
	if a.head {
		return len(p), nil
	}
	if a.full = a.full || len(a.body)+len(p) > a.room; a.full {
		return 0, io.ErrShortWrite
	}
	a.body = append(a.body, p...)
	return len(p), nil
}

// begin remembers the fields that stand before the route answers.
func (a *stepAnswer) begin() { a.kept = a.header.Clone() }

// reset forgets everything since begin.
func (a *stepAnswer) reset() {
	if a.kept != nil {
		a.header = a.kept.Clone()
	}
	a.status, a.body, a.full = 0, nil, false
}

// failed reports whether what depends on the request cannot go ahead.
func (a *stepAnswer) failed() bool { return a.status >= http.StatusBadRequest }

// made is the address of what the request has made, "" for nothing.
func (a *stepAnswer) made() string {
	for _, name := range []string{"Location", "OData-EntityId"} {
		if v := a.header[name]; len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// settle sees to an answer that has become too long. A read is refused; a
// change has happened, so its outcome stays and only the body is left out.
func (a *stepAnswer) settle(x *exchange) error {
	if !a.full || x.r.Method != http.MethodGet {
		a.shorten()
		return nil
	}
	a.reset()
	x.w.begun = false
	return &fault{
		status: http.StatusInsufficientStorage, code: codeAnswerSize,
		message: fmt.Sprintf("The answers of the batch have more than %d bytes together. Send this request by itself, or ask for less with $top and $select.", maxBatchAnswer),
	}
}

// shorten leaves out a body that was cut.
func (a *stepAnswer) shorten() {
	if a.full {
		a.body = nil
	}
}

// write sends the answer to the whole batch (OData JSON 4.01, 19.5) in pieces,
// so that it is not held twice.
func (b *batch) write(w http.ResponseWriter) {
	w.WriteHeader(http.StatusOK)
	piece := []byte(`{"responses":[`)
	for i, a := range b.answers {
		if i > 0 {
			piece = append(piece, ',')
		}
		piece = a.appendJSON(piece, &b.steps[i])
		if _, err := w.Write(piece); err != nil {
			return // the connection of the client: there is nobody to tell
		}
		piece, b.answers[i] = piece[:0], nil
	}
	_, _ = w.Write(append(piece, "]}"...))
}

// appendJSON appends the answer to one request.
func (a *stepAnswer) appendJSON(dst []byte, s *step) []byte {
	dst = append(dst, `{"id":`...)
	dst = odata.AppendString(dst, s.id)
	if s.group != "" {
		dst = append(dst, `,"atomicityGroup":`...)
		dst = odata.AppendString(dst, s.group)
	}
	dst = append(dst, `,"status":`...)
	dst = strconv.AppendInt(dst, int64(a.status), 10)
	dst = append(dst, `,"headers":{`...)
	dst = append(a.appendHeader(dst), '}')
	return append(a.appendBody(dst), '}')
}

// appendHeader appends the fields in the spelling that clients look for, in
// alphabetical order.
func (a *stepAnswer) appendHeader(dst []byte) []byte {
	first := true
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		switch name {
		case "Content-Length", "Content-Encoding", "Date", "Vary", "Strict-Transport-Security", "X-Content-Type-Options":
			continue // they speak of a connection
		case "Content-Type":
			if len(a.body) == 0 {
				continue
			}
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(odata.AppendString(dst, name), ':')
		dst = odata.AppendString(dst, strings.Join(a.header[name], ", "))
	}
	return dst
}

// appendBody appends the body: JSON as it is, text as a string, and anything
// else in base64url (OData JSON 4.01, 19.2). Clients choke on an empty one.
func (a *stepAnswer) appendBody(dst []byte) []byte {
	if len(a.body) == 0 {
		return dst
	}
	dst = append(dst, `,"body":`...)
	switch media := a.header.Get("Content-Type"); {
	case strings.HasPrefix(media, mediaJSON):
		return append(dst, a.body...)
	case strings.HasPrefix(media, "text/"):
		return odata.AppendString(dst, string(a.body))
	default:
		return append(base64.URLEncoding.AppendEncode(append(dst, '"'), a.body), '"')
	}
}
