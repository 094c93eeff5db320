package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
)

// A * stands for any text, as often as it is written, and the whole name counts.
func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a.example.com", "A.example.COM", true},
		{"a.example.com", "a.example.com.evil", false},
		{"a", "", false},
		{"*", "", true},
		{"*", "anything", true},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", ".example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", "a.example.com.evil", false},
		{"urn:*:x:*", "urn:1:x:", true},
		{"urn:*:x:*", "urn:x:", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*b*a", "aba", true},
		{"a*b*a", "aa", false},
		{"**", "x", true},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("%q matches %q: %t", c.pattern, c.name, got)
		}
	}
}

// FuzzMatches holds the search for a match against the plain definition.
func FuzzMatches(f *testing.F) {
	f.Add("*.example.com", "a.example.com")
	f.Add("a*b*a", "abba")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 12 || len(name) > 24 {
			return
		}
		if got, want := matches(pattern, name), defined(strings.ToLower(pattern), strings.ToLower(name)); got != want {
			t.Errorf("%q matches %q: %t", pattern, name, got)
		}
	})
}

// defined reports whether a name meets a pattern, letter by letter.
func defined(pattern, name string) bool {
	switch {
	case pattern == "":
		return name == ""
	case pattern[0] == '*':
		return defined(pattern[1:], name) || name != "" && defined(pattern, name[1:])
	}
	return name != "" && name[0] == pattern[0] && defined(pattern[1:], name[1:])
}

// request makes a request whose attributes are as given.
func request(tb testing.TB, subject pkix.Name, dns []string, attributes ...asn1.ObjectIdentifier) *x509.CertificateRequest {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.CertificateRequest{Subject: subject, DNSNames: dns}
	for _, id := range attributes {
		template.Attributes = append(template.Attributes, pkix.AttributeTypeAndValueSET{ //nolint:staticcheck // the way to write one
			Type: id, Value: [][]pkix.AttributeTypeAndValue{{{Type: asn1.ObjectIdentifier{1, 2, 3}, Value: "x"}}},
		})
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		tb.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		tb.Fatal(err)
	}
	return csr
}

// An attribute by which a CA might be told further names is refused wherever
// names count: ChangeSubjectName, and Microsoft's own extensions.
func TestAttributesThatTellNames(t *testing.T) {
	t.Parallel()
	e := &ESTEndpoint{Patterns: []string{"*"}}
	name := pkix.Name{CommonName: "a"}
	if err := e.allows(request(t, name, []string{"b"}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 7})); err != nil {
		t.Errorf("a challenge password: %v", err)
	}
	for _, id := range []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 7, 36}, {1, 3, 6, 1, 4, 1, 311, 2, 1, 14}} {
		csr := request(t, name, nil, id)
		if err := e.allows(csr); CodeOf(err) != CodeForbidden {
			t.Errorf("%s: %v", id, err)
		}
		if err := sameNames(csr, &x509.Certificate{RawSubject: csr.RawSubject}); CodeOf(err) != CodeForbidden {
			t.Errorf("%s in a renewal: %v", id, err)
		}
		if err := (&ESTEndpoint{}).allows(csr); err != nil {
			t.Errorf("%s where the CA decides: %v", id, err)
		}
	}
}

// smuggled makes a request with the attributes as they are given, in whatever
// encoding.
func smuggled(tb testing.TB, attributes ...[]byte) *x509.CertificateRequest {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	tbs := mustMarshal(tb, struct {
		Version    int
		Subject    pkix.RDNSequence
		Key        asn1.RawValue
		Attributes asn1.RawValue
	}{
		0, pkix.Name{CommonName: "a"}.ToRDNSequence(),
		asn1.RawValue{FullBytes: public},
		asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: bytes.Join(attributes, nil)},
	})
	sum := sha256.Sum256(tbs)
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		tb.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(mustMarshal(tb, struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		asn1.RawValue{FullBytes: tbs},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
		asn1.BitString{Bytes: signature, BitLength: len(signature) * 8},
	}))
	if err != nil {
		tb.Fatal(err)
	}
	return csr
}

// Where names count, a request has one: a certificate without a name could be
// taken for anybody's.
func TestNameless(t *testing.T) {
	t.Parallel()
	csr := request(t, pkix.Name{Organization: []string{"o"}, SerialNumber: "7"}, nil)
	if err := (&ESTEndpoint{Patterns: []string{"*"}}).allows(csr); CodeOf(err) != CodeForbidden {
		t.Errorf("a request without a name: %v", err)
	}
	if err := (&ESTEndpoint{}).allows(csr); err != nil {
		t.Errorf("where the CA decides: %v", err)
	}
}

