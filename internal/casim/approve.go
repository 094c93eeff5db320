package casim

import (
	"crypto/sha256"
	"encoding/hex"
)

// A held is a request that waits for approval, or has waited for it.
type held struct {
	csr               []byte
	issuer            string
	approved, refused bool
	issued            *Issued // nil until it is asked for and approved
}

// Hold has requests for certificates wait for approval from now on, or no longer.
func (c *CA) Hold(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds = on
}

// Decide approves all that waits, or refuses it.
func (c *CA) Decide(approve bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.held {
		if h.issued == nil {
			h.approved, h.refused = approve, !approve
		}
	}
}

// An Outcome is what has become of a request: one of its members is set.
type Outcome struct {
	Issued  *Issued
	Pending string // what the CA calls the request that waits
	Refused bool
}

// Submit is Sign by a CA that may hold requests; one that was held is known again.
func (c *CA) Submit(csr []byte, issuer string) (Outcome, error) {
	sum := sha256.Sum256(append([]byte(issuer), csr...))
	reference := hex.EncodeToString(sum[:8])
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[reference] == nil {
		if !c.holds {
			i, _, err := c.certify(csr, issuer)
			return Outcome{Issued: &i}, err
		}
		if c.held == nil {
			c.held = map[string]*held{}
		}
		c.held[reference] = &held{csr: csr, issuer: issuer}
	}
	return c.outcome(reference)
}

// Outcome tells what has become of a request that was held; it is refused where
// there is none of that name.
func (c *CA) Outcome(reference string) (Outcome, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outcome(reference)
}

// outcome is Outcome; c.mu is held. What is approved is issued once.
func (c *CA) outcome(reference string) (Outcome, error) {
	h := c.held[reference]
	switch {
	case h == nil || h.refused:
		return Outcome{Refused: true}, nil
	case !h.approved:
		return Outcome{Pending: reference}, nil
	case h.issued == nil:
		i, _, err := c.certify(h.csr, h.issuer)
		if err != nil {
			return Outcome{}, err
		}
		h.issued = &i
	}
	return Outcome{Issued: h.issued}, nil
}
