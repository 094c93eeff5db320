package trust

import (
	"crypto/x509"
	"fmt"
)

// Intune is a JSON object whose value holds the bodies of requests to
// Microsoft Graph, POST /beta/deviceManagement/deviceConfigurations: one for
// each root and platform, and one for each intermediate on Windows, which
// keeps these in a store of their own.
//
// The types are windows81-, ios-, macOS-, androidDeviceOwner- and
// androidWorkProfileTrustedRootCertificate. None of them is in Graph v1.0.
func Intune() Format {
	return Format{
		Ext: "intune.json", MediaType: "application/json",
		Doc: "Trusted certificate profiles for Microsoft Intune, one for each root and platform, to POST to Microsoft Graph.", Write: writeIntune,
	}
}

// An intuneProfile is the body of one request.
type intuneProfile struct {
	Type        string `json:"@odata.type"`
	DisplayName string `json:"displayName"`
	Description string `json:"description"`
	DER         []byte `json:"trustedRootCertificate"`
	FileName    string `json:"certFileName"`
	Store       string `json:"destinationStore,omitempty"` // of Windows
}

func writeIntune(b Bundle, _ Options) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	var list []intuneProfile
	for _, c := range Sorted(b.Roots) {
		list = append(list, b.intuneProfile("windows81", "Windows", "computerCertStoreRoot", c))
		for _, p := range [][2]string{
			{"ios", "iOS"},
			{"macOS", "macOS"},
			{"androidDeviceOwner", "Android fully managed"},
			{"androidWorkProfile", "Android work profile"},
		} {
			list = append(list, b.intuneProfile(p[0], p[1], "", c))
		}
	}
	for _, c := range b.intermediates() {
		list = append(list, b.intuneProfile("windows81", "Windows", "computerCertStoreIntermediate", c))
	}
	return writeJSON("profiles for Intune", map[string]any{"value": list})
}

func (b Bundle) intuneProfile(kind, platform, store string, c *x509.Certificate) intuneProfile {
	sum := thumbprint(c)
	return intuneProfile{
		Type:        "#microsoft.graph." + kind + "TrustedRootCertificate",
		DisplayName: fmt.Sprintf("%s: %s, %s (%s)", b.Name, label(c), sum[:8], platform),
		Description: "SHA-256 " + sum,
		DER:         c.Raw,
		FileName:    sum + ".cer",
		Store:       store,
	}
}
