// Package all lists the kinds of CA that are built into the program.
package all

import (
	"cloudpki/internal/provider"
	"cloudpki/internal/provider/digicertone"
	"cloudpki/internal/provider/ejbca"
	"cloudpki/internal/provider/entrustgateway"
	"cloudpki/internal/provider/est"
	"cloudpki/internal/provider/generic"
	"cloudpki/internal/provider/globalsignatlas"
	"cloudpki/internal/provider/sectigo"
	"cloudpki/internal/provider/stepca"
	"cloudpki/internal/provider/symantec"
	"cloudpki/internal/provider/vault"
)

// Kinds returns every kind. A new one is added here.
func Kinds() []provider.Kind {
	return []provider.Kind{symantec.Kind(), stepca.Kind(), sectigo.Kind(), ejbca.Kind(), vault.Kind(), est.Kind(), globalsignatlas.Kind(), generic.Kind(), digicertone.Kind(), entrustgateway.Kind()}
}
