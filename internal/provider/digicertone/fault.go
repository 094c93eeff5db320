package digicertone

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// The bounds of the CA's words in a report, in bytes.
const (
	maxWords = 300
	maxCode  = 64
)

// A complaint is what the API says beside a status that is no success. The
// developer portal shows both shapes.
type complaint struct {
	Error  said   `json:"error"`
	Errors []said `json:"errors"`
}

type said struct {
	Code    rest.Text `json:"code"`
	Message rest.Text `json:"message"`
}

// first returns the first thing said; the zero value where nothing was.
func (c complaint) first() said {
	for _, s := range append(c.Errors, c.Error) {
		if s != (said{}) {
			return s
		}
	}
	return said{}
}

// explain refines an error by the API's own words. A body without them is that
// of something before the API, such as a proxy, and leaves the error as it is.
func (s *session) explain(e *provider.Error, status int, body []byte) {
	var c complaint
	if json.Unmarshal(body, &c) != nil {
		return
	}
	words := c.first()
	if words == (said{}) {
		return
	}
	e.Retry = ""
	e.UpstreamCode = s.words.Clean(string(words.Code), maxCode)
	e.Code = classify(e.Code, status, strings.ToLower(string(words.Code)), strings.ToLower(string(words.Message)))
	e.Msg = fmt.Sprintf("%s answers HTTP %d", s.Host(), status)
	if m := s.words.Clean(string(words.Message), maxWords); m != "" {
		e.Msg += ": " + m
	}
}

// classify returns the code of what the API says; byStatus is the one of its
// status. Code words are documented, the words of messages are not.
func classify(byStatus provider.Code, status int, code, message string) provider.Code {
	if status == http.StatusUnauthorized || code == "invalid_api_key" {
		return login(provider.CodeCredentialInvalid, message)
	}
	switch code {
	case "access_denied", "no_access":
		return login(provider.CodePermission, message)
	}
	switch {
	case status == http.StatusForbidden:
		return login(provider.CodePermission, message)
	case status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests, status == http.StatusGone:
		return byStatus
	}
	return provider.CodeUpstreamFault
}

// login tells why a caller is not let in, as far as the message does.
func login(otherwise provider.Code, message string) provider.Code {
	for _, w := range []string{"disabled", "locked", "inactive", "not active", "suspended", "deactivated"} {
		if strings.Contains(message, w) {
			return provider.CodeAccountDisabled
		}
	}
	if strings.Contains(message, "expired") {
		return provider.CodeCredentialExpired
	}
	return otherwise
}
