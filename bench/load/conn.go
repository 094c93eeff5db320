package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"strconv"
)

// maxBody bounds an answer.
const maxBody = 16 << 20

// A conn is one kept-alive HTTP/1.1 connection. It parses no more of an answer
// than it needs, because it shares the processors with the server.
type conn struct {
	tls  *tls.Conn
	in   *bufio.Reader
	body []byte // of the last answer; valid until the next
}

func dial(ctx context.Context, to Target) (*conn, error) {
	config := to.TLS.Clone()
	config.NextProtos = []string{"http/1.1"}
	nc, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", to.Address)
	if err != nil {
		return nil, err
	}
	c, ok := nc.(*tls.Conn)
	if !ok {
		return nil, errors.Join(errors.New("the connection is not TLS"), nc.Close())
	}
	return &conn{tls: c, in: bufio.NewReaderSize(c, 32<<10)}, nil
}

// start returns the beginning of the last body, for messages.
func (c *conn) start() []byte { return c.body[:min(len(c.body), 300)] }

// exchange sends a request, reads the answer into c.body and returns its status.
func (c *conn) exchange(request []byte) (status int, err error) {
	c.body = c.body[:0]
	if _, err := c.tls.Write(request); err != nil {
		return 0, fmt.Errorf("send a request: %w", err)
	}
	line, err := c.line()
	if err != nil {
		return 0, fmt.Errorf("read an answer: %w", err)
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, fmt.Errorf("no HTTP/1.1 answer: %.40q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("read the status: %w", err)
	}
	length, err := c.header()
	if err != nil {
		return 0, fmt.Errorf("read the header: %w", err)
	}
	if err := c.readBody(length); err != nil {
		return 0, fmt.Errorf("read the body: %w", err)
	}
	return status, nil
}

// chunked is the length of a body that comes in chunks.
const chunked = -1

// header reads up to the empty line and returns the length of the body.
func (c *conn) header() (length int, err error) {
	for {
		line, err := c.line()
		if err != nil || len(line) == 0 {
			return length, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 || length > maxBody {
				return 0, fmt.Errorf("length %q", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			length = chunked
		case bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")):
			return 0, errors.New("the server does not keep the connection")
		}
	}
}

func (c *conn) readBody(length int) error {
	if length != chunked {
		if cap(c.body) < length {
			c.body = make([]byte, length)
		}
		c.body = c.body[:length]
		_, err := io.ReadFull(c.in, c.body)
		return err
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(httputil.NewChunkedReader(c.in), maxBody)); err != nil {
		return err
	}
	c.body = b.Bytes()
	_, err := c.line() // what follows the last chunk
	return err
}

// line reads a line without its end.
func (c *conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}
