package web

import "cloudpki/internal/pki"

// seenState is the field by which a form tells of which state of an object it
// was made.
const seenState = "seen"

// stillAs returns the condition that nobody has written the object since its
// state was seen. What the service itself writes, such as the outcome of a
// sync, does not count.
func stillAs(seen string) pki.Condition {
	return func(etag string) error {
		if pki.EditsOf(etag) == seen {
			return nil
		}
		return &pki.Error{
			Code: pki.CodePreconditionFailed,
			Msg:  "Somebody else has changed this since the form was opened. Open it again, see what it is now, and repeat your change.",
		}
	}
}
