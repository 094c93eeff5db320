package graph

import (
	"context"
	"net/http"
)

// An ESTEndpoint is an estEndpoint as read over the network.
type ESTEndpoint struct {
	ETag         string   `json:"@odata.etag"`
	ID           string   `json:"id"` // label of its address: /.well-known/est/ID
	DisplayName  *string  `json:"displayName"`
	Subscription string   `json:"subscriptionId"`
	Profile      *string  `json:"profile"`
	Enabled      bool     `json:"enabled"`
	UserName     string   `json:"userName"`
	Patterns     []string `json:"subjectPatterns"`
	Reenrol      bool     `json:"allowReenrol"`
}

// CreateESTEndpoint makes an address at which devices enrol; body is marshalled
// as JSON, with the members of the documentation. A repetition makes another.
func (c *Client) CreateESTEndpoint(ctx context.Context, body any) (e ESTEndpoint, err error) {
	_, err = c.write(ctx, http.MethodPost, c.address(estEndpointSet), body, nil, &e)
	return e, err
}

// ESTEndpoint returns one endpoint.
func (c *Client) ESTEndpoint(ctx context.Context, id string) (e ESTEndpoint, err error) {
	_, err = c.do(ctx, call{method: http.MethodGet, url: c.address(estEndpointSet, id)}, &e)
	return e, err
}

// DeleteESTEndpoint removes an endpoint; etag as in UpdateSubscription.
func (c *Client) DeleteESTEndpoint(ctx context.Context, id, etag string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, url: c.address(estEndpointSet, id), header: matching(etag)}, nil)
	return err
}
