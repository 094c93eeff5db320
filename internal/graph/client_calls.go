package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ListOptions are the query options of a list. Zero values are not sent.
type ListOptions struct {
	Filter  string // "syncStatus eq 'failed'"
	OrderBy string // "displayName desc"
	Search  string
	Select  []string
	Top     int // page size
}

// CreateSubscription creates a subscription; body is marshalled as JSON, with
// the members of the documentation (a map, a struct or a json.RawMessage).
// With an empty id the service makes one.
func (c *Client) CreateSubscription(ctx context.Context, id string, body any) (s Subscription, err error) {
	at := c.address(subscriptionSet)
	if id != "" {
		at = c.address(subscriptionSet, id)
	}
	header, err := c.write(ctx, http.MethodPost, at, body, replayHeader(), &s)
	s.ETag = header.Get("ETag")
	return s, err
}

// Subscription returns one subscription, with the members named in fields, or
// the customary ones where there are none.
func (c *Client) Subscription(ctx context.Context, id string, fields ...string) (s Subscription, err error) {
	at := c.address(subscriptionSet, id)
	if len(fields) > 0 {
		at += "?" + ListOptions{Select: fields}.encode()
	}
	_, err = c.do(ctx, call{method: http.MethodGet, url: at}, &s)
	return s, err
}

// Subscriptions returns all subscriptions, page by page. After an error the
// iteration ends.
func (c *Client) Subscriptions(ctx context.Context, o ListOptions) iter.Seq2[Subscription, error] {
	return list[Subscription](ctx, c, c.address(subscriptionSet), o)
}

// UpdateSubscription merges body into a subscription. With an etag that is not
// empty, a change by another admin in between is a ResponseError with status 412.
func (c *Client) UpdateSubscription(ctx context.Context, id, etag string, body any) (s Subscription, err error) {
	_, err = c.write(ctx, http.MethodPatch, c.address(subscriptionSet, id), body, matching(etag), &s)
	return s, err
}

// DeleteSubscription removes a subscription with its secrets; etag as in
// UpdateSubscription.
func (c *Client) DeleteSubscription(ctx context.Context, id, etag string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, url: c.address(subscriptionSet, id), header: matching(etag)}, nil)
	return err
}

// Sync asks for a sync now and returns the id of the run that will tell its
// outcome.
func (c *Client) Sync(ctx context.Context, id string) (run string, err error) {
	return c.startRun(ctx, id, "sync")
}

// PreviewSync asks for a dry run and returns the id of the run that tells what a
// sync would do.
func (c *Client) PreviewSync(ctx context.Context, id string) (run string, err error) {
	return c.startRun(ctx, id, "previewSync")
}

func (c *Client) startRun(ctx context.Context, id, action string) (run string, err error) {
	header, err := c.do(ctx, call{method: http.MethodPost, url: c.address(subscriptionSet, id, action)}, nil)
	if err != nil {
		return "", err
	}
	location := header.Get("Location")
	return location[strings.LastIndexByte(location, '/')+1:], nil
}

// CancelSync ends the queued sync of a subscription and asks the running one to
// stop. It returns the id of the run that is still to end, "" where none is.
func (c *Client) CancelSync(ctx context.Context, id string) (run string, err error) {
	header, err := c.do(ctx, call{method: http.MethodPost, url: c.address(subscriptionSet, id, "cancelSync")}, nil)
	if err != nil {
		return "", err
	}
	location := header.Get("Location")
	return location[strings.LastIndexByte(location, '/')+1:], nil
}

// ApproveTrustChange puts a quarantined root in force; thumbprint is its SHA-256
// in hex and may be "" where only one is quarantined.
func (c *Client) ApproveTrustChange(ctx context.Context, id, thumbprint, comment string) (Subscription, error) {
	return c.decideTrust(ctx, id, "approveTrustChange", thumbprint, comment)
}

// RejectTrustChange rejects a quarantined root, or removes a retiring one;
// arguments as of ApproveTrustChange.
func (c *Client) RejectTrustChange(ctx context.Context, id, thumbprint, comment string) (Subscription, error) {
	return c.decideTrust(ctx, id, "rejectTrustChange", thumbprint, comment)
}

func (c *Client) decideTrust(ctx context.Context, id, action, thumbprint, comment string) (s Subscription, err error) {
	body := map[string]string{}
	for name, value := range map[string]string{"thumbprint": thumbprint, "comment": comment} {
		if value != "" {
			body[name] = value
		}
	}
	_, err = c.write(ctx, http.MethodPost, c.address(subscriptionSet, id, action), body, nil, &s)
	return s, err
}

// CompleteMigration ends the move of a subscription to another provider.
func (c *Client) CompleteMigration(ctx context.Context, id string) (s Subscription, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, url: c.address(subscriptionSet, id, "completeMigration")}, &s)
	return s, err
}

// Run returns one run of a subscription.
func (c *Client) Run(ctx context.Context, id, run string) (r Run, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, url: c.address(subscriptionSet, id, "syncRuns", run)}, &r)
	return r, err
}

// Runs returns the runs of a subscription, as Subscriptions does.
func (c *Client) Runs(ctx context.Context, id string, o ListOptions) iter.Seq2[Run, error] {
	return list[Run](ctx, c, c.address(subscriptionSet, id, "syncRuns"), o)
}

// Certificate returns one certificate of the inventory, with its DER.
func (c *Client) Certificate(ctx context.Context, id, certificate string) (x Certificate, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, url: c.address(subscriptionSet, id, "certificates", certificate)}, &x)
	return x, err
}

// Certificates returns the inventory of a subscription, as Subscriptions does.
func (c *Client) Certificates(ctx context.Context, id string, o ListOptions) iter.Seq2[Certificate, error] {
	return list[Certificate](ctx, c, c.address(subscriptionSet, id, "certificates"), o)
}

// Authorities returns the CA certificates seen at a subscription's CA, as
// Subscriptions does.
func (c *Client) Authorities(ctx context.Context, id string, o ListOptions) iter.Seq2[Authority, error] {
	return list[Authority](ctx, c, c.address(subscriptionSet, id, "certificateAuthorities"), o)
}

// write sends body as JSON.
func (c *Client) write(ctx context.Context, method, at string, body any, header http.Header, out any) (http.Header, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("marshal body: %w", err)
	}
	return c.do(ctx, call{method: method, url: at, body: raw, header: header}, out)
}

func matching(etag string) http.Header {
	if etag == "" {
		return nil
	}
	return http.Header{"If-Match": {etag}}
}

// list follows the pages of a set.
func list[T any](ctx context.Context, c *Client, at string, o ListOptions) iter.Seq2[T, error] {
	if options := o.encode(); options != "" {
		at += "?" + options
	}
	return func(yield func(T, error) bool) {
		for next := at; next != ""; {
			var page struct {
				Value []T    `json:"value"`
				Next  string `json:"@odata.nextLink"`
			}
			if _, err := c.do(ctx, call{method: http.MethodGet, url: next}, &page); err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Value {
				if !yield(item, nil) {
					return
				}
			}
			next = page.Next
		}
	}
}

func (o ListOptions) encode() string {
	v := url.Values{}
	for name, value := range map[string]string{
		"$filter": o.Filter, "$orderby": o.OrderBy, "$search": o.Search, "$select": strings.Join(o.Select, ","),
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if o.Top > 0 {
		v.Set("$top", strconv.Itoa(o.Top))
	}
	return v.Encode()
}
