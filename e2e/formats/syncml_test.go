package formats

import (
	"bytes"
	"crypto/sha1" // Windows names certificates by it
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
