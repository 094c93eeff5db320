package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// show writes one object of the API: described for people, or as it came.
func show[T any](p *program, object json.RawMessage, describe func(T, time.Time) []field) error {
	if p.output == outputJSON {
		text, err := indented(object, "")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.out, text)
		return err
	}
	var decoded T
	if err := json.Unmarshal(object, &decoded); err != nil {
		return notUnderstood(err)
	}
	return p.describe(describe(decoded, p.now()))
}

// indented lays a JSON value out for reading. Its members stay in their order
// and its texts as they were.
func indented(value json.RawMessage, prefix string) (string, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, value, prefix, "  "); err != nil {
		return "", notUnderstood(err)
	}
	return b.String(), nil
}

// orDash shows a text that may be null.
func orDash(s *string) string {
	if s == nil || *s == "" {
		return "-"
	}
	return *s
}

// notUnderstood is the failure of an answer that is not what the API documents.
func notUnderstood(err error) error {
	return &failure{exit: exitFailed, msg: "the service's answer is not understood", err: err, hint: "is the address that of a cloudpki service of this version?"}
}
