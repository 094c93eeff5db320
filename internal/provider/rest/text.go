package rest

import "encoding/json"

// A Text is a JSON string of an answer. Null and values of another type, which
// the vendors' documents rule out, are read as "": one odd member loses no
// certificate. A number is read as its digits.
type Text string

// UnmarshalJSON reads any JSON value.
func (t *Text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = Text(s)
	} else if len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9') {
		*t = Text(b)
	}
	return nil
}
