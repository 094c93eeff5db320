package pki

import (
	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// RunStatus is where a run stands.
type RunStatus int8

// The states of a run. A run that ended never changes again.
const (
	RunQueued RunStatus = iota
	RunRunning
	RunSucceeded
	RunFailed
	RunCancelled
)

// Trigger says why a run was made.
type Trigger int8

// The triggers.
const (
	TriggerSchedule Trigger = iota
	TriggerManual
	TriggerCreated
	TriggerChanged
	TriggerProbe // by the service, to prove the credentials between two syncs: the run ends with its first stage
)

// A Run is one attempt to sync a subscription, from its request to its end.
type Run struct {
	ID      ID // UUIDv7, so that ids sort by time
	Status  RunStatus
	Trigger Trigger

	Queued  odata.DateTimeOffset
	Started odata.DateTimeOffset // Never until it begins
	Ended   odata.DateTimeOffset // Never until it ends

	Attempt int     // how often a worker took it up; above 1 it was resumed
	Stages  []Stage // what it has been through, the last one current
	Counts  Counts
	Total   int // how many records the CA says it has; -1 unknown

	DryRun      bool   // only tells what a sync would do
	TrustChange string // of a dry run: what a sync would do to the roots; "" for nothing

	Error     provider.Code // "" unless failed or cancelled
	Message   string        // public text; "" for none
	Retry     provider.RetryClass
	RequestID string               // the CA's transaction id
	NextTry   odata.DateTimeOffset // Never for not by itself
}

// Ended reports whether the run is over.
func (s RunStatus) Ended() bool { return s >= RunSucceeded }

// A Stage is one part of a run.
type Stage struct {
	Name    string               `json:"n"`
	Started odata.DateTimeOffset `json:"s"`
	Ended   odata.DateTimeOffset `json:"e"` // Never while current
}

// The stages of a run, in order.
const (
	StageConnect     = "connect"
	StageAuthorities = "authorities"
	StageInventory   = "inventory"
	StageRevocations = "revocations"
	StageFinish      = "finish"
)

// Counts say what a run met. Found is always New + Changed + Unchanged + Skipped.
type Counts struct {
	Found, New, Changed, Unchanged, Skipped int
	Revoked                                 int // of New and Changed: became revoked
	Missing                                 int // known before, not in this complete listing
}

// Add adds the counts of a page.
func (c *Counts) Add(d Counts) {
	c.Found += d.Found
	c.New += d.New
	c.Changed += d.Changed
	c.Unchanged += d.Unchanged
	c.Skipped += d.Skipped
	c.Revoked += d.Revoked
	c.Missing += d.Missing
}

// A Lease is a worker's right to sync one subscription. Every write of a run
// names it; a write under a lease that another worker has taken is LeaseLost.
type Lease struct {
	Tenant       TenantID
	Subscription ID
	Key          int64  // Subscription.Key
	Owner        string // names the worker process
	Fence        int64  // grows with each taking, so that a late writer is told apart
	Until        odata.DateTimeOffset
	Run          Run
}

// Bounds are how many leases there may be at the same time.
type Bounds struct {
	PerTenant int
	PerHost   int // of one host and port of CAs; 0 for any number
}

// RunStatusEnum is the enumeration of a run's status.
func RunStatusEnum() *odata.EnumType {
	return &odata.EnumType{Name: "cloudPkiSyncRunStatus", Members: []odata.Member{
		{Name: "notStarted", Value: int64(RunQueued)},
		{Name: "running", Value: int64(RunRunning)},
		{Name: "succeeded", Value: int64(RunSucceeded)},
		{Name: "failed", Value: int64(RunFailed)},
		{Name: "cancelled", Value: int64(RunCancelled)},
	}}
}

// TriggerEnum is the enumeration of a run's trigger.
func TriggerEnum() *odata.EnumType {
	return &odata.EnumType{Name: "cloudPkiSyncTrigger", Members: []odata.Member{
		{Name: "schedule", Value: int64(TriggerSchedule)},
		{Name: "manual", Value: int64(TriggerManual)},
		{Name: "created", Value: int64(TriggerCreated)},
		{Name: "changed", Value: int64(TriggerChanged)},
		{Name: "probe", Value: int64(TriggerProbe), Doc: "Proves the credentials between two syncs and asks for nothing else."},
	}}
}

// RunType is the entity type of a sync run.
func RunType() *odata.EntityType {
	count := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindInt32, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	date := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindDateTimeOffset, Nullable: true, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	text := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Nullable: true, Computed: true, Filter: true, Sort: true, Doc: doc}
	}
	return &odata.EntityType{
		Name: "cloudPkiSyncRun",
		Doc:  "One attempt to sync a subscription.",
		Properties: []odata.Property{
			{Name: "id", Kind: odata.KindString, Computed: true, Filter: true, Sort: true, Doc: "Key of the run; sorts by time."},
			{Name: "status", Kind: odata.KindEnum, Enum: RunStatusEnum(), Computed: true, Filter: true, Sort: true, Doc: "Where the run stands."},
			{Name: "trigger", Kind: odata.KindEnum, Enum: TriggerEnum(), Computed: true, Filter: true, Sort: true, Doc: "Why the run was made."},
			date("queuedDateTime", "When the run was asked for."),
			date("startedDateTime", "When the run began."),
			date("endedDateTime", "When the run ended."),
			count("attempt", "How often a worker took the run up; above 1 it was resumed after an interruption."),
			{Name: "stages", Kind: odata.KindComplex, Complex: StageType(), Collection: true, Computed: true, Doc: "What the run has been through."},
			count("foundCount", "Records met: new, changed, unchanged and skipped."),
			count("newCount", "Records not known before."),
			count("changedCount", "Records that differ from what was known."),
			count("unchangedCount", "Records as they were known."),
			count("revokedCount", "Records that became revoked."),
			count("missingCount", "Known records that a complete listing did not have."),
			count("skippedCount", "Records that could not be read."),
			{Name: "totalCount", Kind: odata.KindInt32, Nullable: true, Computed: true, Doc: "How many records the CA says it has; null where it does not say."},
			{Name: "dryRun", Kind: odata.KindBoolean, Computed: true, Filter: true, Sort: true, Doc: "Whether the run only tells what a sync would do; it changes nothing."},
			text("trustChange", "Of a dry run: what a sync would do to the trusted roots; null for nothing."),
			text("errorCode", "Why the run failed."),
			text("errorMessage", "Why the run failed, in words."),
			{Name: "helpUrl", Kind: odata.KindString, Nullable: true, Computed: true, Doc: "Address of the page that explains errorCode; null where the run has not failed."},
			text("retryClass", "When a failed run is tried again: now, backOff, afterCredentialChange or never."),
			text("upstreamRequestId", "The CA's own id of the exchange, for its support."),
			date("nextTryDateTime", "When the next sync is due; null for not by itself."),
		},
	}
}

// StageType is the complex type of a run's stage.
func StageType() *odata.ComplexType {
	return &odata.ComplexType{
		Name: "cloudPkiSyncStage",
		Doc:  "One part of a sync run.",
		Properties: []odata.Property{
			{Name: "name", Kind: odata.KindString, Computed: true, Doc: "connect, authorities, inventory, revocations or finish."},
			{Name: "startedDateTime", Kind: odata.KindDateTimeOffset, Computed: true, Doc: "When the stage began."},
			{Name: "endedDateTime", Kind: odata.KindDateTimeOffset, Nullable: true, Computed: true, Doc: "When the stage ended; null while it is current."},
		},
	}
}
