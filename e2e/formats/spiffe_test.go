package formats

import (
	"testing"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// SPIFFE's own library reads the roots, with a sequence and a refresh hint.
func opensSPIFFE(t *testing.T, w *world) {
	got, err := spiffebundle.Parse(spiffeid.RequireTrustDomainFromString("example.org"), w.fetch(t, whole, "spiffe.json"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "authorities", thumbprints(got.X509Authorities()), w.roots()...)
	if sequence, ok := got.SequenceNumber(); !ok || sequence == 0 {
		t.Errorf("the sequence is %d", sequence)
	}
	if hint, ok := got.RefreshHint(); !ok || hint <= 0 {
		t.Errorf("the refresh hint is %s", hint)
	}
}
