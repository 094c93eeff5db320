package web

import "cloudpki/internal/pki"

// nameEdits is the field with the state of the object that a page was made of
// (pki.EditsOf).
const nameEdits = "edits"

// asSeen returns the condition that nobody has changed the object since the
// page was made that edits stood in. What the service itself writes, such as
// the outcome of a sync, does not count.
func asSeen(edits string) pki.Condition {
	return func(etag string) error {
		if pki.EditsOf(etag) == edits {
			return nil
		}
		return &pki.Error{
			Code: pki.CodePreconditionFailed,
			Msg:  "Somebody has changed this since the page was made. Open it again, see what it is like now, and repeat the step.",
		}
	}
}
