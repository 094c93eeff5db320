package graph

import "time"

// A Subscription is a cloudPkiSubscription as read over the network. The zero
// time is «never».
type Subscription struct {
	ETag         string       `json:"@odata.etag"`
	ID           string       `json:"id"`
	Provider     string       `json:"cloudPkiProvider"`
	Created      time.Time    `json:"createdDateTime"`
	Description  *string      `json:"description"`
	LastModified time.Time    `json:"lastModifiedDateTime"`
	DisplayName  *string      `json:"displayName"`
	SyncStatus   string       `json:"syncStatus"`
	LastError    *string      `json:"lastSyncError"`
	LastSync     time.Time    `json:"lastSyncDateTime"`
	Credentials  *Credentials `json:"credentials"`
	TrustedRoot  []byte       `json:"trustedRootCertificate"`
	Version      int32        `json:"version"`

	ServiceURI *string   `json:"serviceUri"`
	Settings   []Setting `json:"providerSettings"`
	Schedule   *string   `json:"syncSchedule"` // Edm.Duration: "PT6H"
	Paused     *bool     `json:"paused"`

	Info     *CredentialInfo `json:"credentialInfo"`   // only where selected
	NextSync *time.Time      `json:"nextSyncDateTime"` // only where selected
}

// Credentials are what reads show of a subscription's credentials.
type Credentials struct {
	UserName *string `json:"adminUserName"`
}

// A Setting is one entry of providerSettings.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A CredentialInfo is what may be known of the credentials.
type CredentialInfo struct {
	HasUserName            bool       `json:"hasAdminUserName"`
	HasPassword            bool       `json:"hasAdminPassword"`
	HasCertificate         bool       `json:"hasAuthenticationCertificate"`
	HasCertificatePassword bool       `json:"hasAuthenticationCertificatePassword"`
	Subject                *string    `json:"subject"`
	Issuer                 *string    `json:"issuer"`
	Thumbprint             *string    `json:"thumbprint"`
	NotAfter               *time.Time `json:"notAfter"`
	ExpiresInDays          *int32     `json:"expiresInDays"`
	LastAccepted           *time.Time `json:"lastAcceptedDateTime"`
	Status                 *string    `json:"status"`
	StatusSince            *time.Time `json:"statusDateTime"`
	Expires                *time.Time `json:"expirationDateTime"`
	ExpiryStage            *string    `json:"expiryStage"`
	Staged                 *time.Time `json:"stagedDateTime"`
	StagedSubject          *string    `json:"stagedSubject"`
	StagedThumbprint       *string    `json:"stagedThumbprint"`
	StagedNotAfter         *time.Time `json:"stagedNotAfter"`
	StagedAccepted         *time.Time `json:"stagedLastAcceptedDateTime"`
	PreviousThumbprint     *string    `json:"previousThumbprint"`
	PreviousUntil          *time.Time `json:"previousKeptUntilDateTime"`
}

// A ConnectionTest is a cloudPkiConnectionTest as read over the network.
type ConnectionTest struct {
	Status string    `json:"status"`
	Tested time.Time `json:"testedDateTime"`
	Steps  []Step    `json:"steps"`
}

// A Step is one step of a ConnectionTest.
type Step struct {
	Name    string    `json:"name"`
	Status  string    `json:"status"`
	Took    int       `json:"durationInMilliseconds"`
	Details []Setting `json:"details"`
	Code    *string   `json:"errorCode"`
	Message *string   `json:"errorMessage"`
	HelpURL *string   `json:"helpUrl"`
}

