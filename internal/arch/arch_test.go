package arch_test

import (
	"os"
	"testing"

	"cloudpki/internal/arch"
)

// TestHouse holds this module against every rule.
func TestHouse(t *testing.T) {
	t.Parallel()
	m, err := arch.Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Packages) < 5 {
		t.Fatalf("only %d packages found; is the module's root two folders up?", len(m.Packages))
	}
	for name, rule := range arch.Rules() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, fault := range rule(m) {
				t.Error(fault)
			}
		})
	}
}
