// Package providertest is the examination that every kind of CA passes. It
// puts a real TLS server in front of the kind's CA, breaks what a network and a
// CA can break, and looks at what the kind makes of it.
package providertest

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"slices"
	"testing"

	"cloudpki/internal/provider"

	"go.uber.org/goleak"
)

// A CA is one kind under examination. A test of the kind calls Run with it:
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, providertest.CA{
//			Kind:  symantec.Kind(),
//			Serve: serve,
//			Lacks: map[providertest.Feature]string{
//				providertest.Revocations: "the service has no CRL operation",
//			},
//		})
//	}
type CA struct {
	Kind  provider.Kind
	Serve func(t testing.TB, w World) Fixture
	Lacks map[Feature]string // what the kind cannot do, and why
}

// A World is what the CA is to look like.
type World struct {
	Issued int // certificates issued before the test
}

// A Fixture is a CA in the state of a World. The suite makes the TLS server
// around it, so that it can fail in the CA's place; a fixture may be a
// simulator or a proxy to a real CA.
type Fixture struct {
	Handler http.Handler
	TLS     *tls.Config     // of the server, with a certificate for 127.0.0.1
	Path    string          // of the base address: "/pki-ws/"
	Config  provider.Config // with good credentials; ServiceURI, Transport and Now are set by the suite

	Spoil      func(c *provider.Config) // makes the credentials ones that the CA or the kind refuses
	Roots      []*x509.Certificate      // the roots the authorities chain to, each once
	Serials    []string                 // of the issued certificates: lower-case hex, no leading zeros
	Profile    string                   // that requests for certificates name; "" for what the settings say
	Unreadable func()                   // makes one issued certificate unreadable

	// What may happen at the CA during a test. Each is nil where the CA, or the
	// kind's view of it, has no such thing; the feature is then declared lacking.
	Issue  func(n int) (serials []string)
	Revoke func(serial string) // for the reason superseded, where the CA takes one
	Resume func(serial string) // makes a revoked or suspended certificate valid again
	Odd    []Oddity
}

// An Oddity is a way in which CAs of the kind answer differently without being
// wrong: a null where the documentation has a text, another spelling of serial
// numbers, milliseconds for seconds, PKCS#7 for DER. The inventory must be the
// same as without it.
type Oddity struct {
	Name  string
	Apply func() // from now on, to all answers of this fixture, in place of the oddity before
}

// A Feature is a part of the examination that a kind may lack, with a reason.
type Feature string

// The features.
const (
	Credentials      Feature = "credentials"      // the kind can tell bad credentials
	Authorities      Feature = "authorities"      // RootSource
	RootsTold        Feature = "rootsTold"        // the CA tells the root of each authority
	Inventory        Feature = "inventory"        // Inventory
	UnreadableRecord Feature = "unreadableRecord" // a single record can be unreadable
	Revocations      Feature = "revocations"      // RevocationSource
	Revoking         Feature = "revoking"         // Fixture.Revoke: a revocation shows in the inventory
	Resuming         Feature = "resuming"         // Fixture.Resume: a certificate that is valid again shows as such
	Issuing          Feature = "issuing"          // Fixture.Issue: certificates can be issued during a listing
	Oddities         Feature = "oddities"         // Fixture.Odd
	Enrolment        Feature = "enrolment"        // Issuer; as the kind's capabilities say
	Revocation       Feature = "revocation"       // Revoker; as the kind's capabilities say
	UnknownSerial    Feature = "unknownSerial"    // the CA refuses to revoke a serial number that it has not given
	Bulk             Feature = "bulk"             // 700 certificates can be issued in a moment
)

// lacks reports whether the kind has declared to lack f. What happens to
// certificates can only show in an inventory.
func (ca CA) lacks(f Feature) bool {
	if ca.Kind.Can.Inventory == provider.InventoryNone && slices.Contains([]Feature{Revoking, Resuming, Issuing, Oddities, Bulk}, f) {
		return true
	}
	if f == Enrolment && !ca.Kind.Can.Issue || f == Revocation && !ca.Kind.Can.Revoke {
		return true
	}
	_, declared := ca.Lacks[f]
	return declared
}

// Run examines ca. What only looks shares one CA; what changes something has one
// of its own.
func Run(t *testing.T, ca CA) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	for f, reason := range ca.Lacks {
		if reason == "" {
			t.Errorf("feature %s is lacking without a reason", f)
		}
	}
	var shared *stand
	for _, p := range parts() {
		if ca.lacks(p.feature) {
			continue // declared, and held against the capabilities by testCapabilities
		}
		t.Run(p.name, func(t *testing.T) {
			if p.own {
				p.test(t, start(t, ca, World{Issued: p.issued}))
				return
			}
			if shared == nil {
				shared = newStand(t, ca, World{Issued: 123})
			}
			defer shared.mend()
			p.test(t, shared)
		})
	}
	if shared != nil {
		shared.end(t)
	}
	if err := goleak.Find(before); err != nil {
		t.Errorf("goroutines are left: %v", err)
	}
}

// A part is one of the examination.
type part struct {
	name    string
	feature Feature // "" is asked of all
	test    func(*testing.T, *stand)
	own     bool // the CA is its own, with so many certificates issued
	issued  int
}

func parts() []part {
	return []part{
		{"capabilities", "", testCapabilities, false, 0},
		{"probe", "", testProbe, false, 0},
		{"close twice", "", testClose, false, 0},
		{"bad credentials", Credentials, testBadCredentials, true, 0},
		{"roots", Authorities, testRoots, false, 0},
		{"revocation lists", Revocations, testRevocations, false, 0},
		{"inventory", Inventory, testInventory, false, 0},
		{"empty inventory", Inventory, testEmptyInventory, true, 0},
		{"unreadable record", UnreadableRecord, testUnreadable, true, 60},
		{"page that breaks", Inventory, testBrokenPage, false, 0},
		{"call that fails", Inventory, testFailingCall, false, 0},
		{"page that shifts", Issuing, testShift, true, 123},
		{"revoked and resumed", Revoking, testRevoking, true, 60},
		{"increment", Issuing, testIncrement, true, 123},
		{"time that has not come", Inventory, testFuture, false, 0},
		{"scans of other modes", Inventory, testForeignScans, false, 0},
		{"known certificates", Inventory, testKnown, true, 60},
		{"issue", Enrolment, testEnrolment, true, 5},
		{"revoke", Revocation, testRevocation, true, 5},
		{"oddities", Oddities, testOddities, true, 60},
		{"cursors that are none", Inventory, testCursors, false, 0},
		{"bounded memory", Bulk, testMemory, true, 700},
		{"failures", "", testFailures, false, 0},
		{"other host", "", testRedirect, false, 0},
		{"cancellation", "", testCancel, false, 0},
	}
}
