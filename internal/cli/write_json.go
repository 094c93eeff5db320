package cli

import (
	"bufio"
	"encoding/json"
	"io"
)

// A jsonWriter writes objects as one JSON array, as they came.
type jsonWriter struct {
	out   *bufio.Writer
	count int
}

func newJSONWriter(w io.Writer) *jsonWriter { return &jsonWriter{out: bufio.NewWriter(w)} }

func (w *jsonWriter) add(object json.RawMessage) error {
	open := ",\n  "
	if w.count == 0 {
		open = "[\n  "
	}
	w.count++
	text, err := indented(object, "  ")
	if err != nil {
		return err
	}
	_, err = w.out.WriteString(open + text)
	return err
}

func (w *jsonWriter) flush() error { return w.out.Flush() }

func (w *jsonWriter) close() error {
	end := "\n]\n"
	if w.count == 0 {
		end = "[]\n"
	}
	_, _ = w.out.WriteString(end) // Flush tells of errors
	return w.flush()
}
