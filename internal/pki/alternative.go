package pki

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAlternativeNames bounds a certificate's alternative names, in bytes. What
// is beyond is left out, name by name.
const maxAlternativeNames = 4 << 10

// AlternativeNames returns the subject alternative names of a certificate (RFC
// 5280, 4.2.1.6) as one text that can be searched: "DNS:a.example,
// IP:192.0.2.1". The kinds are spelled as in OpenSSL's subjectAltName
// (x509v3_config). A name that holds what separates names, or that cannot be
// printed, is quoted, so that none can pass for another. It is "" where there
// are none, and where der is not a certificate.
func AlternativeNames(der []byte) string { return generalNames(alternativeNamesOf(der)) }

// alternativeNamesOf returns the value of a certificate's extension, or nil.
// It reads no more of the certificate than it must (RFC 5280, 4.1): each was
// parsed once already, by its provider.
func alternativeNamesOf(der []byte) []byte {
	var certificate, tbs asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &certificate); err != nil || len(rest) > 0 {
		return nil
	}
	if _, err := asn1.Unmarshal(certificate.Bytes, &tbs); err != nil || tbs.Tag != asn1.TagSequence {
		return nil
	}
	for rest := tbs.Bytes; len(rest) > 0; {
		var field asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &field); err != nil {
			return nil
		}
		if field.Class == asn1.ClassContextSpecific && field.Tag == 3 { // extensions
			return subjectAltName(field.Bytes)
		}
	}
	return nil
}

// subjectAltName returns the value of the extension of that name in a list of
// extensions, or nil.
func subjectAltName(extensions []byte) []byte {
	var list asn1.RawValue
	if _, err := asn1.Unmarshal(extensions, &list); err != nil {
		return nil
	}
	for rest := list.Bytes; len(rest) > 0; {
		var extension asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &extension); err != nil {
			return nil
		}
		if !bytes.HasPrefix(extension.Bytes, []byte{asn1.TagOID, 3, 0x55, 0x1D, 17}) { // 2.5.29.17
			continue
		}
		var e pkix.Extension
		if _, err := asn1.Unmarshal(extension.FullBytes, &e); err != nil {
			return nil
		}
		return e.Value
	}
	return nil
}

// countNames counts the names of a GeneralNames, as far as it can be read.
func countNames(der []byte) (n int) {
	var sequence, name asn1.RawValue
	if _, err := asn1.Unmarshal(der, &sequence); err != nil {
		return 0
	}
	for rest := sequence.Bytes; len(rest) > 0; n++ {
		var err error
		if rest, err = asn1.Unmarshal(rest, &name); err != nil {
			break
		}
	}
	return n
}

// generalNames prints a GeneralNames as far as it can be read.
func generalNames(der []byte) string {
	var sequence asn1.RawValue
	if _, err := asn1.Unmarshal(der, &sequence); err != nil || sequence.Tag != asn1.TagSequence {
		return ""
	}
	var b strings.Builder
	for rest := sequence.Bytes; len(rest) > 0; {
		var name asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &name); err != nil || name.Class != asn1.ClassContextSpecific {
			break
		}
		text := generalName(name)
		if b.Len()+len(", ")+len(text) > maxAlternativeNames {
			break
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(text)
	}
	return b.String()
}

// The tags of GeneralName that are told by their content.
const (
	tagOther     = 0
	tagEmail     = 1
	tagDNS       = 2
	tagDirectory = 4
	tagURI       = 6
	tagIP        = 7
	tagID        = 8
)

func generalName(name asn1.RawValue) string {
	switch name.Tag {
	case tagOther:
		return "otherName:" + otherName(name.Bytes)
	case tagEmail:
		return "email:" + quoted(string(name.Bytes))
	case tagDNS:
		return "DNS:" + quoted(string(name.Bytes))
	case tagDirectory:
		return "dirName:" + quoted(directoryName(name.Bytes))
	case tagURI:
		return "URI:" + quoted(string(name.Bytes))
	case tagIP:
		if address, ok := netip.AddrFromSlice(name.Bytes); ok {
			return "IP:" + address.String()
		}
		return "IP:<invalid>"
	case tagID:
		if id, ok := objectIdentifier(name.Bytes); ok {
			return "RID:" + id
		}
		return "RID:<invalid>"
	default: // x400Address, ediPartyName
		return "[" + strconv.Itoa(name.Tag) + "]:<unsupported>"
	}
}

// otherName prints the type and, where it is a text, the value: that of a
// Microsoft user principal name is 1.3.6.1.4.1.311.20.2.3;UTF8:user@example.com.
func otherName(der []byte) string {
	var kind asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(der, &kind)
	if err != nil {
		return "<invalid>"
	}
	var explicit, value asn1.RawValue
	if _, err = asn1.Unmarshal(rest, &explicit); err == nil {
		_, err = asn1.Unmarshal(explicit.Bytes, &value)
	}
	switch {
	case err != nil:
		return kind.String() + ";<invalid>"
	case value.Tag == asn1.TagUTF8String:
		return kind.String() + ";UTF8:" + quoted(string(value.Bytes))
	case value.Tag == asn1.TagIA5String:
		return kind.String() + ";IA5:" + quoted(string(value.Bytes))
	}
	return kind.String() + ";<unsupported>"
}

// directoryName prints a Name as RFC 4514 has it.
func directoryName(der []byte) string {
	var list pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &list); err != nil {
		return "<invalid>"
	}
	return list.String()
}

// objectIdentifier reads the content of an OBJECT IDENTIFIER.
func objectIdentifier(content []byte) (string, bool) {
	var id asn1.ObjectIdentifier
	if len(content) > maxAlternativeNames {
		return "", false
	}
	der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagOID, Bytes: content})
	if err != nil {
		return "", false
	}
	if _, err := asn1.Unmarshal(der, &id); err != nil {
		return "", false
	}
	return id.String(), true
}

// quoted returns s as it is, or in double quotes with escapes where it holds
// what could be taken for the end of a name.
func quoted(s string) string {
	for _, c := range s {
		if c == ',' || c == '"' || c == '\\' || c == utf8.RuneError || !unicode.IsPrint(c) {
			return strconv.Quote(s)
		}
	}
	return s
}