// A Run is a cloudPkiSyncRun as read over the network.
type Run struct {
	ID        string     `json:"id"`
	Status    string     `json:"status"`
	Trigger   string     `json:"trigger"`
	Queued    time.Time  `json:"queuedDateTime"`
	Started   *time.Time `json:"startedDateTime"`
	Ended     *time.Time `json:"endedDateTime"`
	Attempt   int        `json:"attempt"`
	Stages    []Stage    `json:"stages"`
	Found     int        `json:"foundCount"`
	New       int        `json:"newCount"`
	Changed   int        `json:"changedCount"`
	Unchanged int        `json:"unchangedCount"`
	Revoked   int        `json:"revokedCount"`
	Missing   int        `json:"missingCount"`
	Skipped   int        `json:"skippedCount"`
	DryRun    bool       `json:"dryRun"`
	Trust     *string    `json:"trustChange"`
	Total     *int       `json:"totalCount"`
	ErrorCode *string    `json:"errorCode"`
	Message   *string    `json:"errorMessage"`
	HelpURL   *string    `json:"helpUrl"`
	Retry     *string    `json:"retryClass"`
	RequestID *string    `json:"upstreamRequestId"`
	NextTry   *time.Time `json:"nextTryDateTime"`
}

// IsOver reports whether the run has ended.
func (r Run) IsOver() bool { return r.Status != "notStarted" && r.Status != "running" }

// A Stage is one part of a Run.
type Stage struct {
	Name    string     `json:"name"`
	Started time.Time  `json:"startedDateTime"`
	Ended   *time.Time `json:"endedDateTime"`
}

// A Certificate is a cloudPkiCertificate as read over the network.
type Certificate struct {
	ID         string     `json:"id"`
	Subject    *string    `json:"subjectName"`
	CommonName *string    `json:"commonName"`
	AltNames   *string    `json:"subjectAlternativeNames"`
	Issuer     *string    `json:"issuerName"`
	Serial     *string    `json:"serialNumber"`
	Thumbprint *string    `json:"thumbprint"`
	NotBefore  *time.Time `json:"notBefore"`
	NotAfter   *time.Time `json:"notAfter"`
	Status     string     `json:"status"`
	Revoked    *time.Time `json:"revocationDateTime"`
	Reason     *int       `json:"revocationReason"`
	Profile    *string    `json:"profileId"`
	Holder     *string    `json:"holder"`
	FirstSeen  *time.Time `json:"firstSeenDateTime"`
	Changed    *time.Time `json:"lastChangedDateTime"`
	Missing    *time.Time `json:"missingSinceDateTime"`
	DER        []byte     `json:"certificate"` // of a single one, or where selected
}

// An Authority is a cloudPkiCertificateAuthority as read over the network.
type Authority struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	State     string    `json:"state"`
	Subject   string    `json:"subjectName"`
	Issuer    string    `json:"issuerName"`
	Serial    string    `json:"serialNumber"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	Profiles  []string  `json:"profileIds"`
	FirstSeen time.Time `json:"firstSeenDateTime"`
	LastSeen  time.Time `json:"lastSeenDateTime"`
	DER       []byte    `json:"certificate"`

	StateReason *string    `json:"stateReason"`
	DecidedBy   *string    `json:"decidedBy"`
	Retire      *time.Time `json:"retireDateTime"`
}

// A MigrationReport tells how far the move of a subscription to another
// provider is.
type MigrationReport struct {
	From      *string         `json:"fromProvider"` // nil, as are To and Started, where it was never moved
	To        *string         `json:"toProvider"`
	Started   *time.Time      `json:"startedDateTime"`
	Completed *time.Time      `json:"completedDateTime"` // nil while under way
	Cancelled bool            `json:"cancelled"`
	Both      int             `json:"inBothCount"`
	Before    int             `json:"onlyBeforeCount"`
	After     int             `json:"onlyAfterCount"`
	Roots     []MigrationRoot `json:"roots"`
}

// A MigrationRoot is a root in a MigrationReport.
type MigrationRoot struct {
	Thumbprint string     `json:"thumbprint"`
	Subject    string     `json:"subjectName"`
	State      string     `json:"state"`
	Reason     *string    `json:"stateReason"`
	Retire     *time.Time `json:"retireDateTime"`
}
