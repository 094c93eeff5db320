package pki

import (
	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// followOn adds to e, the effects of a run's end, how the inventory is followed
// from now on. A listing that was gone through counts, whatever else failed.
func (a *attempt) followOn(e Effects, fault *provider.Error, now odata.DateTimeOffset) Effects {
	switch l := a.following.Listing; {
	case !a.begun:
	case a.listed:
		e.Following = &Following{Position: l.position(a.following.Position, now.Time())}
		if l.IsComplete() && l.Full {
			e.Reread = l.Began
		}
	case fault == nil || l.Done || !interrupts(fault.Code):
		e.Following = &Following{Position: a.following.Position}
	}
	return e
}

// interrupts reports whether a listing that failed with the code is gone on
// with where it failed: what failed was the way to the CA, not the listing.
func interrupts(code provider.Code) bool {
	switch code {
	case provider.CodeDNS, provider.CodeConnect, provider.CodeTimeout, provider.CodeRateLimited, provider.CodeUpstream5xx:
		return true
	default:
		return false
	}
}
