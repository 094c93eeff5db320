package provider

import (
	"context"
	"net"
	"net/netip"
)

// Dialer returns a dialer that connects to public addresses and those in allow,
// and refuses all others after the name was resolved and before the first
// packet. It is for calls to other places than a CA.
func Dialer(allow []netip.Prefix) *net.Dialer {
	return &net.Dialer{Timeout: connectTimeout, ControlContext: egress(allow)}
}

// Classify turns the error of a call to host into an *Error. Its Code may be
// told to whoever asked for the call; its text speaks of a CA.
func Classify(ctx context.Context, host string, err error) *Error { return classify(ctx, host, err) }
