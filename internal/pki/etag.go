package pki

import "strconv"

// ETag is the weak entity tag of a subscription: W/"edits.revision.key". It
// changes exactly when the answer would. The key names the incarnation, so
// that an object made later under the same id never passes for this one.
func (s *Subscription) ETag() string {
	dst := append(make([]byte, 0, 48), `W/"`...)
	dst = strconv.AppendInt(dst, s.Edits, 10)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, s.Revision, 10)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, s.Key, 36)
	return string(append(dst, '"'))
}
