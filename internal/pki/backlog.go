package pki

import "cloudpki/internal/odata"

// A Backlog is what a store knows of the work ahead, over all tenants, for the
// operator's monitoring.
type Backlog struct {
	Subscriptions int64
	Due           int64                // due and not taken up yet
	OldestDue     odata.DateTimeOffset // since when the longest has waited; Never for none
	Expiring      []Expiring           // by Days, descending
	FirstExpiry   odata.DateTimeOffset // the earliest end of a client certificate; Never for none

	FirstRootExpiry odata.DateTimeOffset // the earliest end of a trusted or retiring root; Never for none
}

// Expiring counts client certificates that end within Days, each in the
// narrowest class only; Days 0 counts those that have ended.
type Expiring struct {
	Days  int
	Count int64
}
