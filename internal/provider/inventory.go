package provider

import (
	"context"
	"errors"
	"time"
)

// ErrPositionLost is the cause of an *Error with CodeIncompleteListing: the CA
// cannot tell what happened behind the Position of a ScanEvents.
var ErrPositionLost = errors.New("the CA no longer knows the position")

// InventoryMode says how a CA's list of issued certificates can be followed.
// Each mode can also be asked for all (ScanAll).
type InventoryMode string

// The inventory modes, from none to best.
const (
	InventoryNone         InventoryMode = ""             // no list; revocations may come by CRL
	InventoryFull         InventoryMode = "full"         // everything, each time
	InventoryIssuedWindow InventoryMode = "issuedWindow" // filter by time of issue, and by time of revocation: ScanIssued, ScanRevoked
	InventoryUpdatedSince InventoryMode = "updatedSince" // filter by time of change: ScanChanged
	InventoryEvents       InventoryMode = "events"       // feed with a position of the CA's: ScanEvents
)

// An Inventory lists issued certificates page by page.
type Inventory interface {
	// Mode returns how this session can be followed. It is never better than
	// the Kind's, and may be less where credentials or settings leave out what
	// the better one needs.
	Mode() InventoryMode

	// List returns the records of the scan behind after. A nil cursor begins.
	// The caller stores Page.Next together with the records, so a run can stop
	// anywhere and go on in another session with the same scan. A record that
	// cannot be read is reported in Page.Skipped, never dropped. A scan that is
	// not of the session's mode is an *Error with CodeUnsupported.
	List(ctx context.Context, scan Scan, after Cursor) (Page, error)
}

// A Scan says which part of an inventory is asked for. The zero Scan asks for
// all of it.
type Scan struct {
	Mode ScanMode

	// Since bounds ScanIssued, ScanChanged and ScanRevoked: what was issued,
	// changed or revoked at or after it, UTC, by the clock of the CA. To tell
	// more than was asked for is harmless.
	Since time.Time

	// Position is where ScanEvents begins: the Page.Position of an earlier scan.
	// One that the CA no longer knows is an *Error around ErrPositionLost: the
	// caller scans all then.
	Position Cursor

	// Known tells which certificates the caller has already, with the status it
	// knows, by serial (lower-case hex, no leading zeros). It lets a CA that
	// lists serials alone be asked for new certificates only. At most 500
	// serials are asked for at once. Nil knows none. Errors pass unchanged.
	Known func(ctx context.Context, serials []string) (map[string]Status, error)
}

// ScanMode names the parts of an inventory that can be asked for.
type ScanMode string

// The scans.
const (
	ScanAll     ScanMode = ""        // everything the CA has; Page.Full on the last page
	ScanIssued  ScanMode = "issued"  // issued since; InventoryIssuedWindow
	ScanRevoked ScanMode = "revoked" // revoked, suspended or resumed since, as far as the CA tells; InventoryIssuedWindow
	ScanChanged ScanMode = "changed" // changed since, oldest change first; InventoryUpdatedSince
	ScanEvents  ScanMode = "events"  // what happened behind Position; InventoryEvents
)

// A Cursor is a position in a scan, opaque to all but the provider.
type Cursor []byte

// A Page is one stretch of an inventory.
type Page struct {
	Records []Record
	Seen    []string // serials, as Scan.Known takes them, that the CA lists and whose records are as the caller knows them
	Skipped []Skipped
	Next    Cursor // valid where More
	More    bool
	Total   int    // how many the CA says there are in all; -1 unknown
	Full    bool   // on the last page of ScanAll: the chain of pages has listed everything the CA has
	TxID    string // the CA's transaction id, for support

	// Position is where a later ScanEvents begins. It is given on the last page
	// of ScanEvents, and on the last page of ScanAll of a session whose mode is
	// InventoryEvents: there it was taken before the first page, so that what
	// happens during the scan is told afterwards.
	Position Cursor
}

// Status is the state of an issued certificate as its CA tells it.
type Status string

// The states of a certificate.
const (
	StatusValid     Status = "valid"
	StatusExpired   Status = "expired"
	StatusRevoked   Status = "revoked"
	StatusSuspended Status = "suspended" // certificateHold
	StatusUnknown   Status = "unknown"
)

// A Record is one issued certificate. Where DER is there, what can be computed
// from it is computed from it, not taken from the CA's columns.
type Record struct {
	DER        []byte // X.509 certificate; nil where the CA gives none
	RawIssuer  []byte // DER of the issuer Name; nil where only IssuerDN is known
	IssuerDN   string // RFC 4514
	Serial     string // lower-case hex, no leading zeros
	SubjectDN  string // RFC 4514
	CommonName string
	NotBefore  time.Time // UTC; zero where unknown
	NotAfter   time.Time
	Issued     time.Time // UTC, by the clock of the CA; zero where it does not tell
	Updated    time.Time // UTC, by the clock of the CA: its last change; zero where it does not tell
	Status     Status
	RevokedAt  time.Time // zero where not revoked or unknown
	Reason     int       // RFC 5280, 5.3.1; -1 none or unknown
	ProfileID  string
	Holder     string // seat, user or device, as the CA names it
}

// A Skipped is a record that could not be read.
type Skipped struct {
	Raw    []byte // as received, at most MaxRaw bytes
	Serial string // as received, may be ""
	Reason string // for a person
}
