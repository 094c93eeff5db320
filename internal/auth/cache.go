package auth

import (
	"crypto/sha256"
	"sync"
	"time"
)

// verified remembers tokens that have passed: a hit costs a hash instead of a
// signature check. It holds two generations of at most limit entries each. New
// entries and hits go to the young one; when that is full it becomes the old
// one and the old one is forgotten, so that memory is bounded and tokens in use
// stay. It is safe for concurrent use.
type verified struct {
	limit int

	mu         sync.Mutex
	young, old map[digest]entry
}

// digest is the SHA-256 of a token: the token itself is not kept.
type digest [sha256.Size]byte

// An entry holds from its verification until the token's exp, or until the
// issuer's keys change.
type entry struct {
	principal Principal
	issuer    *trusted
	version   uint64 // of the issuer's keys
	expires   time.Time
}

func newVerified(limit int) *verified {
	return &verified{limit: limit, young: make(map[digest]entry)}
}

func (c *verified) get(d digest, now time.Time) (Principal, bool) {
	c.mu.Lock()
	e, ok := c.young[d]
	if !ok {
		if e, ok = c.old[d]; ok {
			c.insert(d, e)
		}
	}
	c.mu.Unlock()
	if !ok {
		return Principal{}, false
	}
	if !now.Before(e.expires) || e.issuer.keys.Version() != e.version {
		c.remove(d)
		return Principal{}, false
	}
	return e.principal, true
}

func (c *verified) put(d digest, e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.insert(d, e)
}

func (c *verified) remove(d digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, d)
	delete(c.old, d)
}

func (c *verified) insert(d digest, e entry) {
	if len(c.young) >= c.limit {
		c.old, c.young = c.young, make(map[digest]entry)
	}
	c.young[d] = e
}
