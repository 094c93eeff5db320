package pki

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

const (
	// maxSerial bounds a serial number in hex digits; RFC 5280 has 40, and some
	// CAs write more.
	maxSerial = 256

	// maxNames bounds the alternative names of a certificate that is kept as
	// one.
	maxNames = 5000

	// maxRemoteText bounds a text of a CA's record, in bytes.
	maxRemoteText = 1024
)

// add takes a record over into p: as a certificate, or where it cannot be one
// as a skipped item.
func (p *RunPage) add(r provider.Record, run ID, now odata.DateTimeOffset) {
	cert, fault := admit(r, now)
	if fault == "" {
		p.Certificates = append(p.Certificates, cert)
		return
	}
	p.Skipped = append(p.Skipped, newSkippedItem(provider.Skipped{Raw: rawOf(r), Serial: r.Serial, Reason: fault}, run, now))
}

// rawOf is what is kept of a record that is skipped.
func rawOf(r provider.Record) []byte {
	if r.DER != nil {
		return r.DER
	}
	raw, err := json.Marshal(map[string]string{"serial": printable(r.Serial), "issuer": printable(r.IssuerDN), "subject": printable(r.SubjectDN)})
	if err != nil {
		return nil
	}
	return raw
}

// admit makes a certificate of a record, or says why it cannot be one. Whatever
// a record holds, it costs no more than itself.
func admit(r provider.Record, now odata.DateTimeOffset) (cert Certificate, fault string) {
	defer func() {
		if reason := recover(); reason != nil {
			fault = printable(fmt.Sprintf("the record upset the service: %v", reason))
		}
	}()
	if fault = faultOf(r); fault != "" {
		return Certificate{}, fault
	}
	return newCertificate(r, now), ""
}

// faultOf checks what no certificate can be without, and what could not be
// stored.
func faultOf(r provider.Record) string {
	switch {
	case !isSerial(r.Serial):
		return "the serial number is not one: " + printable(fmt.Sprintf("%.80q", r.Serial))
	case len(r.RawIssuer) == 0 && r.IssuerDN == "":
		return "the record names no issuer"
	case len(r.DER) > provider.MaxRaw:
		return fmt.Sprintf("the certificate is %d bytes long, more than %d", len(r.DER), provider.MaxRaw)
	case countNames(alternativeNamesOf(r.DER)) > maxNames:
		return fmt.Sprintf("the certificate has more than %d alternative names", maxNames)
	}
	for _, t := range []struct {
		name string
		time time.Time
	}{{"notBefore", r.NotBefore}, {"notAfter", r.NotAfter}, {"the time of revocation", r.RevokedAt}} {
		if t.time.IsZero() {
			continue
		}
		if year := t.time.UTC().Year(); year < 1 || year > 9999 {
			return fmt.Sprintf("%s is in the year %d", t.name, year)
		}
	}
	return ""
}

// isSerial reports whether s is a serial number as provider.Record has them.
func isSerial(s string) bool {
	return s != "" && len(s) <= maxSerial && strings.Trim(s, "0123456789abcdef") == "" && (s[0] != '0' || s == "0")
}

func newCertificate(r provider.Record, now odata.DateTimeOffset) Certificate {
	c := Certificate{
		ID: CertificateID(r.RawIssuer, r.IssuerDN, r.Serial), DER: r.DER,
		SubjectDN: printable(r.SubjectDN), CommonName: printable(r.CommonName), IssuerDN: printable(r.IssuerDN), Serial: r.Serial,
		NotBefore: dateOf(r.NotBefore), NotAfter: dateOf(r.NotAfter),
		Status: CertificateStatusOf(r.Status), RevokedAt: dateOf(r.RevokedAt), Reason: reasonOf(r.Reason),
		ProfileID: printable(r.ProfileID), Holder: printable(r.Holder), FirstSeen: now, Changed: now, Missing: odata.Never(),
	}
	if r.DER != nil {
		c.SHA256, c.AltNames = Thumbprint(r.DER), AlternativeNames(r.DER)
	}
	return c
}

// reasonOf is a reason of RFC 5280, 5.3.1, or -1: of one that is not on the
// list the revocation counts all the same.
func reasonOf(code int) int {
	const aaCompromise = 10
	if code < 0 || code > aaCompromise {
		return -1
	}
	return code
}

func newSkippedItem(s provider.Skipped, run ID, now odata.DateTimeOffset) SkippedItem {
	raw := s.Raw[:min(len(s.Raw), provider.MaxRaw)]
	return SkippedItem{
		ID: ID(Thumbprint(append([]byte(s.Serial+"\x00"), s.Raw...))[:32]), Run: run,
		Raw: raw, Serial: printable(s.Serial), Reason: printable(s.Reason), Seen: now,
	}
}

// UnknownSerial is the skipped item for a serial number that a provider took
// for known, and that is not.
func UnknownSerial(serial string, run ID, now odata.DateTimeOffset) SkippedItem {
	return newSkippedItem(provider.Skipped{Serial: serial, Reason: "the CA lists this serial number, and the certificate was not asked for"}, run, now)
}

// printable makes a CA's text fit to be stored and shown: valid UTF-8 without
// NUL, which PostgreSQL does not store, and of bounded length.
func printable(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	if len(s) > maxRemoteText {
		s = strings.ToValidUTF8(s[:maxRemoteText], "")
	}
	return s
}
