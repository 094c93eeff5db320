package pki

import (
	"context"
	"strconv"

	"cloudpki/internal/odata"
)

// An ESTEndpoint is an address below /.well-known/est/ (RFC 7030, 3.2.2) at
// which devices enrol with the CA of one subscription.
type ESTEndpoint struct {
	Tenant       TenantID
	ID           ID // made by the service, the label of its address; no two tenants share one
	DisplayName  *string
	Subscription ID     // stays as it is: devices trust its CA
	Profile      string // handed to the CA; "" for what the subscription's settings say
	Enabled      bool
	UserName     string   // of the account that devices share
	PasswordHash string   // Argon2id, in the PHC string format
	Patterns     []string // of the names that a request may carry; none for what the CA decides
	Reenrol      bool     // whether simplereenroll is answered
	Edits        int64    // rises with each change
	Created      odata.DateTimeOffset
	LastModified odata.DateTimeOffset
}

// ETag is the weak entity tag of an endpoint; ids are not used twice.
func (e *ESTEndpoint) ETag() string { return `W/"` + strconv.FormatInt(e.Edits, 10) + `"` }

// An ESTEndpointCondition is asked, inside the transaction, whether a change may
// go ahead. Its error is returned to the caller; nil always agrees.
type ESTEndpointCondition func(ESTEndpoint) error

func (c ESTEndpointCondition) check(e ESTEndpoint) error {
	if c == nil {
		return nil
	}
	return c(e)
}

// ESTEndpointStore keeps ESTEndpoints. Like a Store's, its methods are safe for
// concurrent use, and but for ESTEndpointOf a row of another tenant does not
// exist. The deletion of a subscription removes its endpoints with it.
type ESTEndpointStore interface {
	// CreateESTEndpoint stores e. CodeQuota where the tenant has most already,
	// CodeInvalid where its subscription does not exist.
	CreateESTEndpoint(ctx context.Context, e ESTEndpoint, most int, a AuditEvent) error

	// ESTEndpoint returns one, or CodeNotFound.
	ESTEndpoint(ctx context.Context, t TenantID, id ID) (ESTEndpoint, error)

	// ESTEndpointOf returns the one with the id, of whatever tenant, or
	// CodeNotFound: devices know the id alone.
	ESTEndpointOf(ctx context.Context, id ID) (ESTEndpoint, error)

	// ESTEndpoints returns a page of those that match q.
	ESTEndpoints(ctx context.Context, t TenantID, q odata.Query) (Page[ESTEndpoint], error)

	// UpdateESTEndpoint calls change on the stored row inside a transaction and
	// stores what that made of it. CodeNotFound, or what change returns.
	UpdateESTEndpoint(ctx context.Context, t TenantID, id ID, change func(*ESTEndpoint) error, a AuditEvent) (ESTEndpoint, error)

	// DeleteESTEndpoint removes the row, if check agrees. CodeNotFound.
	DeleteESTEndpoint(ctx context.Context, t TenantID, id ID, check func(ESTEndpoint) error, a AuditEvent) error
}
