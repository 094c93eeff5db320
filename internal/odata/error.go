package odata

// Codes of an Error, as Microsoft Graph spells them on the wire.
const (
	CodeBadRequest      = "BadRequest"
	CodeModelValidation = "ModelValidationFailure"
)

// maxDetails bounds how many faults one Error reports.
const maxDetails = 20

// An Error says what is wrong with something a client sent, in words meant for
// that client. It never holds the value of a property: not of a secret one,
// nor of one that could have been a secret put in the wrong place.
type Error struct {
	Code    string  // CodeBadRequest, or CodeModelValidation for a wrong @odata.type
	Target  string  // path of the member, as clients write it: "credentials/adminPassword"
	Option  string  // the query option: "$filter"
	Pos     int     // byte offset in the body, or in the decoded query option
	Msg     string  // a sentence: what, where, what to do
	Details []Error // all faults, when there is more than one; the first is repeated there
}

// Error returns Msg.
func (e *Error) Error() string { return e.Msg }
