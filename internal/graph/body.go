package graph

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
)

// longestBody bounds how long a body may take to arrive.
const longestBody = 30 * time.Second

// receiveBody reads the body before the request takes one of the slots that
// are for answering: a client that sends slowly keeps nobody waiting.
func (s *Server) receiveBody(x *exchange) error {
	if !x.hasBody() {
		return nil
	}
	return x.enter(s.limits.bodies, x.client(), func() error {
		// Not every connection has deadlines; the server's own bound holds then.
		_ = http.NewResponseController(&x.w).SetReadDeadline(time.Now().Add(longestBody))
		return s.readBody(x)
	})
}

// hurryBody bounds how long a body that nobody wants keeps its connection:
// HTTP/1.1 reads it, so that the connection can be used again, before it sends
// the refusal. What has not arrived by then costs the connection.
func (x *exchange) hurryBody() {
	const patience = time.Second
	if x.r.ProtoMajor == 1 && x.r.ContentLength != 0 && x.body == nil {
		_ = http.NewResponseController(&x.w).SetReadDeadline(time.Now().Add(patience))
	}
}

func (x *exchange) hasBody() bool {
	return x.route.body && x.r.Body != nil && x.r.Body != http.NoBody
}

// refuseMultipart answers batches of the older form before their client is
// asked for a token, which some of them send inside the parts only.
func (s *Server) refuseMultipart(x *exchange) error {
	if media, _, _ := strings.Cut(x.header("Content-Type"), "/"); !equalFold(strings.TrimSpace(media), "multipart") {
		return nil
	}
	return unsupportedMedia("A body in parts is not understood. Send a batch as JSON: {\"requests\":[...]} with Content-Type: application/json.")
}

// readBody takes the body of a request whose route wants one.
func (s *Server) readBody(x *exchange) error {
	if !x.hasBody() {
		return nil
	}
	most := s.limits.body
	if x.r.ContentLength > int64(most) {
		return tooLarge(most)
	}
	sent := &counted{from: x.r.Body, left: most}
	body, err := inflate(x.r.Header, sent)
	if err == nil {
		x.body, err = io.ReadAll(io.LimitReader(body, int64(most)+1))
	}
	switch {
	case sent.exceeded || len(x.body) > most:
		return tooLarge(most)
	case err != nil:
		return unreadable(err, sent.broken)
	}
	if len(x.body) == 0 {
		return nil
	}
	return checkContentType(x.r.Header["Content-Type"])
}

// inflate undoes the Content-Encoding. The Go clients of Microsoft Graph
// compress every body.
func inflate(h http.Header, from io.Reader) (io.Reader, error) {
	switch coding := strings.ToLower(strings.TrimSpace(strings.Join(h["Content-Encoding"], ","))); coding {
	case "", "identity":
		return from, nil
	case "gzip", "x-gzip":
		return gzip.NewReader(from)
	default:
		return nil, unsupportedMedia("Content-Encoding '%s' is not understood. Send gzip, or no encoding.", printable(coding))
	}
}

// unreadable explains why a body could not be read; broken says that it did not
// arrive.
func unreadable(err error, broken bool) error {
	var own *fault
	switch {
	case errors.As(err, &own):
		return own
	case !broken:
		return badRequest("", "The body is not valid gzip although Content-Encoding says so.")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &fault{
			status: http.StatusRequestTimeout, code: codeTimeout, cause: err,
			message: fmt.Sprintf("The body did not arrive within %d s. Send it again, faster or in parts.", int(longestBody.Seconds())),
		}
	}
	f := badRequest("", "The body could not be read to its end. Send it again.")
	f.cause = err
	return f
}

// checkContentType wants JSON in UTF-8.
func checkContentType(fields []string) error {
	const want = "A body is application/json in UTF-8; Content-Type must say so."
	if len(fields) != 1 {
		return unsupportedMedia(want)
	}
	media, parameters, err := mime.ParseMediaType(fields[0])
	if err != nil || media != mediaJSON {
		return unsupportedMedia(want)
	}
	if charset, ok := parameters["charset"]; ok && !equalFold(charset, "utf-8") && !equalFold(charset, "utf8") {
		return unsupportedMedia(want)
	}
	return nil
}

// A counted reader stops at a limit and remembers that there was more, or that
// what it reads from failed.
type counted struct {
	from     io.Reader
	left     int
	exceeded bool
	broken   bool
}

var errExceeded = errors.New("body exceeds its limit")

// Read reads on until the limit.
func (c *counted) Read(p []byte) (int, error) {
	if c.exceeded {
		return 0, errExceeded
	}
	n, err := c.from.Read(p)
	if n > c.left {
		c.exceeded = true
		return c.left, errExceeded
	}
	c.left -= n
	c.broken = err != nil && !errors.Is(err, io.EOF)
	return n, err
}
