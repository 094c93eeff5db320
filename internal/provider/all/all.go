// Package all lists the kinds of CA that are built into the program.
package all

import (
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/stepca"
	"cloudpki/internal/provider/symantec"
)

// Kinds returns every kind. A new one is added here.
func Kinds() []provider.Kind {
	return []provider.Kind{symantec.Kind(), stepca.Kind()}
}
