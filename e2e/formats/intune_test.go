package formats

import (
	"testing"
)

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
