package casim

import (
	"crypto/tls"
	"net"
	"slices"
)

// A Fault is one way for the CA to misbehave. Each part may be nil; the zero
// Fault is an honest CA. Search, Policies and World run with the CA locked and
// must not call it.
type Fault struct {
	Name      string
	Doc       string
	Answer    Answerer                                           // in the CA's place
	Search    func(a *SearchAnswer)                              // changes a page of MPKI 8
	Policies  func(a *PoliciesAnswer)                            // changes the list of CAs of MPKI 8
	World     func(w *World)                                     // changes what there is to tell, in every dialect
	Handshake func(c *CA, conf *tls.Config) (*tls.Config, error) // breaks TLS; conf is a copy of the honest one
	Accept    func(net.Conn) net.Conn                            // breaks connections; nil refuses one
}

// Faults lists the named faults, by where they strike: the network, TLS, HTTP,
// the document, the inventory, the trust. A new one is one line in its group.
func Faults() []Fault {
	return slices.Concat(networkFaults(), tlsFaults(), statusFaults(), bodyFaults(), documentFaults(), soapFaults(),
		listingFaults(), recordFaults(), certificateFaults(), trustFaults())
}

// ByName returns the named fault.
func ByName(name string) (Fault, bool) {
	for _, f := range Faults() {
		if f.Name == name {
			return f, true
		}
	}
	return Fault{}, false
}
