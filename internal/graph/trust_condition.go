package graph

import (
	"net/http"
	"strings"
	"time"

	"cloudpki/internal/pki"
)

// wantsFile refuses with 412 where the client wants another file than f: by its
// tag or, where it names none, by its date (RFC 9110, 13.1.1 and 13.1.4).
func (x *exchange) wantsFile(f *file) error {
	other := func(field string) error {
		return &pki.Error{
			Code: pki.CodePreconditionFailed, Target: field,
			Msg: "The file is another one than " + field + " asks for. Leave the field out, or fetch the version by its number.",
		}
	}
	if fields := x.r.Header["If-Match"]; len(fields) > 0 {
		list, any, err := entityTags(strings.Join(fields, ", "))
		if err != nil || any {
			return err
		}
		for _, tag := range list {
			if !tag.weak && tag.opaque == f.opaque {
				return nil
			}
		}
		return other("If-Match")
	}
	if at, ok := x.date("If-Unmodified-Since"); ok && f.modified.After(at) {
		return other("If-Unmodified-Since")
	}
	return nil
}

// hasFile reports whether the client has f: by its tag or, where it names none,
// by its date (RFC 9110, 13.1.2 and 13.1.3).
func (x *exchange) hasFile(f *file) (bool, error) {
	if fields := x.r.Header["If-None-Match"]; len(fields) > 0 {
		if len(fields) == 1 && fields[0] == f.tag {
			return true, nil // nearly all: nothing to take apart
		}
		return unchanged(fields, `W/"`+f.opaque+`"`)
	}
	since, ok := x.date("If-Modified-Since")
	return ok && !f.modified.After(since), nil
}

// date reads a field that holds one date; what is none does not count.
func (x *exchange) date(field string) (time.Time, bool) {
	fields := x.r.Header[field]
	if len(fields) != 1 {
		return time.Time{}, false
	}
	at, err := http.ParseTime(fields[0])
	return at, err == nil
}
