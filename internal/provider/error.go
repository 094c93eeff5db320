package provider

import (
	"strings"
	"time"
)

// A Code says what went wrong in a sync. The list is closed; each code has a
// page in docs/errors/.
type Code string

// The codes, in the order in which a sync can meet them.
const (
	CodeDNS                Code = "dns"
	CodeConnect            Code = "connect"
	CodeTLSServer          Code = "tls_server"
	CodeTLSClientRejected  Code = "tls_client_rejected"
	CodeCredentialExpired  Code = "credential_expired"
	CodeCredentialInvalid  Code = "credential_invalid"
	CodeAccountDisabled    Code = "account_disabled"
	CodePermission         Code = "permission"
	CodeProfileUnknown     Code = "profile_unknown"
	CodeRateLimited        Code = "rate_limited"
	CodeTimeout            Code = "timeout"
	CodeUpstream5xx        Code = "upstream_5xx"
	CodeUpstreamFault      Code = "upstream_fault"
	CodeApprovalPending    Code = "approval_pending"
	CodeProtocol           Code = "protocol"
	CodeParse              Code = "parse"
	CodeIncompleteListing  Code = "incomplete_listing"
	CodeTooManyRemovals    Code = "too_many_removals"
	CodeTrustChangePending Code = "trust_change_pending"
	CodeRootAmbiguous      Code = "root_ambiguous"
	CodeRootInvalid        Code = "root_invalid"
	CodeRetired            Code = "retired"
	CodeUnsupported        Code = "unsupported"
	CodeStorage            Code = "storage"
	CodeCancelled          Code = "cancelled"
	CodeInternal           Code = "internal"
)

// RetryClass says when a failed sync may be tried again.
type RetryClass string

// The retry classes.
const (
	RetryNow         RetryClass = "now"                   // at once, once
	RetryBackOff     RetryClass = "backOff"               // with growing delay
	RetryCredentials RetryClass = "afterCredentialChange" // never by itself: accounts lock
	RetryNever       RetryClass = "never"                 // not early: at the regular interval, where it costs nothing
)

// Retry returns the retry class of c. Codes outside the list back off.
func (c Code) Retry() RetryClass {
	switch c {
	case CodeTLSClientRejected, CodeCredentialExpired, CodeCredentialInvalid, CodeAccountDisabled, CodePermission:
		return RetryCredentials
	case CodeProfileUnknown, CodeTooManyRemovals, CodeTrustChangePending, CodeRootAmbiguous, CodeRootInvalid, CodeRetired, CodeUnsupported, CodeApprovalPending:
		return RetryNever
	case CodeCancelled:
		return RetryNow
	default:
		return RetryBackOff
	}
}

// The bounds, in bytes, of what an Error shows of its parts.
const (
	maxMsg  = 1000
	maxMark = 64
)

// An Error is why a call to a CA failed, in two faces: Code, Msg, UpstreamCode
// and TxID may be shown to an admin; Err is the cause, for the log alone.
type Error struct {
	Code         Code
	Msg          string        // public: what is wrong and what to do; no secret, no body of an answer
	UpstreamCode string        // the CA's own code, verbatim, at most 64 characters
	TxID         string        // the CA's transaction id, at most 64 characters
	Retry        RetryClass    // where the code's own does not fit; "" where it does
	RetryAfter   time.Duration // the least delay, mostly the CA's own wish; 0 for none
	Err          error         // cause; never formatted into Msg
}

// Error returns the public face: "code: message (upstream code; transaction id)".
func (e *Error) Error() string { return string(e.Code) + ": " + e.Text() }

// Text returns the public face without the code. Whatever a CA managed to put
// into its parts, it is one line of printable UTF-8, at most 1200 bytes long.
func (e *Error) Text() string {
	var marks []string
	for _, m := range []string{e.UpstreamCode, e.TxID} {
		if m = Clean(m, maxMark); m != "" {
			marks = append(marks, m)
		}
	}
	msg := Clean(e.Msg, maxMsg)
	if marks == nil {
		return msg
	}
	return msg + " (" + strings.Join(marks, "; ") + ")"
}

// RetryClass returns when to try again: Retry, or else the class of the code.
func (e *Error) RetryClass() RetryClass {
	if e.Retry != "" {
		return e.Retry
	}
	return e.Code.Retry()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
