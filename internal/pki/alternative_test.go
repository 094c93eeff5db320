package pki_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"cloudpki/internal/pki"
)

// signed returns the DER of a certificate made from a template.
func signed(tb testing.TB, template x509.Certificate) []byte {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, public, private)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// withNames returns the DER of a certificate whose alternative names are raw.
func withNames(tb testing.TB, raw []byte) []byte {
	tb.Helper()
	return signed(tb, x509.Certificate{ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: raw}}})
}

// general encodes one GeneralName.
func general(tb testing.TB, tag int, constructed bool, content []byte) []byte {
	tb.Helper()
	der, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: constructed, Bytes: content})
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// sequence encodes a GeneralNames.
func sequence(tb testing.TB, names ...[]byte) []byte {
	tb.Helper()
	der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: []byte(strings.Join(toStrings(names), ""))})
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func toStrings(list [][]byte) []string {
	s := make([]string, len(list))
	for i := range list {
		s[i] = string(list[i])
	}
	return s
}

func must1[T any](tb testing.TB) func(T, error) T {
	return func(v T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

func TestAlternativeNames(t *testing.T) {
	t.Parallel()
	address := must1[*url.URL](t)(url.Parse("https://a.example/x?y"))
	upn := must1[[]byte](t)(asn1.Marshal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}))
	user := must1[[]byte](t)(asn1.MarshalWithParams("user@example.com", "utf8,explicit,tag:0"))
	number := must1[[]byte](t)(asn1.MarshalWithParams(7, "explicit,tag:0"))
	directory := must1[[]byte](t)(asn1.Marshal(pkix.Name{CommonName: "A", Organization: []string{"O"}}.ToRDNSequence()))
	for name, c := range map[string]struct {
		der  []byte
		want string
	}{
		"none":           {signed(t, x509.Certificate{}), ""},
		"no certificate": {[]byte("x"), ""},
		"the common kinds": {signed(t, x509.Certificate{
			DNSNames: []string{"a.example", "*.b.example"}, EmailAddresses: []string{"x@example.com"},
			IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")}, URIs: []*url.URL{address},
		}), "DNS:a.example, DNS:*.b.example, email:x@example.com, IP:192.0.2.1, IP:2001:db8::1, URI:https://a.example/x?y"},
		"a user principal name": {withNames(t, sequence(t, general(t, 0, true, append(upn, user...)))), "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:user@example.com"},
		"other other names": {
			withNames(t, sequence(t, general(t, 0, true, append(upn, number...)), general(t, 0, true, upn), general(t, 0, true, []byte{5, 0}))),
			"otherName:1.3.6.1.4.1.311.20.2.3;<unsupported>, otherName:1.3.6.1.4.1.311.20.2.3;<invalid>, otherName:<invalid>",
		},
		"a directory name":             {withNames(t, sequence(t, general(t, 4, true, directory))), `dirName:"CN=A,O=O"`},
		"a registered id":              {withNames(t, sequence(t, general(t, 8, false, []byte{0x2a, 3}))), "RID:1.2.3"},
		"what has no text":             {withNames(t, sequence(t, general(t, 3, true, []byte{5, 0}), general(t, 2, false, []byte("a")))), "[3]:<unsupported>, DNS:a"},
		"one name that looks like two": {withNames(t, sequence(t, general(t, 2, false, []byte("a, DNS:b")), general(t, 2, false, []byte("c\x00\n\"")))), `DNS:"a, DNS:b", DNS:"c\x00\n\""`},
	} {
		if got := pki.AlternativeNames(c.der); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestAlternativeNamesAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 59) + ".com" // with its kind and what separates: 69 bytes
	names := make([]string, 1000)
	for i := range names {
		names[i] = long
	}
	got := pki.AlternativeNames(signed(t, x509.Certificate{DNSNames: names}))
	if len(got) > 4<<10 || len(got) < 4<<10-100 || !strings.HasSuffix(got, "DNS:"+long) {
		t.Errorf("%d bytes, ending in %q", len(got), got[max(0, len(got)-80):])
	}
}

func FuzzAlternativeNames(f *testing.F) {
	f.Add(sequence(f, general(f, 2, false, []byte("a.example")), general(f, 7, false, []byte{192, 0, 2, 1})))
	f.Add(sequence(f, general(f, 0, true, []byte{6, 1, 42, 0xa0, 2, 12, 0})))
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := pki.AlternativeNames(withNames(t, raw))
		if len(got) > 4<<10 || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\r") {
			t.Fatalf("%x is printed as %q", raw, got)
		}
	})
}
