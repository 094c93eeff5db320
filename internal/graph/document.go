package graph

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
)

// A document is made once and is the same for everybody, who need no token for
// it: it is kept compressed too, so that asking for it costs nothing.
type document struct {
	body, zipped []byte
	etag         string // weak, since the body may be compressed (RFC 9110, 8.8.1)
}

// A publication makes its document when somebody first asks for it: a service
// that is starting has better to do.
type publication func() (document, error)

func publish(write func() ([]byte, error)) publication {
	return sync.OnceValues(func() (document, error) {
		body, err := write()
		if err != nil {
			return document{}, err
		}
		return newDocument(body)
	})
}

func newDocument(body []byte) (document, error) {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	if _, err := zip.Write(body); err != nil {
		return document{}, fmt.Errorf("graph: compress a document: %w", err)
	}
	if err := zip.Close(); err != nil {
		return document{}, fmt.Errorf("graph: compress a document: %w", err)
	}
	sum := sha256.Sum256(body)
	const tagBytes = 12
	return document{body: body, zipped: b.Bytes(), etag: `W/"` + hex.EncodeToString(sum[:tagBytes]) + `"`}, nil
}

// publish answers with what p makes, or with 304 where the client has it already.
func (x *exchange) publish(p publication, contentType string) error {
	d, err := p()
	if err != nil {
		return err
	}
	same, err := unchanged(x.r.Header["If-None-Match"], d.etag)
	if err != nil {
		return err
	}
	h := x.w.Header()
	h["ETag"] = []string{d.etag}
	if same {
		x.write(http.StatusNotModified, nil)
		return nil
	}
	h["Content-Type"] = []string{contentType}
	body := d.body
	if acceptsGzip(x.r.Header["Accept-Encoding"]) {
		h["Content-Encoding"] = []string{"gzip"}
		body = d.zipped
	}
	x.write(http.StatusOK, body)
	return nil
}
