package auth

import "errors"

// A Code says why a caller is refused. The list is closed: one place in
// package graph maps each to an HTTP status and a Graph code.
type Code string

// The codes. MissingToken and InvalidToken differ because RFC 6750 section 3.1
// wants no error code in the challenge to a request without credentials.
const (
	CodeMissingToken      Code = "missing_token"
	CodeInvalidToken      Code = "invalid_token"
	CodeInsufficientScope Code = "insufficient_scope"
	CodeUnavailable       Code = "unavailable" // the issuer's keys cannot be had: try later
)

// An Error is a refusal. Msg is public and holds nothing of the token but
// scope names; Err is the cause, for the log alone, and holds no token either.
type Error struct {
	Code   Code
	Msg    string
	Scopes []string // with CodeInsufficientScope: any of these would do
	Err    error
}

// Error returns the public text.
func (e *Error) Error() string { return e.Msg }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the *Error in err's chain, or "".
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// The public texts are those of Microsoft Graph where it has one for the case:
// administrators search for them.
const (
	msgEmpty       = "Access token is empty."
	msgMalformed   = "CompactToken parsing failed with error code: 80049217"
	msgExpired     = "Lifetime validation failed, the token is expired."
	msgNotYet      = "Lifetime validation failed, the token is not yet valid."
	msgFailure     = "Access token validation failure."
	msgUnavailable = "The signing keys of the token's issuer cannot be had at the moment. Try again later."
)

// refuse is the error for a token that fails a check. reason is a sentence
// without anything out of the token.
func refuse(reason string, cause error) *Error {
	return &Error{Code: CodeInvalidToken, Msg: msgFailure + " " + reason, Err: cause}
}
