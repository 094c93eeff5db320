package pki

import "context"

// The bounds of what is kept of a CA's certificates, so that one that shows
// others every day fills neither the database nor the list of those that wait
// for a decision.
const (
	maxAuthorities  = 1024     // of a subscription
	maxRoots        = 128      // among them
	maxAuthorityDER = 32 << 10 // bytes of one
)

// admits reports whether there is room for what the CA shows beside what is
// known. Where there is not, nothing of it is stored or decided on: fault says
// so, and the run goes on with the inventory.
func (a *attempt) admits(ctx context.Context, met []Authority) (fault, err error) {
	_, known, err := a.store.Trust(ctx, a.lease.Tenant, a.lease.Subscription)
	if err != nil {
		return nil, err
	}
	kinds := make(map[ID]AuthorityKind, len(known))
	all, roots := room{most: maxAuthorities, what: "certificates of CAs"}, room{most: maxRoots, what: "roots"}
	for _, k := range known {
		kinds[k.ID] = k.Kind
		all.had++
		if k.Kind == AuthorityRoot {
			roots.had++
		}
	}
	for _, m := range met {
		if len(m.DER) > maxAuthorityDER {
			return rootInvalid("the CA shows a certificate of a CA with %d bytes, more than %d; nothing of what it shows was taken over", len(m.DER), maxAuthorityDER), nil
		}
		kind, isKnown := kinds[m.ID]
		if !isKnown {
			all.more++
		}
		if m.Kind == AuthorityRoot && (!isKnown || kind != AuthorityRoot) {
			roots.more++
		}
	}
	for _, r := range []room{roots, all} {
		if r.more > 0 && r.had+r.more > r.most {
			return rootInvalid("the CA has shown %d different %s, of which at most %d are kept; nothing of what it shows now was taken over: narrow providerSettings, or settle it with the CA", r.had+r.more, r.what, r.most), nil
		}
	}
	return nil, nil
}

// A room is how many of something are known and how many are to come.
type room struct {
	had, more, most int
	what            string
}
