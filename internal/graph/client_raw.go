package graph

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
)

// Object returns what segments below /beta/deviceManagement lead to, as the
// service sent it, with the members named in fields, or the customary ones
// where there are none.
func (c *Client) Object(ctx context.Context, fields []string, segments ...string) (object json.RawMessage, err error) {
	at := c.address(segments...)
	if len(fields) > 0 {
		at += "?" + ListOptions{Select: fields}.encode()
	}
	_, err = c.do(ctx, call{method: http.MethodGet, url: at}, &object)
	return object, err
}

// Objects returns the objects of a set as the service sent them, page by page,
// as Subscriptions does.
func (c *Client) Objects(ctx context.Context, o ListOptions, segments ...string) iter.Seq2[json.RawMessage, error] {
	return list[json.RawMessage](ctx, c, c.address(segments...), o)
}
