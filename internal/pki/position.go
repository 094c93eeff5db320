package pki

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// A Following is how a subscription's inventory is followed from one run to the
// next.
type Following struct {
	Position Position
	Listing  Listing
}

// A Position is how far runs that succeeded have followed an inventory. The
// zero Position is nowhere: everything is listed next.
type Position struct {
	Mode      provider.InventoryMode `json:"mode"`
	Config    string                 `json:"config"`    // configMark of the subscription
	Watermark time.Time              `json:"watermark"` // by the CA's clock: what is before it is known; zero for nothing
	Events    []byte                 `json:"events"`    // provider.Scan.Position of the next ScanEvents
	Full      time.Time              `json:"full"`      // when the last complete listing began
}

// A Listing is one scan of an inventory, from its first page to its last,
// through however many runs. The zero Listing is none.
type Listing struct {
	ID     ID                     `json:"id"` // tells what it has seen from what others have
	Mode   provider.InventoryMode `json:"mode"`
	Config string                 `json:"config"`
	Began  odata.DateTimeOffset   `json:"began"`

	Scan     provider.ScanMode `json:"scan"`
	Since    time.Time         `json:"since"`
	Position []byte            `json:"position"`
	Cursor   []byte            `json:"cursor"` // where it goes on

	Latest   time.Time `json:"latest"`   // the latest time of a record met, by the CA's clock; zero for none
	Timeless bool      `json:"timeless"` // a record was met of which the CA tells no time
	Skipped  bool      `json:"skipped"`  // a record was met that could not be read
	Done     bool      `json:"done"`     // the last page was stored
	Full     bool      `json:"full"`     // of a done one: everything the CA has was listed
	Next     []byte    `json:"next"`     // of a done one: Position.Events from now on
}

// IsNone reports whether there is no listing.
func (l Listing) IsNone() bool { return l.ID == "" }

// IsComplete reports whether the listing asks for everything the CA has.
func (l Listing) IsComplete() bool { return !l.IsNone() && l.Scan == provider.ScanAll }

// SeenChunk is how many certificates a chunk of Seen stands for: 4 KiB.
const SeenChunk = 8 * 4096

// Seen is which certificates of a subscription a complete listing has met, by
// ordinal: bit i of chunk n stands for n*SeenChunk + i. Chunks may be short:
// what is behind their end was not met.
type Seen map[int64][]byte

// Mark notes that the certificate with the ordinal was met.
func (s Seen) Mark(ordinal int64) {
	bits := s[ordinal/SeenChunk]
	if bits == nil {
		bits = make([]byte, SeenChunk/8)
		s[ordinal/SeenChunk] = bits
	}
	i := ordinal % SeenChunk
	bits[i/8] |= 1 << (i % 8)
}

// configMark tells one configuration from another, as far as it says which
// inventory is followed. Where it differs, what is known of positions and
// cursors is of another CA, account or profile.
func configMark(s *Subscription) (string, error) {
	type secrets struct {
		UserName                                   *string
		Password, Certificate, CertificatePassword []byte // ciphertexts
	}
	var c *secrets
	if s.Credentials != nil {
		c = &secrets{s.Credentials.UserName, s.Credentials.Password, s.Credentials.Certificate, s.Credentials.CertificatePassword}
	}
	text, err := json.Marshal([]any{s.Provider, s.ServiceURI, s.Settings, c})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}
