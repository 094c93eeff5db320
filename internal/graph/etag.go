package graph

import (
	"strings"

	"cloudpki/internal/pki"
)

// An entityTag is one of a list of them (RFC 9110, 8.8.3).
type entityTag struct {
	opaque string
	weak   bool
}

// tags reads a list of entity tags and returns their opaque parts, for a weak
// comparison; any is true for the list *.
func tags(field string) (opaque []string, any bool, err error) {
	list, any, err := entityTags(field)
	for _, tag := range list {
		opaque = append(opaque, tag.opaque)
	}
	return opaque, any, err
}

// entityTags reads a list of entity tags; any is true for the list *. Empty
// elements are passed over, as RFC 9110, 5.6.1.2 wants it.
func entityTags(field string) (list []entityTag, any bool, err error) {
	rest := strings.Trim(field, ", \t")
	if rest == "*" {
		return nil, true, nil
	}
	for rest != "" {
		quoted, weak := strings.CutPrefix(rest, "W/")
		if quoted == "" || quoted[0] != '"' {
			return nil, false, malformedTag()
		}
		end := strings.IndexByte(quoted[1:], '"')
		if end < 0 {
			return nil, false, malformedTag()
		}
		list = append(list, entityTag{quoted[1 : 1+end], weak})
		rest = strings.TrimLeft(quoted[2+end:], " \t")
		if rest == "" {
			return list, false, nil
		}
		if rest[0] != ',' {
			return nil, false, malformedTag()
		}
		rest = strings.TrimLeft(rest, ", \t")
	}
	return nil, false, malformedTag()
}

// ifMatch returns the condition that the If-Match field sets for a change, nil
// for none. It compares what admins can write, so that a sync in between does
// not make an admin's change fail.
func ifMatch(fields []string) (pki.Condition, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	opaque, any, err := tags(strings.Join(fields, ", "))
	if err != nil || any {
		return nil, err
	}
	return func(etag string) error {
		now := pki.EditsOf(opaqueOf(etag))
		for _, o := range opaque {
			if pki.EditsOf(o) == now {
				return nil
			}
		}
		return &pki.Error{
			Code: pki.CodePreconditionFailed, Target: "If-Match",
			Msg: "The object was changed since it was read. Read it again, repeat the change, and send the new @odata.etag in If-Match.",
		}
	}, nil
}

// ifNoneMatch returns the condition that the If-None-Match field sets for a
// change of an object (RFC 9110, 13.1.2), nil for none.
func ifNoneMatch(fields []string) (pki.Condition, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	if _, err := unchanged(fields, `W/""`); err != nil {
		return nil, err
	}
	return func(etag string) error {
		if same, err := unchanged(fields, etag); err != nil || !same {
			return err
		}
		return exists()
	}, nil
}

func exists() error {
	return &pki.Error{
		Code: pki.CodePreconditionFailed, Target: "If-None-Match",
		Msg: "The object is there, in a state that If-None-Match excludes. Leave the field out to change it.",
	}
}

// conditions are those of If-Match and If-None-Match together.
func (x *exchange) conditions() (pki.Condition, error) {
	match, err := ifMatch(x.r.Header["If-Match"])
	if err != nil {
		return nil, err
	}
	noneMatch, err := ifNoneMatch(x.r.Header["If-None-Match"])
	switch {
	case err != nil || noneMatch == nil:
		return match, err
	case match == nil:
		return noneMatch, nil
	}
	return func(etag string) error {
		if err := match(etag); err != nil {
			return err
		}
		return noneMatch(etag)
	}, nil
}

// conditionOfCreate checks the conditions of a POST on the address of an object
// that it is to make: If-Match cannot hold there, and If-None-Match: * turns
// the answer for an object that exists, which taken is, into 412.
func (x *exchange) conditionOfCreate() (taken func(error) error, err error) {
	same := func(err error) error { return err }
	if len(x.keys) == 0 {
		return same, nil
	}
	if _, err := x.conditions(); err != nil {
		return nil, err
	}
	if fields := x.r.Header["If-Match"]; len(fields) > 0 {
		return nil, &pki.Error{
			Code: pki.CodePreconditionFailed, Target: "If-Match",
			Msg: "A POST makes an object that is not there yet, so If-Match cannot hold. Leave it out, or change the object with PATCH.",
		}
	}
	if strings.TrimSpace(x.header("If-None-Match")) != "*" {
		return same, nil
	}
	return func(err error) error {
		if pki.CodeOf(err) == pki.CodeExists {
			return exists()
		}
		return err
	}, nil
}

// unchanged reports whether the If-None-Match field names the present tag.
func unchanged(fields []string, present string) (bool, error) {
	if len(fields) == 0 {
		return false, nil
	}
	opaque, any, err := tags(strings.Join(fields, ", "))
	if err != nil || any {
		return any, err
	}
	now := opaqueOf(present)
	for _, o := range opaque {
		if o == now {
			return true, nil
		}
	}
	return false, nil
}

// opaqueOf strips W/ and the quotes from a tag of ours.
func opaqueOf(tag string) string { return tag[len(`W/"`) : len(tag)-1] }
