// Package all lists the APIs that the simulated CA speaks beside MPKI 8.
package all

import (
	"cloudpki/internal/casim"
	"cloudpki/internal/casim/digicertone"
	"cloudpki/internal/casim/ejbca"
	"cloudpki/internal/casim/entrustgateway"
	"cloudpki/internal/casim/est"
	"cloudpki/internal/casim/globalsignatlas"
	"cloudpki/internal/casim/sectigo"
	"cloudpki/internal/casim/symantecrest"
	"cloudpki/internal/casim/vault"
)

// Dialects returns every dialect, by name. A new one is added here.
func Dialects() []casim.Dialect {
	return []casim.Dialect{digicertone.Dialect(), entrustgateway.Dialect(), ejbca.Dialect(), sectigo.Dialect(), symantecrest.Dialect(), est.Dialect(), globalsignatlas.Dialect(), vault.Dialect()}
}