// What one reader of a request passes over, the CA may read: names in an
// attribute that is no DER, in a second value, or behind the names are refused.
func TestSmuggledNames(t *testing.T) {
	t.Parallel()
	value := func(tag int, parts ...[]byte) []byte {
		return mustMarshal(t, asn1.RawValue{Tag: tag, IsCompound: tag != asn1.TagOctetString, Bytes: bytes.Join(parts, nil)})
	}
	sequence := func(parts ...[]byte) []byte { return value(asn1.TagSequence, parts...) }
	longer := func(der []byte) []byte { return append([]byte{der[0], 0x81}, der[1:]...) } // a length that is not the shortest: BER
	names := func(name string, behind ...byte) []byte {
		general := sequence(mustMarshal(t, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tagDNS, Bytes: []byte(name)}))
		return sequence(sequence(mustMarshal(t, asn1.ObjectIdentifier{2, 5, 29, 17}), value(asn1.TagOctetString, general, behind)))
	}
	request := mustMarshal(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 14})
	good, evil := names("a"), names("evil")
	for name, c := range map[string]struct {
		attributes [][]byte
		want       Code
	}{
		"honest":                 {[][]byte{sequence(request, value(asn1.TagSet, good))}, ""},
		"another name":           {[][]byte{sequence(request, value(asn1.TagSet, evil))}, CodeForbidden},
		"a set in BER":           {[][]byte{sequence(request, longer(value(asn1.TagSet, evil)))}, CodeForbidden},
		"a sequence for the set": {[][]byte{sequence(request, sequence(evil))}, CodeForbidden},
		"a second value":         {[][]byte{sequence(request, value(asn1.TagSet, good, evil))}, CodeForbidden},
		"a second attribute":     {[][]byte{sequence(request, value(asn1.TagSet, good)), sequence(request, value(asn1.TagSet, sequence()))}, CodeForbidden},
		"no value":               {[][]byte{sequence(request, value(asn1.TagSet))}, CodeForbidden},
		"bytes behind the value": {[][]byte{sequence(request, value(asn1.TagSet, good), value(asn1.TagSet, evil))}, CodeForbidden},
		"bytes behind the names": {[][]byte{sequence(request, value(asn1.TagSet, names("a", evil...)))}, CodeForbidden},
	} {
		csr := smuggled(t, c.attributes...)
		if err := (&ESTEndpoint{Patterns: []string{"a"}}).allows(csr); CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		held := &x509.Certificate{RawSubject: csr.RawSubject}
		if name == "honest" {
			held.Extensions = csr.Extensions
		}
		if err := sameNames(csr, held); CodeOf(err) != c.want {
			t.Errorf("%s in a renewal: %v, want %q", name, err, c.want)
		}
	}
}

// A subject is the same in whatever type its texts are written; alternative
// names are the same in any order.
func TestSameNames(t *testing.T) {
	t.Parallel()
	spelled := func(tag int, text string) []byte {
		der, err := asn1.Marshal([]any{asn1.RawValue{Class: 0, Tag: asn1.TagSet, IsCompound: true, Bytes: mustMarshal(t, struct {
			ID   asn1.ObjectIdentifier
			Text asn1.RawValue
		}{asn1.ObjectIdentifier{2, 5, 4, 3}, asn1.RawValue{Tag: tag, Bytes: []byte(text)}})}})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	if !sameSubject(spelled(asn1.TagUTF8String, "a"), spelled(asn1.TagPrintableString, "a")) {
		t.Error("the same text in another type is another subject")
	}
	if sameSubject(spelled(asn1.TagUTF8String, "a"), spelled(asn1.TagUTF8String, "b")) || sameSubject(nil, nil) {
		t.Error("another text is the same subject")
	}
	// Package asn1 reads neither of these texts, and a CA may read both.
	if universal := 28; sameSubject(spelled(universal, "\x00\x00\x00a"), spelled(universal, "\x00\x00\x00b")) {
		t.Error("a text that cannot be read is the same as another")
	}
	csr, turned := request(t, pkix.Name{CommonName: "a"}, []string{"b", "c"}), request(t, pkix.Name{CommonName: "a"}, []string{"c", "b"})
	if err := sameNames(csr, &x509.Certificate{RawSubject: csr.RawSubject, Extensions: turned.Extensions}); err != nil {
		t.Errorf("in another order: %v", err)
	}
	for name, extensions := range map[string][]pkix.Extension{"none": nil, "fewer": request(t, pkix.Name{}, []string{"b"}).Extensions} {
		if err := sameNames(csr, &x509.Certificate{RawSubject: csr.RawSubject, Extensions: extensions}); CodeOf(err) != CodeForbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mustMarshal(tb testing.TB, v any) []byte {
	tb.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// FuzzRequestedNames looks for requests that upset the rules about names.
func FuzzRequestedNames(f *testing.F) {
	f.Add(request(f, pkix.Name{CommonName: "a"}, []string{"b"}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 7}).Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		csr, err := x509.ParseCertificateRequest(der)
		if err != nil {
			return
		}
		e := &ESTEndpoint{Patterns: []string{"none"}}
		names, err := requestedNames(csr)
		if allowed := e.allows(csr); allowed == nil && (err != nil || len(names) > strings.Count(strings.ToLower(strings.Join(names, " ")), "none")) {
			t.Errorf("%q is allowed (%v)", names, err)
		}
		if err := sameNames(csr, &x509.Certificate{RawSubject: csr.RawSubject}); err == nil && len(alternatives(csr.Extensions)) > 0 {
			t.Error("the names of a request are those of a certificate without")
		}
	})
}
