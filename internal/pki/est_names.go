package pki

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/netip"
	"reflect"
	"slices"
	"strings"
)

// allows returns nil where a request has a name and each matches one of the
// patterns of e, or where it has no patterns; else CodeForbidden. The names are the
// common names and mail addresses of the subject, and all alternative names.
func (e *ESTEndpoint) allows(csr *x509.CertificateRequest) error {
	if len(e.Patterns) == 0 {
		return nil
	}
	names, err := requestedNames(csr)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return forbidden("The request has no name that this endpoint could allow: a common name, or an alternative name.")
	}
	for _, name := range names {
		// A wildcard would stand for names that nobody has looked at.
		if strings.Contains(name, "*") || quoted(name) != name || !slices.ContainsFunc(e.Patterns, func(p string) bool { return matches(p, name) }) {
			return forbidden("The name '%s' is not one that this endpoint allows.", printable(name))
		}
	}
	return nil
}

// matches reports whether a pattern, in which * stands for any text, is met by
// the whole of name. Letters match in either case.
func matches(pattern, name string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	rest, ok := strings.CutPrefix(strings.ToLower(name), parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[last])
}

// requestedNames lists the names of a request. CodeForbidden for one that has
// names of a kind that cannot be told as text.
func requestedNames(csr *x509.CertificateRequest) ([]string, error) {
	if err := checkAttributes(csr); err != nil {
		return nil, err
	}
	var names []string
	for _, a := range csr.Subject.Names {
		if !a.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 3}) && !a.Type.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}) {
			continue // neither commonName nor emailAddress
		}
		text, ok := a.Value.(string)
		if !ok {
			return nil, forbidden("The subject has a name that is no text.")
		}
		names = append(names, text)
	}
	for _, name := range alternatives(csr.Extensions) {
		switch name.Tag {
		case tagEmail, tagDNS, tagURI:
			names = append(names, string(name.Bytes))
		case tagIP:
			address, ok := netip.AddrFromSlice(name.Bytes)
			if !ok {
				return nil, forbidden("The request has an IP address that is none.")
			}
			names = append(names, address.String())
		default:
			return nil, forbidden("The request has an alternative name that is no DNS name, URI, mail or IP address, which this endpoint does not allow.")
		}
	}
	return names, nil
}

// checkAttributes refuses the attributes of a request by which a CA might be
// told further names, such as ChangeSubjectName (RFC 6402, 2.8): all but those
// that are known to tell none, and extensions that are not requested once, in
// DER: package x509 passes over what other readers of a request may find.
func checkAttributes(csr *x509.CertificateRequest) error {
	var tbs struct {
		Version      int
		Subject, Key asn1.RawValue
		Attributes   []asn1.RawValue `asn1:"tag:0"`
	}
	if _, err := asn1.Unmarshal(csr.RawTBSCertificateRequest, &tbs); err != nil {
		return &Error{Code: CodeInvalid, Msg: "The attributes of the request cannot be read.", Err: err}
	}
	once := map[string]bool{ // false once it was met
		"1.2.840.113549.1.9.2":  true, // unstructuredName
		"1.2.840.113549.1.9.7":  true, // challengePassword
		"1.2.840.113549.1.9.14": true, // extensionRequest
	}
	for _, raw := range tbs.Attributes {
		var a struct {
			ID     asn1.ObjectIdentifier
			Values []asn1.RawValue `asn1:"set"`
		}
		_, err := asn1.Unmarshal(raw.FullBytes, &a)
		if !once[a.ID.String()] {
			return forbidden("The request has the attribute '%s', which this endpoint does not allow, or has it twice.", a.ID)
		}
		once[a.ID.String()] = false
		if again, _ := asn1.Marshal(a); err != nil || len(a.Values) != 1 || !bytes.Equal(again, raw.FullBytes) {
			return forbidden("The attribute '%s' of the request does not have one value in DER (RFC 2986, 4.1).", a.ID)
		}
	}
	return nil
}

// alternatives returns the names of the extension subjectAltName, nil for none.
func alternatives(extensions []pkix.Extension) []asn1.RawValue {
	var names []asn1.RawValue
	for _, e := range extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			return []asn1.RawValue{{Class: asn1.ClassPrivate, Tag: -1, FullBytes: e.Value}} // a kind that nobody allows
		}
	}
	return names
}

// sameNames returns nil where a request has the subject and the alternative
// names of the certificate that it is to renew, else CodeForbidden.
func sameNames(csr *x509.CertificateRequest, cert *x509.Certificate) error {
	if err := checkAttributes(csr); err != nil {
		return err
	}
	if !sameSubject(csr.RawSubject, cert.RawSubject) {
		return forbidden("The subject of the request is not that of the certificate.")
	}
	asked, held := alternatives(csr.Extensions), alternatives(cert.Extensions)
	order := func(a, b asn1.RawValue) int { return bytes.Compare(a.FullBytes, b.FullBytes) }
	slices.SortFunc(asked, order)
	slices.SortFunc(held, order)
	if !slices.EqualFunc(asked, held, func(a, b asn1.RawValue) bool { return bytes.Equal(a.FullBytes, b.FullBytes) }) {
		return forbidden("The alternative names of the request are not those of the certificate.")
	}
	return nil
}

// sameSubject compares names attribute by attribute: CAs write texts in a type
// of their own choice.
func sameSubject(a, b []byte) bool {
	var x, y pkix.RDNSequence
	if _, err := asn1.Unmarshal(a, &x); err != nil {
		return false
	}
	if _, err := asn1.Unmarshal(b, &y); err != nil {
		return false
	}
	return bytes.Equal(a, b) || isText(x) && reflect.DeepEqual(x, y)
}

// isText reports whether package asn1 could read each attribute of a subject:
// it leaves nil for what it does not know.
func isText(subject pkix.RDNSequence) bool {
	return !slices.ContainsFunc(slices.Concat(subject...), func(a pkix.AttributeTypeAndValue) bool { return a.Value == nil })
}
