package cli

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
)

// A csvWriter writes objects as CSV (RFC 4180), the titles first.
type csvWriter[T any] struct {
	out    *csv.Writer
	titles []string // nil once they are written
	record func(T) []string
}

func newCSVWriter[T any](w io.Writer, titles []string, record func(T) []string) *csvWriter[T] {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	return &csvWriter[T]{out: out, titles: titles, record: record}
}

func (w *csvWriter[T]) add(object json.RawMessage) error {
	var decoded T
	if err := json.Unmarshal(object, &decoded); err != nil {
		return notUnderstood(err)
	}
	if err := w.begin(); err != nil {
		return err
	}
	record := w.record(decoded)
	for i := range record {
		record[i] = harmless(record[i])
	}
	return w.out.Write(record)
}

// begin writes the titles where they are not written yet.
func (w *csvWriter[T]) begin() error {
	if w.titles == nil {
		return nil
	}
	titles := w.titles
	w.titles = nil
	return w.out.Write(titles)
}

func (w *csvWriter[T]) flush() error {
	w.out.Flush()
	return w.out.Error()
}

func (w *csvWriter[T]) close() error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.flush()
}

// harmless sets an apostrophe before what a spreadsheet would run as a formula
// (OWASP, CSV Injection): names in certificates are chosen by those who ask for
// them.
func harmless(cell string) string {
	if strings.IndexAny(cell, "=+-@\t\r\n＝＋－＠") == 0 {
		return "'" + cell
	}
	return cell
}
