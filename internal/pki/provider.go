package pki

import (
	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// Kinds returns the kinds of CA that can be synced, in their order.
func (s *Service) Kinds() []provider.Kind { return s.catalog.Kinds() }

// ProviderEnum is the enumeration cloudPkiProvider with what this service can
// say of each member: what it is, and its settings. Members that it cannot sync
// are stored all the same.
func (s *Service) ProviderEnum() *odata.EnumType {
	e := ProviderEnum()
	for i, m := range e.Members {
		switch kind, ok := s.catalog.Kind(m.Name); {
		case ok:
			e.Members[i].Doc = kind.Doc()
		case m.Name == ProviderUnknown:
			e.Members[i].Doc = "Stored and never synced."
		default:
			e.Members[i].Doc = "Not synced by this version."
		}
	}
	return e
}
