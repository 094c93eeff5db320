package graph

import (
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxBody bounds a body, both as sent and after inflation.
const maxBody = 4 << 20

// readBody takes the body of a request whose route wants one.
func (s *Server) readBody(x *exchange) error {
	if !x.route.body || x.r.Body == nil || x.r.Body == http.NoBody {
		return nil
	}
	if x.r.ContentLength > maxBody {
		return tooLarge(maxBody)
	}
	sent := &counted{from: x.r.Body, left: maxBody}
	body, err := inflate(x.r.Header, sent)
	if err == nil {
		x.body, err = io.ReadAll(io.LimitReader(body, maxBody+1))
	}
	switch {
	case sent.exceeded || len(x.body) > maxBody:
		return tooLarge(maxBody)
	case err != nil:
		return unreadable(err)
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

// unreadable explains why a body could not be read.
func unreadable(err error) error {
	var own *fault
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return badRequest("", "The body is not valid gzip although Content-Encoding says so.")
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

// A counted reader stops at a limit and remembers that there was more.
type counted struct {
	from     io.Reader
	left     int
	exceeded bool
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
	return n, err
}
