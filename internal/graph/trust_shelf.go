package graph

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"cloudpki/internal/pki"
	"cloudpki/internal/trust"
)

// Bounds of a shelf. One that is full is emptied: what is asked for comes back
// with the next request.
const (
	shelfBundles = 4096
	shelfBytes   = 64 << 20
)

// bundleFreshness is how long a bundle is taken for what it was when it was
// looked up. Another process may have published meanwhile; caches that devices
// fetch from may be older by far.
const bundleFreshness = time.Second

// A shelf keeps published bundles in memory: which version of a name is the
// last, and the bytes of a version in a format, which never change.
type shelf struct {
	mu      sync.Mutex
	bundles map[bundleAddress]lookedUp
	files   map[fileAddress]*file
	bytes   int
}

type bundleAddress struct {
	tenant pki.TenantID
	name   string
}

type lookedUp struct {
	bundle pki.TrustBundle
	at     time.Time
}

type fileAddress struct {
	bundleAddress

	id      pki.ID
	version int64
	ext     string
}

// A file is a version of a bundle in one format, with the header fields that
// tell of it.
type file struct {
	version  int64
	body     []byte
	opaque   string // entity tag, without quotes
	tag      string // with them
	signable bool   // whether another signer makes other bytes of it
	modified time.Time
	header   http.Header
	kept     http.Header // those of them that 304 has (RFC 9110, 15.4.5)
}

func newFile(at fileAddress, format trust.Format, modified time.Time, body []byte) *file {
	sum := sha256.Sum256(body)
	const tagBytes = 8
	f := &file{
		version: at.version, body: body, signable: format.Signable, modified: modified.UTC().Truncate(time.Second),
		opaque: strconv.FormatInt(at.version, 10) + "-" + at.ext + "-" + hex.EncodeToString(sum[:tagBytes]),
	}
	f.tag = `"` + f.opaque + `"`
	tag, location := []string{f.tag}, []string{at.path(at.version)}
	f.header = http.Header{
		"Accept-Ranges":    {"none"}, // part of a file is of use to nobody
		"ETag":             tag,
		"Last-Modified":    {f.modified.Format(http.TimeFormat)},
		"Content-Type":     {format.MediaType},
		"Content-Location": location,
		"Repr-Digest":      {"sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"},
	}
	if at.version > 1 {
		f.header["Link"] = []string{"<" + at.path(at.version-1) + `>; rel="predecessor-version"`}
	}
	f.kept = http.Header{"ETag": tag, "Content-Location": location}
	return f
}

// life is how long a cache may take f for what the address holds. That of a
// version holds the same bytes for ever, unless the signer is replaced.
func (f *file) life(fixed bool) string {
	switch {
	case fixed && !f.signable:
		return "max-age=31536000, immutable"
	case fixed:
		return "max-age=3600, must-revalidate, stale-if-error=86400"
	}
	return "max-age=300, must-revalidate, stale-if-error=86400"
}

// path is the address of a version, which never changes what it holds.
func (a fileAddress) path(version int64) string {
	return fmt.Sprintf("%s%s/%s/%d.%s", trustPath, a.tenant, a.name, version, a.ext)
}

// bundle returns what was looked up under an address, and whether it is still
// to be taken for the present one.
func (s *shelf) bundle(a bundleAddress, now time.Time) (b pki.TrustBundle, found, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, found := s.bundles[a]
	age := now.Sub(seen.at)
	return seen.bundle, found, found && age >= 0 && age < bundleFreshness
}

func (s *shelf) putBundle(a bundleAddress, b pki.TrustBundle, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bundles == nil || len(s.bundles) >= shelfBundles {
		s.bundles = make(map[bundleAddress]lookedUp)
	}
	s.bundles[a] = lookedUp{b, now}
}

func (s *shelf) dropBundle(a bundleAddress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.bundles, a)
}

func (s *shelf) file(a fileAddress) *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[a]
}

func (s *shelf) putFile(a fileAddress, f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil || s.bytes+len(f.body) > shelfBytes {
		s.files, s.bytes = make(map[fileAddress]*file), 0
	}
	if s.files[a] == nil {
		s.bytes += len(f.body)
	}
	s.files[a] = f
}
