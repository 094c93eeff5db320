package graph

import (
	"context"
	"encoding/json"
	"net/http"
)

// TestConnection tests a subscription step by step, as body would change it; an
// empty id tests body itself. The answer is as it came, a ConnectionTest.
func (c *Client) TestConnection(ctx context.Context, id string, body any) (test json.RawMessage, err error) {
	at := c.address(subscriptionSet, "testConnection")
	if id != "" {
		at = c.address(subscriptionSet, id, "testConnection")
	}
	_, err = c.write(ctx, http.MethodPost, at, body, nil, &test)
	return test, err
}

// StageCredentials puts credentials beside the current ones of a subscription
// and tests them, as TestConnection does.
func (c *Client) StageCredentials(ctx context.Context, id string, credentials any) (test json.RawMessage, err error) {
	_, err = c.write(ctx, http.MethodPost, c.address(subscriptionSet, id, "stageCredentials"), map[string]any{"credentials": credentials}, nil, &test)
	return test, err
}

// PromoteCredentials makes the staged credentials the current ones; force takes
// also those that the CA has not accepted.
func (c *Client) PromoteCredentials(ctx context.Context, id string, force bool) error {
	_, err := c.write(ctx, http.MethodPost, c.address(subscriptionSet, id, "promoteCredentials"), map[string]any{"force": force}, nil, nil)
	return err
}

// RollbackCredentials makes the previous credentials the current ones again.
func (c *Client) RollbackCredentials(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodPost, url: c.address(subscriptionSet, id, "rollbackCredentials")}, nil)
	return err
}
