package symantec_test

import (
	"net/netip"
	"testing"
	"time"

	"cloudpki/internal/casim"
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/symantec"
)

// BenchmarkInventory reads an inventory of 10,000 certificates, page by page
// over TLS, simulator included.
func BenchmarkInventory(b *testing.B) {
	const n = 10_000
	ca, _ := newCA(b, n, casim.Options{})
	srv, err := ca.Start(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Close()
	s, err := symantec.Kind().Open(b.Context(), provider.Config{
		ServiceURI: srv.URL, ServerCAs: ca.ServerCAs(), Credentials: credentials(b, ca, time.Hour), Now: time.Now,
		Transport: provider.NewTransport(provider.TransportOptions{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		records, _, err := list(b.Context(), s, nil)
		if err != nil || len(records) != n {
			b.Fatal(len(records), err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "certificates/s")
}
