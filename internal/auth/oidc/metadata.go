package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"cloudpki/internal/auth"
)

const (
	fetchInterval = 10 * time.Second // least time between two fetches
	refreshAfter  = time.Hour
	staleAfter    = 24 * time.Hour // age at which what is known is trusted no longer
)

// metadata is what a provider says of itself, fetched when first needed and
// when it has grown old. While the provider cannot be reached, what is known
// serves on until it is too old.
type metadata struct {
	issuer, at string
	http       *http.Client
	timeout    time.Duration
	now        func() time.Time
	log        *slog.Logger

	turn      chan struct{} // holds one for who looks at what follows
	known     *auth.Metadata
	failure   error     // of the last fetch, nil for none
	fetched   time.Time // when known was confirmed
	attempted time.Time // when a fetch last began
}

func newMetadata(o Options) metadata {
	at := o.DiscoveryURL
	if at == "" {
		at = strings.TrimSuffix(o.Issuer, "/") + "/.well-known/openid-configuration"
	}
	return metadata{issuer: o.Issuer, at: at, http: o.HTTP, timeout: o.Timeout, now: o.Now, log: o.Log, turn: make(chan struct{}, 1)}
}

// get returns the metadata, or ErrUnavailable, or ctx's error.
func (m *metadata) get(ctx context.Context) (auth.Metadata, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return auth.Metadata{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	now := m.now()
	if now.Sub(m.fetched) >= refreshAfter && now.Sub(m.attempted) >= fetchInterval {
		m.attempted = now
		m.fetch(ctx, now)
	}
	if m.known == nil || now.Sub(m.fetched) >= staleAfter {
		return auth.Metadata{}, fmt.Errorf("%w: %w", ErrUnavailable, m.failure)
	}
	return *m.known, nil
}

// fetch asks the provider. It goes on when who asked has gone: others wait for
// the answer.
func (m *metadata) fetch(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.timeout)
	defer cancel()
	found, err := auth.Discover(ctx, m.http, m.issuer, m.at)
	if err == nil {
		err = m.check(found)
	}
	m.failure = err
	if err != nil {
		m.log.LogAttrs(ctx, slog.LevelWarn, "cannot use the discovery document of an OpenID provider",
			slog.String("issuer", m.issuer), slog.Any("error", err))
		return
	}
	m.known, m.fetched = &found, now
}

// check holds the addresses in the document against where it came from.
func (m *metadata) check(found auth.Metadata) error {
	var faults []error
	for name, address := range map[string]string{
		"authorization_endpoint": found.AuthorizeURL, "token_endpoint": found.TokenURL, "end_session_endpoint": found.LogoutURL,
	} {
		if address == "" && name == "end_session_endpoint" {
			continue
		}
		if err := auth.CheckEndpoint(m.at, address); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(faults...)
}
