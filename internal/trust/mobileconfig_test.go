package trust_test

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"slices"
	"strings"
	"testing"

	"cloudpki/internal/trust"

	"github.com/google/go-cmp/cmp"
)

// A dict is a dictionary of a property list, with its keys and values apart.
type dict struct {
	Keys   []string `xml:"key"`
	Values []struct {
		Text  string `xml:",chardata"`
		Dicts []dict `xml:"dict"`
	} `xml:",any"`
}

// texts returns the values by their keys.
func (d dict) texts(t *testing.T) map[string]string {
	t.Helper()
	if len(d.Keys) != len(d.Values) {
		t.Fatalf("%d keys, %d values", len(d.Keys), len(d.Values))
	}
	texts := map[string]string{}
	for i, key := range d.Keys {
		texts[key] = d.Values[i].Text
	}
	return texts
}

// payloads returns the dictionaries of the certificates.
func payloads(t *testing.T, profile []byte) (list []map[string]string) {
	t.Helper()
	var file struct {
		Dict dict `xml:"dict"`
	}
	if err := xml.Unmarshal(profile, &file); err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Dict.Values[slices.Index(file.Dict.Keys, "PayloadContent")].Dicts {
		list = append(list, d.texts(t))
	}
	return list
}

func TestMobileConfig(t *testing.T) {
	b := sample(t)
	out := write(t, "mobileconfig", b, trust.Options{})
	var got [][]string
	for _, p := range payloads(t, out) {
		der, err := base64.StdEncoding.DecodeString(p["PayloadContent"])
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, []string{parse(t, der).Subject.CommonName, p["PayloadType"], p["PayloadDisplayName"], p["PayloadVersion"]})
	}
	want := [][]string{
		{"Intermediate", "com.apple.security.pkcs1", "Intermediate", "1"},
		{"Plain Root", "com.apple.security.root", "Plain Root", "1"},
		{"RSA Root", "com.apple.security.root", "RSA Root", "1"},
		{hostile, "com.apple.security.root", "Evil <&\"'>]]> key: {} -----BEGIN CERTIFICATE----- déjà 日本 \U0001D11E", "1"},
	}
	slices.SortFunc(got, func(a, b []string) int { return strings.Compare(a[2], b[2]) })
	slices.SortFunc(want, func(a, b []string) int { return strings.Compare(a[2], b[2]) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("payloads (-want +got):\n%s", diff)
	}
	keys := run(t, "xmllint", "--nonet", "--xpath", "/plist/dict/key/text()", saved(t, out))
	if want := "PayloadDisplayName\nPayloadDescription\nPayloadIdentifier\nPayloadScope\nPayloadType\nPayloadUUID\nPayloadVersion\nPayloadContent\n"; string(keys) != want {
		t.Errorf("keys %s", keys)
	}
}

// What devices know a certificate by stays when another goes, and differs
// between bundles.
func TestMobileConfigIdentifiersLast(t *testing.T) {
	b := sample(t)
	identifiers := func(b trust.Bundle) (list []string) {
		for _, p := range payloads(t, write(t, "mobileconfig", b, trust.Options{})) {
			list = append(list, p["PayloadIdentifier"]+" "+p["PayloadUUID"])
		}
		return list
	}
	all := identifiers(b)
	b.Version, b.Roots = b.Version+1, b.Roots[1:]
	fewer := identifiers(b)
	b.Name = "other"
	other := identifiers(b)
	if len(fewer) != len(all)-1 {
		t.Fatalf("%q, and then %q", all, fewer)
	}
	for i := range fewer {
		if !slices.Contains(all, fewer[i]) || slices.Contains(all, other[i]) || strings.Fields(fewer[i])[1] == strings.Fields(other[i])[1] {
			t.Errorf("first %q, then %q, in another bundle %q", all, fewer[i], other[i])
		}
	}
}

func TestSignedMobileConfig(t *testing.T) {
	b := sample(t)
	plain := write(t, "mobileconfig", b, trust.Options{})
	for name, signer := range signers(t) {
		root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signer.Chain[1].Raw})
		out := run(t, "openssl", "cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-CAfile", saved(t, root),
			"-in", saved(t, write(t, "mobileconfig", b, trust.Options{Signer: signer})))
		if !bytes.Equal(out, plain) {
			t.Errorf("%s: signed was\n%s", name, out)
		}
	}
}
