package graph

import (
	"sync"

	"cloudpki/internal/pki"
)

// maxTallied bounds the versions that are counted between two calls of Fetches.
const maxTallied = 4096

// A tally counts how often a version of a bundle was fetched, so that not every
// fetch is a write.
type tally struct {
	mu     sync.Mutex
	counts map[talliedVersion]pki.BundleFetches
}

type talliedVersion struct {
	tenant  pki.TenantID
	key     int64
	version int64
}

func (t *tally) add(f pki.BundleFetches) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := talliedVersion{f.Tenant, f.Key, f.Version}
	sum, known := t.counts[at]
	if !known && len(t.counts) >= maxTallied {
		return
	}
	if t.counts == nil {
		t.counts = make(map[talliedVersion]pki.BundleFetches)
	}
	f.Count += sum.Count
	t.counts[at] = f
}

// Fetches returns how often versions of bundles were fetched since it was last
// called. At most 4096 versions are counted from one call to the next.
func (s *Server) Fetches() []pki.BundleFetches {
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	list := make([]pki.BundleFetches, 0, len(s.tally.counts))
	for _, f := range s.tally.counts {
		list = append(list, f)
	}
	clear(s.tally.counts)
	return list
}
