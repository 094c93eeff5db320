package issuer

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// maxEchoed bounds, in bytes, what an error repeats of a request.
const maxEchoed = 128

// A refusal is an answer other than the one asked for: the error of RFC 6749
// section 5.2 with Entra ID's number and text. Microsoft's libraries show and
// branch on the number.
type refusal struct {
	status     int
	code       string // error
	number     int    // NNN of AADSTSNNN
	text       string
	retryAfter int // seconds; 0 for none
}

func (e *refusal) Error() string { return fmt.Sprintf("AADSTS%d: %s", e.number, e.text) }

// explanations is where Microsoft explains its numbers, which are ours.
const explanations = "https://login.microsoftonline.com/error?code="

func errMissing(parameter string) error {
	return &refusal{http.StatusBadRequest, "invalid_request", 900144, fmt.Sprintf("The request body must contain the following parameter: '%s'.", parameter), 0}
}

func errRequest(text string) error {
	return &refusal{http.StatusBadRequest, "invalid_request", 90100, text, 0}
}

func errTooLarge() error {
	return &refusal{http.StatusRequestEntityTooLarge, "invalid_request", 90100, fmt.Sprintf("The request body is longer than %d bytes.", maxForm), 0}
}

func errMethod(method string) error {
	return &refusal{http.StatusMethodNotAllowed, "invalid_request", 900561, fmt.Sprintf("The endpoint does not accept %s requests.", echo(method)), 0}
}

func errUnknownTenant(name string) error {
	return &refusal{http.StatusBadRequest, "invalid_tenant", 90002, fmt.Sprintf("Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct service.", echo(name)), 0}
}

