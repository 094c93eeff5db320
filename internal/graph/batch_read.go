package graph

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a batch and its members.
const (
	maxSteps      = 20 // as Microsoft Graph has it
	maxStepID     = 64
	maxStepURL    = 8 << 10
	maxStepMethod = 16
)

// A step is one request of a batch as it was sent (OData JSON 4.01, 19.1, and
// Microsoft Graph, JSON batching).
type step struct {
	id        string
	method    string // in capitals
	url       string
	header    http.Header // nil where none was sent
	body      []byte      // nil where none was sent
	dependsOn []string    // ids of requests and groups
	group     string      // of requests that happen together or not at all; "" for none
}

// readBatch reads the body of a batch. Members that are not known are ignored,
// as Microsoft Graph does.
func readBatch(body []byte) ([]step, error) {
	if bytes.HasPrefix(body, []byte("\xEF\xBB\xBF")) {
		return nil, badRequest("", "The body must not begin with a byte order mark.")
	}
	r := batchReader{in: jsontext.NewDecoder(bytes.NewBuffer(body))}
	var steps []step
	found := false
	err := r.object("", "The body", func(name string) (err error) {
		if name != "requests" {
			return r.skip()
		}
		found = true
		steps, err = r.requests()
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := r.in.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, badRequest("", "The body must end after one JSON object.")
	}
	if !found {
		return nil, badRequest("requests", "The batch has no member 'requests'. Send {\"requests\":[{\"id\":\"1\",\"method\":\"GET\",\"url\":\"/cloudPkiSubscriptions\"}]}.")
	}
	return steps, nil
}

// A batchReader walks the JSON of a batch. What is wrong ends the walk.
type batchReader struct{ in *jsontext.Decoder }

// object reads an object; member is called at each value.
func (r *batchReader) object(target, what string, member func(name string) error) error {
	if kind := r.in.PeekKind(); kind != '{' {
		if kind == 0 {
			return r.syntax()
		}
		return badRequest(target, "%s must be a JSON object.", what)
	}
	if _, err := r.in.ReadToken(); err != nil {
		return r.syntax()
	}
	for r.in.PeekKind() != '}' {
		token, err := r.in.ReadToken()
		if err != nil {
			return r.fault(err)
		}
		if err := member(token.String()); err != nil {
			return err
		}
	}
	_, err := r.in.ReadToken()
	return r.fault(err)
}

// array reads an array; item is called at each value.
func (r *batchReader) array(target, what string, item func(i int) error) error {
	if kind := r.in.PeekKind(); kind != '[' {
		if kind == 0 {
			return r.syntax()
		}
		return badRequest(target, "%s must be a JSON array.", what)
	}
	if _, err := r.in.ReadToken(); err != nil {
		return r.syntax()
	}
	for i := 0; r.in.PeekKind() != ']'; i++ {
		if err := item(i); err != nil {
			return err
		}
	}
	_, err := r.in.ReadToken()
	return r.fault(err)
}

func (r *batchReader) skip() error { return r.fault(r.in.SkipValue()) }

// null reports whether null is next, and reads it.
func (r *batchReader) null() bool {
	if r.in.PeekKind() != 'n' {
		return false
	}
	_, err := r.in.ReadToken()
	return err == nil
}

func (r *batchReader) text(target string, longest int) (string, error) {
	kind := r.in.PeekKind()
	if kind != '"' && kind != 0 {
		return "", badRequest(target, "'%s' must be a string.", target)
	}
	token, err := r.in.ReadToken()
	if err != nil {
		return "", r.fault(err)
	}
	s := token.String()
	if len(s) > longest {
		return "", badRequest(target, "'%s' is longer than %d bytes.", target, longest)
	}
	return s, nil
}

func (r *batchReader) syntax() error {
	_, err := r.in.ReadToken()
	return r.fault(err)
}

// fault says where the JSON is broken without quoting it.
func (r *batchReader) fault(err error) error {
	if err == nil {
		return nil
	}
	at := r.in.InputOffset()
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		at = syntactic.ByteOffset
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return badRequest("", "The batch has a member twice, at byte %d.", at)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return badRequest("", "The body ends in the middle of the JSON.")
	}
	return badRequest("", "The body is not valid JSON in UTF-8 at byte %d.", at)
}

func (r *batchReader) requests() (steps []step, err error) {
	err = r.array("requests", "'requests'", func(i int) error {
		if i == maxSteps {
			return badRequest("requests", "A batch has at most %d requests. Send the others in another batch.", maxSteps)
		}
		s, err := r.step(fmt.Sprintf("requests/%d", i))
		steps = append(steps, s)
		return err
	})
	return steps, err
}

