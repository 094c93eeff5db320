package trust_test

import (
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"cloudpki/internal/trust"
)

// read decodes JSON, all of whose properties it must know.
func read(t testing.TB, text []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}

// Each platform gets every root; Windows gets intermediates in their store.
func TestIntune(t *testing.T) {
	b := sample(t)
	var file struct {
		Value []struct {
			Type             string `json:"@odata.type"`
			DisplayName      string `json:"displayName"`
			Description      string `json:"description"`
			Certificate      []byte `json:"trustedRootCertificate"`
			CertFileName     string `json:"certFileName"`
			DestinationStore string `json:"destinationStore"`
		} `json:"value"`
	}
	read(t, write(t, "intune.json", b, trust.Options{}), &file)
	found := map[string][]*x509.Certificate{}
	names := map[string]bool{}
	for _, p := range file.Value {
		where := strings.TrimSuffix(strings.TrimPrefix(p.Type, "#microsoft.graph."), "TrustedRootCertificate") + " " + p.DestinationStore
		found[where] = append(found[where], parse(t, p.Certificate))
		if names[p.DisplayName] || strings.ContainsAny(p.DisplayName, "\r\n") || !strings.HasSuffix(p.CertFileName, ".cer") || p.Description == "" {
			t.Errorf("%+v, among %v", p, names)
		}
		names[p.DisplayName] = true
	}
	for _, where := range []string{"windows81 computerCertStoreRoot", "ios ", "macOS ", "androidDeviceOwner ", "androidWorkProfile "} {
		equal(t, found[where], b.Roots...)
	}
	equal(t, found["windows81 computerCertStoreIntermediate"], b.Intermediates...)
	if len(file.Value) != 5*3+1 {
		t.Errorf("%d profiles", len(file.Value))
	}
}

// Roots are trusted for the web; intermediates are not. What is both is a root.
func TestONC(t *testing.T) {
	b := sample(t)
	b.Intermediates = append(b.Intermediates, b.Roots[0])
	var file struct {
		Type                  string
		NetworkConfigurations []any
		Certificates          []struct {
			GUID, Type string
			X509       []byte
			TrustBits  []string
		}
	}
	read(t, write(t, "onc", b, trust.Options{}), &file)
	var roots, others []*x509.Certificate
	seen := map[string]bool{}
	for _, c := range file.Certificates {
		if seen[c.GUID] || len(c.GUID) != 38 || c.Type != "Authority" {
			t.Errorf("%+v, after %v", c, seen)
		}
		seen[c.GUID] = true
		if slices.Contains(c.TrustBits, "Web") {
			roots = append(roots, parse(t, c.X509))
		} else {
			others = append(others, parse(t, c.X509))
		}
	}
	equal(t, roots, b.Roots...)
	equal(t, others, b.Intermediates[0])
	if file.Type != "UnencryptedConfiguration" || file.NetworkConfigurations == nil {
		t.Errorf("%+v", file)
	}
}
