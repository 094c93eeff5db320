package provider

import (
	"errors"
	"fmt"
	"slices"
)

// A Catalog is a fixed set of kinds by name. The zero value is empty.
type Catalog struct {
	kinds []Kind
}

// NewCatalog returns a catalog of kinds in their order. It refuses a kind
// without a name, a Validate or an Open, and a name that comes twice.
func NewCatalog(kinds ...Kind) (Catalog, error) {
	var c Catalog
	for _, k := range kinds {
		switch _, taken := c.Kind(k.Name); {
		case k.Name == "":
			return Catalog{}, errors.New("catalog: a kind has no name")
		case taken:
			return Catalog{}, fmt.Errorf("catalog: two kinds are named %q", k.Name)
		case k.Validate == nil || k.Open == nil:
			return Catalog{}, fmt.Errorf("catalog: kind %q lacks Validate or Open", k.Name)
		}
		c.kinds = append(c.kinds, k)
	}
	return c, nil
}

// Kind returns the kind with the given name, spelled exactly.
func (c Catalog) Kind(name string) (Kind, bool) {
	i := slices.IndexFunc(c.kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return c.kinds[i], true
}

// Kinds returns all kinds, in their order.
func (c Catalog) Kinds() []Kind { return slices.Clone(c.kinds) }
