// Package pki holds the nouns and the rules of the service: what a
// subscription to a third-party CA is, who may do what to it, how one sync
// runs, and what the package needs of a store. It knows neither HTTP nor SQL.
package pki

// A TenantID names a tenant: the tid of a token. It is the first argument of
// every look-up, so that no tenant sees another.
type TenantID string

// An ID names an object within its tenant: 1 to 128 characters out of
// A-Za-z0-9-._~, compared exactly.
type ID string

// maxIDLength is the longest ID a client may choose.
const maxIDLength = 128

// Valid reports whether a client may use id as a key.
func (id ID) Valid() bool {
	if len(id) == 0 || len(id) > maxIDLength || id == "." || id == ".." {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}
