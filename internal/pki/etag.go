package pki

import (
	"strconv"
	"strings"
)

// ETag is the weak entity tag of a subscription: W/"edits.revision.key". It
// changes exactly when the answer would. The key names the incarnation, so
// that an object made later under the same id never passes for this one.
func (s *Subscription) ETag() string { return entityTag(s.Edits, s.Revision, s.Key) }

// ETag is the weak entity tag of a bundle, as that of a subscription. How often
// versions were fetched is no part of it.
func (b *TrustBundle) ETag() string { return entityTag(b.Edits, b.Revision, b.Key) }

// ETag is the weak entity tag of an alert, which nobody edits.
func (r *RaisedAlert) ETag() string { return entityTag(0, r.Revision, r.Key) }

func entityTag(edits, revision, key int64) string {
	dst := append(make([]byte, 0, 48), `W/"`...)
	dst = strconv.AppendInt(dst, edits, 10)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, revision, 10)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, key, 36)
	return string(append(dst, '"'))
}

// EditsOf is the part of an entity tag, with or without W/ and quotes, that
// names what admins have written: without the revision, which the service
// raises too.
func EditsOf(tag string) string {
	edits, rest, _ := strings.Cut(tag, ".")
	_, key, _ := strings.Cut(rest, ".")
	return edits + "." + key
}
