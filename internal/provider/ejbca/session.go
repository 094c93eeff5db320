package ejbca

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// maxAnswer bounds an answer: a page of 1000 certificates takes about 4 MiB.
const maxAnswer = 16 << 20

// maxWords bounds what a CA's words may fill in a report.
const maxWords = 300

// A session makes one call at a time.
type session struct {
	http     *rest.Client
	login    *login   // nil where the client certificate does
	account  string   // for a person
	cas      []string // nil is all
	profiles []string // nil is all
	dates    bool     // followed by dates, not by the time of change
	pageSize int
	enrolment
	now    func() time.Time
	words  provider.Cleaner // of what the CA says; knows the secrets
	probed []caInfo         // what Probe was told, until Authorities takes it
}

// Probe asks for the CAs: the status of the API would not prove permissions.
// The answer is kept for Authorities.
func (s *session) Probe(ctx context.Context) (provider.Probe, error) {
	list, err := s.list(ctx)
	if err != nil {
		return provider.Probe{}, err
	}
	s.probed = list
	return provider.Probe{Account: s.account}, nil
}

// Close closes idle connections.
func (s *session) Close() error {
	if s.login != nil {
		_ = s.login.http.Close() // closes idle connections alone
	}
	return s.http.Close()
}

// call makes one call.
func (s *session) call(ctx context.Context, r rest.Request) (rest.Answer, error) {
	if err := s.authorize(ctx, &r); err != nil {
		return rest.Answer{}, err
	}
	return s.http.Do(ctx, r)
}

// json is call for an answer in JSON.
func (s *session) json(ctx context.Context, r rest.Request, v any) error {
	if err := s.authorize(ctx, &r); err != nil {
		return err
	}
	_, err := s.http.JSON(ctx, r, v)
	return err
}

// authorize gives r a token where there is a login.
func (s *session) authorize(ctx context.Context, r *rest.Request) error {
	if s.login == nil {
		return nil
	}
	token, err := s.login.token(ctx)
	if err != nil {
		return err
	}
	s.words = cleaner(s.login.credentials, token)
	r.Header = http.Header{"Authorization": {"Bearer " + string(token.Reveal())}}
	return nil
}

// explain reads EJBCA's own error: {"error_code","error_message"}. Its code is
// the HTTP status; the words decide the class. That the body has both says that
// EJBCA itself speaks, not a proxy before it.
func (s *session) explain(e *provider.Error, status int, body []byte) {
	var fault struct {
		Code    int    `json:"error_code"`
		Message string `json:"error_message"`
	}
	if json.Unmarshal(body, &fault) != nil || fault.Code == 0 || fault.Message == "" {
		return
	}
	e.UpstreamCode = strconv.Itoa(fault.Code)
	said := s.words.Clean(fault.Message, maxWords)
	switch words := strings.ToLower(fault.Message); {
	case status == http.StatusUnauthorized || (status == http.StatusForbidden && isLogin(words)):
		e.Code, e.Retry = provider.CodeCredentialInvalid, ""
		e.Msg = "EJBCA does not accept the credentials: " + said
	case status == http.StatusForbidden:
		e.Retry = ""
		e.Msg = "EJBCA refuses the call; give the administrator's role the access rules of docs/providers/ejbca.md: " + said
	case strings.Contains(words, "unknown ca"), strings.Contains(words, "unknown certificate profile"), strings.Contains(words, "unknown end entity profile"):
		e.Code = provider.CodeProfileUnknown
		e.Msg = "EJBCA does not know a name in " + settingCAs + " or " + settingProfiles + ", or the role may not see it: " + said
	case status == http.StatusBadRequest && strings.Contains(words, "property, unrecognized"):
		e.Code = provider.CodeUnsupported
		e.Msg = "this EJBCA cannot search by the time of change; set " + settingFollow + " to " + followDates + ": " + said
	case status == http.StatusNotFound && strings.Contains(words, "could not find resource"):
		e.Code = provider.CodeUnsupported
		e.Msg = "this EJBCA does not serve the call; it is too old, or serviceUri is wrong: " + said
	case status < http.StatusInternalServerError:
		e.Code = provider.CodeUpstreamFault
		e.Msg = "EJBCA answers with a fault: " + said
	default:
		e.Msg += ": " + said
	}
}

// isLogin reports whether a 403 is about who calls, not about what is called:
// EJBCA has no 401.
func isLogin(words string) bool {
	for _, w := range []string{"authentication failed", "no client certificate", "not authenticated", "oauth bearer token", "expired"} {
		if strings.Contains(words, w) {
			return true
		}
	}
	return false
}
