package cli

import (
	"strconv"
	"time"

	"cloudpki/internal/graph"
)

// certificateTitles are the members that a CSV of certificates has, under their
// names in the API.
func certificateTitles() []string {
	return []string{
		"id", "serialNumber", "status", "subjectName", "commonName", "subjectAlternativeNames", "issuerName", "notBefore", "notAfter",
		"revocationDateTime", "revocationReason", "profileId", "holder", "thumbprint", "firstSeenDateTime", "lastChangedDateTime", "missingSinceDateTime",
	}
}

// certificateRecord is one line of it; null is empty.
func certificateRecord(c graph.Certificate) []string {
	return []string{
		c.ID, orEmpty(c.Serial), c.Status, orEmpty(c.Subject), orEmpty(c.CommonName), orEmpty(c.AltNames), orEmpty(c.Issuer),
		date(c.NotBefore), date(c.NotAfter), date(c.Revoked), reasonCode(c.Reason), orEmpty(c.Profile), orEmpty(c.Holder), orEmpty(c.Thumbprint),
		date(c.FirstSeen), date(c.Changed), date(c.Missing),
	}
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// date writes a time for programs.
func date(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func reasonCode(code *int) string {
	if code == nil {
		return ""
	}
	return strconv.Itoa(*code)
}
