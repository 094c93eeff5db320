package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/google/uuid"

	"cloudpki/internal/pki"
)

// How many receivers are asked at once: each may take all of its time.
const (
	mostHandshakes          = 32
	mostHandshakesPerTenant = 4
)

// A Handshake asks receivers for their consent, so that nobody can have
// notifications sent to who does not want them. It is safe for concurrent use.
type Handshake struct {
	sender *Sender

	mu    sync.Mutex
	total int
	under map[pki.TenantID]int
}

// NewHandshake returns a Handshake over sender.
func NewHandshake(sender *Sender) *Handshake {
	return &Handshake{sender: sender, under: make(map[pki.TenantID]int)}
}

// Validate sends address a token, which must come back as plain text within ten
// seconds. Its error is a *pki.Error with CodeValidation in the words of
// Microsoft Graph, CodeUnavailable where too many are asked at once, or that of
// ctx.
func (h *Handshake) Validate(ctx context.Context, t pki.TenantID, address string) error {
	if !h.enter(t) {
		return &pki.Error{Code: pki.CodeUnavailable, Msg: "Too many subscriptions are being validated at the same time. Try again."}
	}
	defer h.leave(t)
	token := "Validation: Testing client application reachability for subscription Request-Id: " + uuid.NewString()
	to, err := withToken(address, token)
	if err != nil {
		return refused("notificationUrl is not a valid address.", err)
	}
	header := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	err = h.sender.post(ctx, to, header, "", func(resp *http.Response) error { return agreed(resp, token) })
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if f, ok := errors.AsType[*failure](err); ok {
		if f.text == timedOut {
			return &pki.Error{Code: pki.CodeValidation, Msg: "Subscription validation request timed out.", Err: err}
		}
		return refused("Notification endpoint must respond with 200 OK to validation request: "+f.text+".", err)
	}
	return err
}

// withToken adds the token to whatever query the address has.
func withToken(address, token string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	// A blank as %20: not every receiver takes + for one.
	parameter := "validationToken=" + strings.ReplaceAll(url.QueryEscape(token), "+", "%20")
	if u.RawQuery != "" {
		parameter = u.RawQuery + "&" + parameter
	}
	u.RawQuery = parameter
	return u.String(), nil
}

// agreed checks a receiver's answer.
func agreed(resp *http.Response, token string) error {
	if resp.StatusCode != http.StatusOK {
		status := strings.ReplaceAll(http.StatusText(resp.StatusCode), " ", "")
		if status == "" {
			status = fmt.Sprint(resp.StatusCode)
		}
		return refused("HTTP status code is '"+status+"'. Notification endpoint must respond with 200 OK to validation request.", nil)
	}
	if media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || media != "text/plain" {
		return refused("Notification endpoint must respond with content type text/plain.", err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(len(token))+1))
	if err != nil {
		return classified(resp.Request.Context(), resp.Request.URL.Hostname(), err)
	}
	if string(body) != token {
		return refused("Response must exactly match validationToken query parameter.", nil)
	}
	return nil
}

func refused(why string, cause error) *pki.Error {
	return &pki.Error{Code: pki.CodeValidation, Msg: "Subscription validation request failed. " + why, Err: cause}
}

func (h *Handshake) enter(t pki.TenantID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.total >= mostHandshakes || h.under[t] >= mostHandshakesPerTenant {
		return false
	}
	h.total++
	h.under[t]++
	return true
}

func (h *Handshake) leave(t pki.TenantID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.total--
	if h.under[t]--; h.under[t] == 0 {
		delete(h.under, t)
	}
}
