package pki_test

import (
	"strings"
	"testing"

	"cloudpki/internal/pki"
)

func TestParseFollowed(t *testing.T) {
	t.Parallel()
	for resource, want := range map[string]pki.Followed{
		"cloudPkiSubscriptions":                  {Set: pki.ResourceSubscriptions},
		"/cloudPkiSubscriptions/":                {Set: pki.ResourceSubscriptions},
		"DeviceManagement/CLOUDPKISUBSCRIPTIONS": {Family: "deviceManagement/", Set: pki.ResourceSubscriptions},
		"cloudPkiSubscriptions/x":                {Set: pki.ResourceSubscriptions, ID: "x"},
		"/cloudPkiSubscriptions('X')":            {Set: pki.ResourceSubscriptions, ID: "X"},
		"cloudPkiSubscriptions(9e6d3f6e-0000-4000-8000-000000000001)/syncRuns": {Set: pki.ResourceRuns, ID: "9e6d3f6e-0000-4000-8000-000000000001"},
		"deviceManagement/cloudPkiSubscriptions/a%2Db/certificateAuthorities":  {Family: "deviceManagement/", Set: pki.ResourceAuthorities, ID: "a-b"},
		"cloudPkiSubscriptions/x/Certificates":                                 {Set: pki.ResourceCertificates, ID: "x"},
		"deviceManagement/Alerts":                                              {Family: "deviceManagement/", Set: pki.ResourceAlerts},
		"deviceManagement/trustBundles":                                        {Family: "deviceManagement/", Set: pki.ResourceBundles},
		"/deviceManagement/TrustBundles('x')":                                  {Family: "deviceManagement/", Set: pki.ResourceBundles, ID: "x"},
	} {
		if got, ok := pki.ParseFollowed(resource); !ok || got != want {
			t.Errorf("%s is %+v (%t), want %+v", resource, got, ok, want)
		}
	}
}

func FuzzParseFollowed(f *testing.F) {
	for _, seed := range []string{"cloudPkiSubscriptions", "deviceManagement/cloudPkiSubscriptions('x')/certificates", "deviceManagement/trustBundles", "deviceManagement/alerts", "deviceManagement/alerts/x", "//", "a('", "%zz", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, resource string) {
		got, ok := pki.ParseFollowed(resource)
		if !ok {
			return
		}
		// The address of an object below it leads back to what is followed.
		if got.ID == "" {
			got.ID = "s"
		}
		address := ""
		switch got.Set {
		case pki.ResourceSubscriptions:
			address = got.Address(got.ID, got.ID)
		case pki.ResourceAlerts: // a single one cannot be followed
			return
		case pki.ResourceBundles:
			address = got.Address("", got.ID)
		default:
			address = strings.TrimSuffix(got.Address(got.ID, "o"), "/o")
		}
		again, ok := pki.ParseFollowed(address)
		if !ok || again != got {
			t.Errorf("%q gives %+v, its address %s gives %+v (%t)", resource, got, address, again, ok)
		}
	})
}

func FuzzParseChangeTypes(f *testing.F) {
	for _, seed := range []string{"created", "updated, deleted", ",", "created,created", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		set, ok := pki.ParseChangeTypes(list)
		if !ok {
			return
		}
		if again, ok := pki.ParseChangeTypes(set.String()); !ok || again != set {
			t.Errorf("%q gives %s, which gives %s (%t)", list, set, again, ok)
		}
	})
}
