package sectigo

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/provider"
	"cloudpki/internal/provider/rest"
)

// maxWords bounds what a CA's words may fill in a report.
const maxWords = 300

// A session makes one call at a time.
type session struct {
	http     *rest.Client
	account  string // for a person
	org      string // "" is all
	pageSize int
	now      func() time.Time
	words    provider.Cleaner // of what the CA says; knows the secrets

	issuers map[string]*issuerName // by sortedName; of certificates whose body is not given
	asked   bool                   // Authorities has told of issuers
}

// Probe lists one certificate.
func (s *session) Probe(ctx context.Context) (provider.Probe, error) {
	if _, _, err := s.list(ctx, url.Values{}, 0, 1); err != nil {
		return provider.Probe{}, err
	}
	return provider.Probe{Account: s.account}, nil
}

// Close closes idle connections.
func (s *session) Close() error { return s.http.Close() }

// fault is an error as the API tells it; its codes are negative.
type fault struct {
	Code        int    `json:"code"`
	Description string `json:"description"`
}

// isLogin reports whether a code is for a login, a password or a customer that is
// not right: unknown user, incorrect login credentials, customer not found.
func isLogin(code int) bool { return code == -16 || code == -970 || code == -410 }

// isDenial reports whether a code is for what the login may not do.
func isDenial(code int) bool { return code == -3 || code == -25 || code == -37 }

// explain reads the API's own error. That the body has a negative code says
// that Sectigo itself speaks, not a proxy before it.
func (s *session) explain(e *provider.Error, status int, body []byte) {
	var f fault
	if json.Unmarshal(body, &f) != nil || f.Code >= 0 {
		return
	}
	e.UpstreamCode = strconv.Itoa(f.Code)
	said, words := s.words.Clean(f.Description, maxWords), strings.ToLower(f.Description)
	switch {
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
		e.Msg += ": " + said
	case strings.Contains(words, "locked") || strings.Contains(words, "disabled") || strings.Contains(words, "suspended"):
		e.Code, e.Retry, e.Msg = provider.CodeAccountDisabled, "", "Sectigo has closed the account: "+said
	case status == http.StatusUnauthorized || isLogin(f.Code):
		e.Code, e.Retry, e.Msg = provider.CodeCredentialInvalid, "", "Sectigo does not accept the login; check adminUserName, adminPassword and "+settingCustomer+": "+said
	case status == http.StatusForbidden || isDenial(f.Code):
		e.Code, e.Retry, e.Msg = provider.CodePermission, "", "Sectigo refuses the call; give the login the permission to use the API, and enable the web API for the organization: "+said
	case strings.Contains(words, "organization") || strings.Contains(words, "orgid") || strings.Contains(words, "department"):
		e.Code, e.Msg = provider.CodeProfileUnknown, "Sectigo does not know the organization; correct "+settingOrg+": "+said
	default:
		e.Code, e.Msg = provider.CodeUpstreamFault, "Sectigo answers with a fault: "+said
	}
}

// An item is one certificate in the list.
type item struct {
	ID     int64  `json:"sslId"`
	Serial string `json:"serialNumber"`
}

// list returns size certificates from position on, and how many there are in
// all, -1 where the API does not tell.
func (s *session) list(ctx context.Context, q url.Values, position, size int) ([]item, int, error) {
	q.Set("size", strconv.Itoa(size))
	q.Set("position", strconv.Itoa(position))
	if s.org != "" {
		q.Set("orgId", s.org)
	}
	var items []item
	a, err := s.http.JSON(ctx, rest.Request{Path: "ssl/v1", Query: q}, &items)
	if err != nil {
		return nil, 0, err
	}
	if items == nil || len(items) > size {
		return nil, 0, &provider.Error{Code: provider.CodeProtocol, Msg: "Sectigo answers the list of certificates with null, or with more than was asked for"}
	}
	total, err := strconv.Atoi(a.Header.Get("X-Total-Count"))
	if err != nil || total < 0 {
		total = -1
	}
	return items, total, nil
}

// collect returns a certificate in a format of the API.
func (s *session) collect(ctx context.Context, id int64, format string) ([]byte, error) {
	a, err := s.http.Do(ctx, rest.Request{Path: "ssl/v1/collect/" + strconv.FormatInt(id, 10), Query: url.Values{"format": {format}}, Accept: "*/*"})
	return a.Body, err
}
