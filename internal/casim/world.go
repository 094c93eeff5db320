package casim

import "slices"

// A World is all that the CA tells of, as a fault can change it: dialects are
// shown the changed one.
type World struct {
	Issuers []Issuer
	Issued  []Issued // oldest first

	ca *CA
}

// world returns what there is to tell; c.mu is held. It is kept until something
// happens, for a listing asks for it page by page, and a lie must stay the same
// from call to call.
func (c *CA) world() *World {
	now := c.opts.Now()
	stale := c.fault.World == nil && now.Sub(c.toldTime).Abs() >= worldAge
	if c.told != nil && c.toldAt == c.changes && !stale {
		return c.told
	}
	w := &World{ca: c, Issuers: c.issuers(), Issued: make([]Issued, len(c.records))}
	for i, r := range c.records {
		w.Issued[i] = c.view(r)
	}
	if c.fault.World != nil {
		c.fault.World(w)
	}
	c.told, c.toldAt, c.toldTime = w, c.changes, now
	return w
}

func (c *CA) issuers() []Issuer {
	a := c.auth
	up := Issuer{Root: a.Root.cert}
	user, device := up, up
	user.ID, user.Profile, user.Issuing, user.Chain = "user", ProfileUser, a.User.cert, append(user.Chain, a.Intermediate.cert)
	device.ID, device.Profile, device.Issuing = "device", ProfileDevice, a.Device.cert
	return []Issuer{user, device}
}

// each changes every certificate.
func each(change func(i int, c *Issued)) func(*World) {
	return func(w *World) {
		for i := range w.Issued {
			change(i, &w.Issued[i])
		}
	}
}

// one changes the oldest certificate.
func one(change func(w *World, c *Issued)) func(*World) {
	return func(w *World) {
		if len(w.Issued) > 0 {
			change(w, &w.Issued[0])
		}
	}
}

// without leaves certificates out.
func without(out func(i int) bool) func(*World) {
	return func(w *World) {
		i := -1
		w.Issued = slices.DeleteFunc(w.Issued, func(Issued) bool { i++; return out(i) })
	}
}
