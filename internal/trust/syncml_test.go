package trust_test

import (
	"crypto/sha1" // Windows names certificates by it
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"cloudpki/internal/trust"

	"github.com/google/go-cmp/cmp"
)

// Windows is told to add each root to Root and each intermediate to CA, under
// its SHA-1.
func TestSyncML(t *testing.T) {
	b := sample(t)
	path := saved(t, write(t, "syncml", b, trust.Options{}))
	texts := func(name string) []string {
		return strings.Fields(string(run(t, "xmllint", "--nonet", "--xpath", "/*[local-name()='SyncBody']/*[local-name()='Add']//*[local-name()='"+name+"']/text()", path)))
	}
	if diff := cmp.Diff([]string{"1", "2", "3", "4"}, texts("CmdID")); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	nodes, data := texts("LocURI"), texts("Data")
	got := map[string]string{}
	for i, node := range nodes {
		got[node] = data[i]
	}
	want := map[string]string{}
	for store, list := range map[string][]*x509.Certificate{"Root": b.Roots, "CA": b.Intermediates} {
		for _, c := range list {
			node := fmt.Sprintf("./Device/Vendor/MSFT/RootCATrustedCertificates/%s/%X/EncodedCertificate", store, sha1.Sum(c.Raw))
			want[node] = base64.StdEncoding.EncodeToString(c.Raw)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nodes %q (-want +got):\n%s", slices.Sorted(maps.Keys(got)), diff)
	}
}
