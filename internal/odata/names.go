package odata

import "strings"

// Fold is the case folding of search texts and of stored case-folded twins.
// It is strings.ToLower, rune by rune: no normalisation and no locale, so that
// the same text folds alike here, in SQLite and in PostgreSQL.
func Fold(s string) string { return strings.ToLower(s) }

// Snake turns a camel-case name into snake case: adminUserName becomes
// admin_user_name. A run of capitals is one word: csrPEMText is csr_pem_text.
func Snake(name string) string {
	b := make([]byte, 0, len(name)+4)
	for i := range len(name) {
		c := name[i]
		if !isUpper(c) {
			b = append(b, c)
			continue
		}
		afterLower := i > 0 && !isUpper(name[i-1])
		beforeLower := i > 0 && i+1 < len(name) && isLower(name[i+1])
		if afterLower || beforeLower {
			b = append(b, '_')
		}
		b = append(b, c+'a'-'A')
	}
	return string(b)
}

// find returns the property called name without regard to ASCII case.
func find(properties []Property, name string) *Property {
	for i := range properties {
		if equalFoldASCII(properties[i].Name, name) {
			return &properties[i]
		}
	}
	return nil
}

// findExact returns the index of the property spelled exactly name, or -1.
func findExact(properties []Property, name string) int {
	for i := range properties {
		if properties[i].Name == name {
			return i
		}
	}
	return -1
}

// equalFoldASCII reports whether a and b are equal but for the case of ASCII
// letters. strings.EqualFold would also equate k with the Kelvin sign.
func equalFoldASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// shown reports whether a name from outside may be repeated in an error text:
// short, and made of what names are made of.
func shown(name string) bool {
	if len(name) == 0 || len(name) > 64 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !isWord(c) && c != '.' && c != '-' && c != '@' && c != '$' && c != '#' {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if isUpper(c) {
		return c + 'a' - 'A'
	}
	return c
}

func isUpper(c byte) bool  { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool  { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return isUpper(c) || isLower(c) }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }
