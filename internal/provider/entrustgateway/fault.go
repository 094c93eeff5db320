package entrustgateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// The bounds of the gateway's words in a report, in bytes.
const (
	maxWords = 300
	maxCode  = 64
)

// errSaid marks an error that the gateway itself explained.
var errSaid = errors.New("in the gateway's own words")

// explain refines an error by the gateway's own words. A body without them is
// that of something before the gateway, such as a proxy, and leaves the error as
// it is. The details of a complaint can describe what stands behind the gateway
// and are not told.
func (s *session) explain(e *provider.Error, status int, body []byte) {
	var c struct {
		Error struct {
			Code    rest.Text `json:"code"`
			Message rest.Text `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &c) != nil || c.Error.Code+c.Error.Message == "" {
		return
	}
	message := string(c.Error.Message)
	e.Retry = ""
	e.Err = fmt.Errorf("%w: %w", errSaid, e.Err)
	e.UpstreamCode = s.words.Clean(string(c.Error.Code), maxCode)
	e.Code = classify(e.Code, status, strings.ToLower(message))
	e.Msg = fmt.Sprintf("%s answers HTTP %d", s.Host(), status)
	if m := s.words.Clean(message, maxWords); m != "" {
		e.Msg += ": " + m
	}
}

// classify returns the code of what the gateway says. Its codes are not
// documented; the status decides, and words tell why a client is not let in.
func classify(byStatus provider.Code, status int, message string) provider.Code {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		for _, w := range []string{"disabled", "locked", "inactive", "suspended", "deactivated"} {
			if strings.Contains(message, w) {
				return provider.CodeAccountDisabled
			}
		}
		if strings.Contains(message, "expired") {
			return provider.CodeCredentialExpired
		}
		return byStatus
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusGone:
		return byStatus
	}
	return provider.CodeUpstreamFault
}

// said reports whether the gateway itself answered with one of the statuses.
func said(err error, of ...int) bool { return errors.Is(err, errSaid) && rest.IsStatus(err, of...) }
