package graph

import (
	"cmp"
	"strings"
	"sync"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	// maxTallied bounds the fetchers of versions that are counted by themselves
	// between two calls of Fetches, and those of versions that are not.
	maxTallied = 4096

	// maxTalliedAnonymous is what of these who has no token may take: it calls
	// itself what it likes, and must not take the room of who has one.
	maxTalliedAnonymous = 1024

	// maxProduct bounds, in bytes, the name that a program gives itself.
	maxProduct = 64
)

// A tally counts how often a version of a bundle was fetched and by whom, so
// that not every fetch is a write.
type tally struct {
	mu        sync.Mutex
	counts    map[talliedFetch]pki.BundleFetches
	anonymous int // of counts
}

type talliedFetch struct {
	tenant  pki.TenantID
	key     int64
	version int64
	kind    pki.FetcherKind
	fetcher string
	format  string
}

func addressOfFetch(f *pki.BundleFetches) talliedFetch {
	return talliedFetch{f.Tenant, f.Key, f.Version, f.Fetcher.Kind, f.Fetcher.ID, f.Format}
}

func (t *tally) add(f pki.BundleFetches) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum, known := t.counts[addressOfFetch(&f)]
	anonymous := f.Fetcher.Kind == pki.FetcherAnonymous
	if !known && (len(t.counts) >= maxTallied || anonymous && t.anonymous >= maxTalliedAnonymous) {
		f.Fetcher, anonymous = pki.BundleFetcher{Kind: pki.FetcherOthers}, false
		sum, known = t.counts[addressOfFetch(&f)]
	}
	if !known && len(t.counts) >= 2*maxTallied {
		return
	}
	if t.counts == nil {
		t.counts = make(map[talliedFetch]pki.BundleFetches)
	}
	if !known && anonymous {
		t.anonymous++
	}
	if known {
		f.Count += sum.Count
		f.First = sum.First
	}
	t.counts[addressOfFetch(&f)] = f
}

// Fetches returns how often versions of bundles were fetched, and by whom, since
// it was last called. From one call to the next at most 4096 fetchers of a
// version are counted by themselves; further ones are FetcherOthers, for at most
// 4096 versions.
func (s *Server) Fetches() []pki.BundleFetches {
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	list := make([]pki.BundleFetches, 0, len(s.tally.counts))
	for _, f := range s.tally.counts {
		list = append(list, f)
	}
	clear(s.tally.counts)
	s.tally.anonymous = 0
	return list
}

// noteFetch counts that the client of x has version of b now.
func (s *Server) noteFetch(x *exchange, b pki.TrustBundle, version int64, format string) {
	now := odata.FromTime(s.now())
	s.tally.add(pki.BundleFetches{
		Tenant: b.Tenant, Key: b.Key, Version: version, Fetcher: x.fetcher(), Format: format, Count: 1, First: now, Last: now,
	})
}

// fetcher is who fetches a bundle: whom its token names or, where it needs none,
// the program that it says it is.
func (x *exchange) fetcher() pki.BundleFetcher {
	p := x.principal
	switch {
	case p.Tenant == "":
		return pki.BundleFetcher{Kind: pki.FetcherAnonymous, ID: product(x.header("User-Agent"))}
	case p.AppOnly || p.Subject == "":
		return pki.BundleFetcher{Kind: pki.FetcherApplication, ID: cmp.Or(p.Client, p.Subject), Name: p.Name}
	}
	return pki.BundleFetcher{Kind: pki.FetcherUser, ID: p.Subject, Name: p.Name}
}

// product is the name, without its version, that a User-Agent begins with (RFC
// 9110, 10.1.5), as far as it is a token; "" for none.
func product(agent string) string {
	name := agent[:min(len(agent), maxProduct)]
	if end := strings.IndexFunc(name, func(c rune) bool { return !isTokenChar(c) }); end >= 0 {
		name = name[:end]
	}
	return name
}

// isTokenChar reports whether c may stand in a token (RFC 9110, 5.6.2).
func isTokenChar(c rune) bool {
	return c > ' ' && c < 0x7f && !strings.ContainsRune("\"(),/:;<=>?@[\\]{}", c)
}
