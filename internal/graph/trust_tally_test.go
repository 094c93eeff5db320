package graph

import (
	"strconv"
	"testing"

	"cloudpki/internal/pki"
)

// What has no token takes a part of the room, and nobody takes more than there
// is; whom there is no room for is counted all the same.
func TestTallyIsBounded(t *testing.T) {
	var s Server
	fetch := func(kind pki.FetcherKind, n int) {
		s.tally.add(pki.BundleFetches{Version: 1, Fetcher: pki.BundleFetcher{Kind: kind, ID: strconv.Itoa(n)}, Count: 1})
	}
	for n := range 3 * maxTallied {
		fetch(pki.FetcherAnonymous, n)
	}
	for n := range 3 * maxTallied {
		fetch(pki.FetcherApplication, n)
	}
	rows, fetches := map[pki.FetcherKind]int{}, int64(0)
	for _, f := range s.Fetches() {
		rows[f.Fetcher.Kind]++
		fetches += f.Count
	}
	anonymous, applications, others := rows[pki.FetcherAnonymous], rows[pki.FetcherApplication], rows[pki.FetcherOthers]
	if anonymous != maxTalliedAnonymous || applications != maxTallied-maxTalliedAnonymous-1 || others != 1 || fetches != 6*maxTallied {
		t.Errorf("%d anonymous fetchers, %d applications, others in %d rows, and %d fetches", anonymous, applications, others, fetches)
	}
	for n := range 3 * maxTallied {
		s.tally.add(pki.BundleFetches{Version: int64(n), Count: 1})
	}
	if n := len(s.Fetches()); n != 2*maxTallied {
		t.Errorf("%d fetchers are counted, want %d", n, 2*maxTallied)
	}
	fetch(pki.FetcherAnonymous, 1)
	if list := s.Fetches(); len(list) != 1 || list[0].Fetcher.Kind != pki.FetcherAnonymous {
		t.Errorf("then there is no room any more: %v", list)
	}
}