// step reads one request. at is where it stands.
func (r *batchReader) step(at string) (s step, err error) {
	var body jsontext.Value
	err = r.object(at, "'"+at+"'", func(name string) (err error) {
		target := at + "/" + name
		switch name {
		case "id":
			s.id, err = r.text(target, maxStepID)
		case "method":
			s.method, err = r.text(target, maxStepMethod)
		case "url":
			s.url, err = r.text(target, maxStepURL)
		case "atomicityGroup":
			if !r.null() {
				s.group, err = r.text(target, maxStepID)
			}
		case "headers":
			s.header, err = r.headers(target)
		case "dependsOn":
			s.dependsOn, err = r.names(target)
		case "body":
			var raw jsontext.Value
			raw, err = r.in.ReadValue()
			body, err = bytes.Clone(raw), r.fault(err)
		default:
			err = r.skip()
		}
		return err
	})
	if err == nil {
		err = s.complete(at)
	}
	if err == nil {
		err = s.adoptBody(at, body)
	}
	return s, err
}

// complete checks that what a request needs is there.
func (s *step) complete(at string) error {
	for _, need := range [...]struct{ name, value string }{{"id", s.id}, {"method", s.method}, {"url", s.url}} {
		if need.value == "" {
			return badRequest(at+"/"+need.name, "'%s' must be a string that is not empty.", at+"/"+need.name)
		}
	}
	for _, name := range [...]struct{ name, value string }{{"id", s.id}, {"atomicityGroup", s.group}} {
		if printable(name.value) != name.value {
			return badRequest(at+"/"+name.name, "'%s/%s' must consist of printable ASCII characters but the single quote.", at, name.name)
		}
	}
	if !isFieldName(s.method) {
		return badRequest(at+"/method", "'%s/method' is no HTTP method.", at)
	}
	s.method = strings.ToUpper(s.method)
	return nil
}

// adoptBody takes a body as the request would have it outside a batch: JSON as
// it stands, anything else out of base64.
func (s *step) adoptBody(at string, raw jsontext.Value) error {
	kind := raw.Kind()
	if len(raw) == 0 || kind == 'n' {
		return nil
	}
	media, _, _ := strings.Cut(s.header.Get("Content-Type"), ";")
	media = strings.TrimSpace(media)
	if media == "" || equalFold(media, mediaJSON) || strings.HasSuffix(media, "+json") {
		if media == "" {
			s.addHeader("Content-Type", mediaJSON)
		}
		s.body = raw
		return nil
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if kind == '"' && err == nil {
		s.body, err = decodeBase64(string(text))
	}
	if kind != '"' || err != nil {
		return badRequest(at+"/body", "'%s/body' must be base64 text, because its Content-Type is not JSON.", at)
	}
	return nil
}

// decodeBase64 reads both alphabets of RFC 4648, padded or not.
func decodeBase64(s string) ([]byte, error) {
	s = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(s), "=")
	return base64.RawStdEncoding.DecodeString(s)
}

func (s *step) addHeader(name, value string) {
	if s.header == nil {
		s.header = make(http.Header)
	}
	s.header.Add(name, value)
}

// headers reads the fields of a request; null is none.
func (r *batchReader) headers(at string) (http.Header, error) {
	if r.null() {
		return nil, nil
	}
	h := make(http.Header)
	err := r.object(at, "'"+at+"'", func(name string) error {
		if !isFieldName(name) {
			return badRequest(at, "'%s' has a member that is no name of a header field.", at)
		}
		if r.null() {
			return nil
		}
		value, err := r.text(at+"/"+name, maxHeaderBytes)
		if err == nil && !isFieldValue(value) {
			err = badRequest(at+"/"+name, "'%s/%s' has characters that a header field cannot have.", at, name)
		}
		h.Add(name, strings.TrimSpace(value))
		return err
	})
	return h, err
}

// names reads a list of ids; null is none.
func (r *batchReader) names(at string) (names []string, err error) {
	if r.null() {
		return nil, nil
	}
	err = r.array(at, "'"+at+"'", func(i int) error {
		if i == maxSteps {
			return badRequest(at, "'%s' has more than %d entries.", at, maxSteps)
		}
		name, err := r.text(fmt.Sprintf("%s/%d", at, i), maxStepID)
		names = append(names, name)
		return err
	})
	return names, err
}

// isFieldName reports whether s is a token (RFC 9110, 5.6.2).
func isFieldName(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isFieldValue reports whether s may be sent in a header field (RFC 9110, 5.5).
func isFieldValue(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