func errUnknownClient(id, tenant string) error {
	return &refusal{http.StatusBadRequest, "unauthorized_client", 700016, fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'. You may have sent your authentication request to the wrong tenant.", echo(id), tenant), 0}
}

func errGrant(grant string) error {
	return &refusal{http.StatusBadRequest, "unsupported_grant_type", 70003, fmt.Sprintf("The app requested an unsupported grant type '%s'.", echo(grant)), 0}
}

func errNoCredential() error {
	return &refusal{http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.", 0}
}

func errSecret(id string) error {
	return &refusal{http.StatusUnauthorized, "invalid_client", 7000215, fmt.Sprintf("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not its hash, for a secret added to app '%s'.", id), 0}
}

func errAssertion(reason string) error {
	return &refusal{http.StatusUnauthorized, "invalid_client", 700027, fmt.Sprintf("The client assertion failed validation. [Reason - %s]", reason), 0}
}

func errAssertionClient() error {
	return &refusal{http.StatusUnauthorized, "invalid_client", 700021, "Client assertion application identifier doesn't match 'client_id' parameter.", 0}
}

func errAssertionAudience() error {
	return &refusal{http.StatusUnauthorized, "invalid_client", 700023, "Client assertion audience claim does not match the token endpoint.", 0}
}

func errAssertionTime(reason string) error {
	return &refusal{http.StatusUnauthorized, "invalid_client", 700024, "Client assertion is not within its valid time range. " + reason, 0}
}

func errScope(scope string) error {
	return &refusal{http.StatusBadRequest, "invalid_scope", 1002012, fmt.Sprintf("The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", echo(scope)), 0}
}

func errResource(resource, tenant string) error {
	return &refusal{http.StatusBadRequest, "invalid_resource", 500011, fmt.Sprintf("The resource principal named %s was not found in the tenant named %s. Ask for this service's address, or add the resource to the accepted audiences.", echo(resource), tenant), 0}
}

func errTooMany(retryAfter int) error {
	return &refusal{http.StatusTooManyRequests, "temporarily_unavailable", 50196, "The server terminated an operation because it encountered a client request loop.", retryAfter}
}

func errInternal() *refusal {
	return &refusal{http.StatusInternalServerError, "server_error", 90033, "A transient error has occurred. Please try again.", 0}
}

// writeError answers with err, or with AADSTS90033 and a line in the log if it
// is not one for clients to see.
func (i *Issuer) writeError(w http.ResponseWriter, r *http.Request, err error) {
	trace, correlation := uuid.NewString(), correlationID(r)
	refused := i.logRefusal(r, err, trace, correlation)

	now := i.now().UTC()
	stamp := now.Format("2006-01-02 15:04:05Z")
	body, err := json.Marshal(struct {
		Error         string `json:"error"`
		Description   string `json:"error_description"`
		Codes         []int  `json:"error_codes"`
		Timestamp     string `json:"timestamp"`
		TraceID       string `json:"trace_id"`
		CorrelationID string `json:"correlation_id"`
		URI           string `json:"error_uri"`
	}{
		Error:         refused.code,
		Description:   fmt.Sprintf("%s Trace ID: %s Correlation ID: %s Timestamp: %s", refused, trace, correlation, stamp),
		Codes:         []int{refused.number},
		Timestamp:     stamp,
		TraceID:       trace,
		CorrelationID: correlation,
		URI:           explanations + strconv.Itoa(refused.number),
	})
	if err != nil {
		body = []byte(`{"error":"server_error"}`) // strings and numbers always marshal
	}
	h := w.Header()
	if refused.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(refused.retryAfter))
	}
	if _, _, basic := r.BasicAuth(); basic && refused.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="`+i.origin+`"`) // RFC 6749 section 5.2
	}
	noStore(h)
	h.Set("x-ms-request-id", trace)
	w.WriteHeader(refused.status)
	_, _ = w.Write(body) // the client has gone: nobody is left to tell
}

// showError answers with err as a page.
func (i *Issuer) showError(w http.ResponseWriter, r *http.Request, err error) {
	trace := uuid.NewString()
	refused := i.logRefusal(r, err, trace, correlationID(r))
	message := fmt.Sprintf("%s Trace ID: %s Timestamp: %s", refused, trace, i.now().UTC().Format("2006-01-02 15:04:05Z"))
	if refused.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(refused.retryAfter))
	}
	w.Header().Set("x-ms-request-id", trace)
	if err := i.pages.show(w, page{Kind: pageMessage, Title: "This did not work", Message: message, status: refused.status}); err != nil {
		i.log.LogAttrs(r.Context(), slog.LevelError, "cannot show an error", slog.Any("error", err))
	}
}

// level is how loud the log tells of the refusal: a device that asks every few
// seconds whether its user has answered is no event.
func (e *refusal) level() slog.Level {
	if e.code == codePending || e.code == codeSlowDown {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// logRefusal returns the refusal that err is, AADSTS90033 if it is none, and
// leaves a line in the log.
func (i *Issuer) logRefusal(r *http.Request, err error, trace, correlation string) *refusal {
	refused := errInternal()
	level := slog.LevelError
	switch {
	case errors.As(err, &refused):
		level = refused.level()
	case r.Context().Err() != nil:
		level = slog.LevelDebug // whoever has gone cannot be answered
	}
	i.log.LogAttrs(r.Context(), level, "token issuer refuses a request",
		slog.Int("aadsts", refused.number), slog.Any("error", logged(err, refused)),
		slog.String("trace_id", trace), slog.String("correlation_id", correlation))
	return refused
}

// logged returns what the log says of an error: a refusal without what it
// repeats of the request, which may be a secret in the wrong field.
func logged(err error, refused *refusal) any {
	if errors.Is(err, refused) {
		return refused.code
	}
	return err
}

// correlationID returns the id that the client gave its request, or a new one.
func correlationID(r *http.Request) string {
	for _, given := range []string{r.Header.Get("client-request-id"), r.URL.Query().Get("client-request-id")} {
		if id, err := uuid.Parse(given); err == nil {
			return id.String()
		}
	}
	return uuid.NewString()
}

// noStore marks an answer as JSON that is for this client alone (RFC 6749
// section 5.1).
func noStore(h http.Header) {
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
}

// echo makes a value out of a request fit to be repeated.
func echo(s string) string {
	if len(s) > maxEchoed {
		s = s[:maxEchoed] + "..."
	}
	return strings.Map(func(r rune) rune {
		if notPrintable(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }
