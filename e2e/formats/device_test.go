package formats

import (
	"bytes"
	"crypto/sha1" // Windows names certificates by it
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// OpenSSL verifies the signature; what is signed meets Apple's declarations of
// property lists, and Python reads roots and intermediate out of it.
func opensMobileConfig(t *testing.T, w *world) {
	profile := saved(t, run(t, "openssl", "cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-no-CApath", "-no-CAstore",
		"-CAfile", saved(t, inPEM(w.above.cert)), "-in", w.file(t, whole, "mobileconfig")))
	run(t, "xmllint", "--nonet", "--noout", "--dtdvalid", filepath.Join("testdata", "plist.dtd"), profile)
	var roots, others []string
	for words := python(t, "profile.py", profile); len(words) > 1; words = words[2:] {
		switch words[0] {
		case "com.apple.security.root":
			roots = append(roots, words[1])
		case "com.apple.security.pkcs1":
			others = append(others, words[1])
		default:
			t.Errorf("a payload is a %s", words[0])
		}
	}
	same(t, "roots", roots, w.roots()...)
	same(t, "intermediates", others, w.intermediate.cert)
}

// What is for Windows is a body of SyncML 1.2, and libwbxml, which knows every
// element of it by a number, turns a message of it into binary XML and back.
func opensSyncML(t *testing.T, w *world) {
	body := w.fetch(t, whole, "syncml")
	run(t, "xmllint", "--nonet", "--noout", "--relaxng", filepath.Join("testdata", "syncml.rng"), saved(t, body))

	message := saved(t, []byte(`<?xml version="1.0"?>
<!DOCTYPE SyncML PUBLIC "-//SYNCML//DTD SyncML 1.2//EN" "http://www.openmobilealliance.org/tech/DTD/OMA-TS-SyncML_RepPro_DTD-V1_2.dtd">
<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD></SyncHdr>`+string(body)+`</SyncML>`))
	run(t, "xml2wbxml", "-o", message+".wbxml", message)
	binary, err := os.ReadFile(message + ".wbxml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"SyncBody", "Add", "CmdID", "Item", "Target", "LocURI", "Meta", "Format", "Data"} {
		if !strings.Contains(string(body), "<"+name) || bytes.Contains(binary, []byte(name+"\x00")) {
			t.Errorf("%s is missing, or unknown to libwbxml", name)
		}
	}
	run(t, "wbxml2xml", "-o", message+".xml", message+".wbxml")
	texts := func(name string) []string {
		return strings.Fields(string(run(t, "xmllint", "--nonet", "--xpath", "//*[local-name()='Add']//*[local-name()='"+name+"']/text()", message+".xml")))
	}
	stores := map[string][]string{}
	nodes, data := texts("LocURI"), texts("Data")
	if len(nodes) != len(data) {
		t.Fatalf("%d nodes, %d certificates", len(nodes), len(data))
	}
	for i, text := range data {
		der, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(text, "<![CDATA["), "]]>"))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha1.Sum(der)
		store, ok := strings.CutSuffix(nodes[i], "/"+strings.ToUpper(hex.EncodeToString(sum[:]))+"/EncodedCertificate")
		if !ok {
			t.Errorf("%s names another certificate", nodes[i])
		}
		stores[store] = append(stores[store], thumbprint(der))
	}
	const csp = "./Device/Vendor/MSFT/RootCATrustedCertificates/"
	same(t, "roots", stores[csp+"Root"], w.roots()...)
	same(t, "intermediates", stores[csp+"CA"], w.intermediate.cert)
}

// Each body has the properties that Microsoft Graph documents for its type;
// every platform gets the roots.
func opensIntune(t *testing.T, w *world) {
	var file struct {
		Value []struct {
			Type        string `json:"@odata.type"`
			Certificate []byte `json:"trustedRootCertificate"`
			Store       string `json:"destinationStore"`
		}
	}
	meets(t, "testdata/intune.schema.json", w.fetch(t, whole, "intune.json"), &file)
	found := map[string][]string{}
	for _, p := range file.Value {
		found[p.Type+p.Store] = append(found[p.Type+p.Store], thumbprint(p.Certificate))
	}
	for _, kind := range []string{"windows81", "ios", "macOS", "androidDeviceOwner", "androidWorkProfile"} {
		where := "#microsoft.graph." + kind + "TrustedRootCertificate"
		if kind == "windows81" {
			same(t, "intermediates", found[where+"computerCertStoreIntermediate"], w.intermediate.cert)
			where += "computerCertStoreRoot"
		}
		same(t, where, found[where], w.roots()...)
	}
}

// The file has the members that Chromium specifies; roots are for the web.
func opensONC(t *testing.T, w *world) {
	var file struct {
		Certificates []struct {
			X509      []byte
			TrustBits []string
		}
	}
	meets(t, "testdata/onc.schema.json", w.fetch(t, whole, "onc"), &file)
	var roots, others []string
	for _, c := range file.Certificates {
		if _, err := x509.ParseCertificate(c.X509); err != nil {
			t.Error(err)
		}
		if len(c.TrustBits) > 0 {
			roots = append(roots, thumbprint(c.X509))
		} else {
			others = append(others, thumbprint(c.X509))
		}
	}
	same(t, "roots", roots, w.roots()...)
	same(t, "intermediates", others, w.intermediate.cert)
}
