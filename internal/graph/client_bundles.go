package graph

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A TrustBundle is a named set of trusted roots, as the service shows it.
type TrustBundle struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"` // of its address
	DisplayName   *string    `json:"displayName"`
	Description   *string    `json:"description"`
	Subscriptions []string   `json:"subscriptionIds"` // empty for all of the tenant
	Intermediates bool       `json:"includeIntermediates"`
	Access        string     `json:"access"`  // "token" or "public"
	Version       int64      `json:"version"` // 0 for none yet
	Published     *time.Time `json:"publishedDateTime"`
	Roots         int        `json:"rootCount"`
	Expires       *time.Time `json:"expirationDateTime"` // the soonest end of its roots
	Hash          *string    `json:"contentHash"`
	Status        string     `json:"publishStatus"`
	Message       *string    `json:"publishMessage"`       // why it is not published as its subscriptions are
	Current       int64      `json:"currentFetcherCount"`  // of the fetchers that are known, who has that version
	Outdated      int64      `json:"outdatedFetcherCount"` // who has only older ones
	Created       time.Time  `json:"createdDateTime"`
	LastModified  time.Time  `json:"lastModifiedDateTime"`
}

// A TrustBundleVersion is what a bundle held from one change to the next.
type TrustBundleVersion struct {
	Version       int64      `json:"version"`
	Published     time.Time  `json:"publishedDateTime"`
	Expires       time.Time  `json:"expirationDateTime"`
	Hash          string     `json:"contentHash"`
	Roots         []string   `json:"thumbprints"` // SHA-256, lower-case hex
	Intermediates []string   `json:"intermediateThumbprints"`
	Fetches       int64      `json:"fetchCount"`
	LastFetched   *time.Time `json:"lastFetchedDateTime"` // nil for not yet
}

// A TrustBundleFetch is who fetched a version of a bundle in a format.
type TrustBundleFetch struct {
	Version     int64     `json:"version"`
	FetcherType string    `json:"fetcherType"` // "application", "user", "anonymous" or "others"
	FetcherID   string    `json:"fetcherId"`   // "" for others
	FetcherName *string   `json:"fetcherDisplayName"`
	Format      string    `json:"format"` // extension
	Count       int64     `json:"fetchCount"`
	First       time.Time `json:"firstFetchedDateTime"`
	Last        time.Time `json:"lastFetchedDateTime"`
	HasNewer    bool      `json:"hasNewerVersion"` // the fetcher has a newer version, too
}

// TrustBundles returns all trust bundles, as Subscriptions does.
func (c *Client) TrustBundles(ctx context.Context, o ListOptions) iter.Seq2[TrustBundle, error] {
	return list[TrustBundle](ctx, c, c.address(bundleSet), o)
}

// CreateTrustBundle makes a trust bundle; body as of CreateSubscription.
func (c *Client) CreateTrustBundle(ctx context.Context, body any) (b TrustBundle, err error) {
	_, err = c.write(ctx, http.MethodPost, c.address(bundleSet), body, replayHeader(), &b)
	return b, err
}

// UpdateTrustBundle merges body into a trust bundle; etag as of
// UpdateSubscription.
func (c *Client) UpdateTrustBundle(ctx context.Context, id, etag string, body any) (b TrustBundle, err error) {
	_, err = c.write(ctx, http.MethodPatch, c.address(bundleSet, id), body, matching(etag), &b)
	return b, err
}

// DeleteTrustBundle removes a trust bundle with its versions; etag as of
// UpdateSubscription.
func (c *Client) DeleteTrustBundle(ctx context.Context, id, etag string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, url: c.address(bundleSet, id), header: matching(etag)}, nil)
	return err
}

// Published returns the file that devices fetch: a version of the bundle with
// the name in a format, or for 0 the last one.
func (c *Client) Published(ctx context.Context, tenant, name string, version int64, format string) ([]byte, error) {
	at := c.Origin + "/trust/" + url.PathEscape(tenant) + "/" + url.PathEscape(name)
	if version > 0 {
		at += "/" + strconv.FormatInt(version, 10)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"."+url.PathEscape(format), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if err := c.sameOrigin(r.URL); err != nil {
		return nil, err
	}
	token, err := c.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("get token: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("User-Agent", "cloudpki")
	_, file, err := receive(c.HTTP, r)
	return file, err
}
