package odata

import "strings"

// The query options that hold tokens.
const (
	skipTokenOption  = "$skiptoken"
	deltaTokenOption = "$deltatoken"
)

// MaxDeltaOptions bounds the options of delta(), as sent: each link holds them.
const MaxDeltaOptions = 4 << 10

// A DeltaQuery is what a client asks of delta(): to begin, with Options, or to
// go on, with Token.
type DeltaQuery struct {
	Options string    // the options that count for all rounds, as sent: $select, $filter, $top
	Latest  bool      // $deltatoken=latest: begin with what changes from now on
	Token   string    // as sent, for TokenSealer.Open; "" where a client begins
	Kind    TokenKind // of Token
}

// ParseDelta reads the raw query string of a call of delta(). A link is taken as
// it was handed out: a further option beside its token is an *Error that names
// it, and so is one that delta() does not have. $format is allowed everywhere
// and left to the caller.
func ParseDelta(raw string) (DeltaQuery, error) {
	var q DeltaQuery
	var kept, names, tokens []string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, err := splitOption(part)
		if err != nil {
			return DeltaQuery{}, err
		}
		switch name {
		case "$format", "api-version":
		case "$select", "$filter", "$top":
			kept, names = append(kept, part), append(names, name)
		case skipTokenOption, deltaTokenOption:
			tokens = append(tokens, name)
			if err := q.setToken(name, value); err != nil {
				return DeltaQuery{}, err
			}
		default:
			return DeltaQuery{}, optionError(name, 0, "The query option '"+name+"' is not supported by delta(); $select, $filter and $top are.")
		}
	}
	q.Options = strings.Join(kept, "&")
	switch {
	case len(tokens) > 1:
		return DeltaQuery{}, optionError(tokens[1], 0, "There is more than one token. Call a link as it was given.")
	case q.Token != "" && len(names) > 0:
		return DeltaQuery{}, optionError(names[0], 0, "The query option '"+names[0]+"' is part of the "+q.Kind.option()+" and cannot be given beside it. Call a link as it was given.")
	case len(q.Options) > MaxDeltaOptions:
		return DeltaQuery{}, optionError(names[0], 0, "The query options of delta() are too long: each link holds them.")
	}
	return q, nil
}

// setToken takes the option name, which holds a token.
func (q *DeltaQuery) setToken(name, value string) error {
	switch {
	case value == "":
		return errToken(name)
	case name == deltaTokenOption && equalFoldASCII(value, "latest"):
		q.Latest = true
	case name == deltaTokenOption:
		q.Token, q.Kind = value, DeltaToken
	default:
		q.Token, q.Kind = value, DeltaSkipToken
	}
	return nil
}

// AppendRemoved writes an entity that is gone, as OData JSON 4.01, 15.3 has it.
// Clients that know 4.0 alone know it from Microsoft Graph.
func AppendRemoved(dst []byte, id, reason string) []byte {
	dst = AppendString(append(dst, `{"id":`...), id)
	dst = AppendString(append(dst, `,"@removed":{"reason":`...), reason)
	return append(dst, "}}"...)
}
