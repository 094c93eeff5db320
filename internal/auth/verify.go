package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	maxTokenBytes = 8 << 10

	// MaxSkew is how far the clocks of issuer and service may differ.
	MaxSkew = 60 * time.Second

	defaultCacheSize = 8192
)

// Options configure a Verifier.
type Options struct {
	Issuers   []Issuer // at least one
	Fetch     Fetch    // how remote keys are had
	CacheSize int      // verified tokens to remember, 0 for 8192
	Now       func() time.Time
	Log       *slog.Logger
}

// A Verifier turns bearer tokens of its issuers into Principals. It is safe
// for concurrent use.
type Verifier struct {
	issuers []*trusted
	cache   *verified
	now     func() time.Time

	stop context.CancelFunc
	done sync.WaitGroup
}

// NewVerifier returns a Verifier. Keys are fetched when first needed, so that
// an issuer that is down does not keep the service from starting. ctx ends the
// fetches; Close ends and awaits them.
func NewVerifier(ctx context.Context, opts Options) (*Verifier, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	size := opts.CacheSize
	if size == 0 {
		size = defaultCacheSize
	}
	life, stop := context.WithCancel(ctx)
	v := &Verifier{cache: newVerified((size + 1) / 2), now: opts.Now, stop: stop}
	fetch := opts.Fetch.withDefaults(opts.Now, opts.Log)
	for _, i := range opts.Issuers {
		t := &trusted{Issuer: i, keys: i.Keys}
		if t.keys == nil {
			t.keys = &remoteKeys{
				Fetch: fetch, name: i.Name, issuer: i.URL, discovery: i.discovery(), keysURL: i.KeysURL,
				life: life, done: &v.done,
			}
		}
		v.issuers = append(v.issuers, t)
	}
	return v, nil
}

// check returns all that is wrong with the options.
func (o Options) check() error {
	var faults []error
	if o.Now == nil || o.Log == nil {
		faults = append(faults, errors.New("Now and Log must be set"))
	}
	if len(o.Issuers) == 0 {
		faults = append(faults, errors.New("no issuer: nobody could call"))
	}
	seen := make(map[string]bool, len(o.Issuers))
	for _, i := range o.Issuers {
		if err := i.check(); err != nil {
			faults = append(faults, fmt.Errorf("issuer %q: %w", i.Name, err))
		}
		if seen[i.URL] {
			faults = append(faults, fmt.Errorf("issuer %q: URL is also that of another issuer", i.Name))
		}
		seen[i.URL] = true
	}
	if len(faults) > 0 {
		return fmt.Errorf("configure token issuers: %w", errors.Join(faults...))
	}
	return nil
}

// Close ends running fetches and waits for them. It returns nil. Call it when
// the last Verify has returned.
func (v *Verifier) Close() error {
	v.stop()
	v.done.Wait()
	return nil
}

// Verify returns whom the token, without the word Bearer, speaks for. Errors
// are *Error: CodeMissingToken, CodeInvalidToken, or CodeUnavailable where the
// issuer's keys cannot be had; or ctx's.
//
// It checks signature, iss, aud, lifetime with 60 s of skew, tenant, and that
// the token is an access token. Whether its scopes suffice is
// Principal.Allows' matter.
func (v *Verifier) Verify(ctx context.Context, bearer string) (Principal, error) {
	if bearer == "" {
		return Principal{}, &Error{Code: CodeMissingToken, Msg: msgEmpty}
	}
	if len(bearer) > maxTokenBytes {
		return Principal{}, &Error{Code: CodeInvalidToken, Msg: msgMalformed}
	}
	sum := digest(sha256.Sum256([]byte(bearer)))
	now := v.now()
	if p, ok := v.cache.get(sum, now); ok {
		return p, nil
	}
	e, err := v.verify(ctx, bearer, now)
	if err != nil {
		return Principal{}, err
	}
	v.cache.put(sum, e)
	return e.principal, nil
}

func (v *Verifier) verify(ctx context.Context, bearer string, now time.Time) (entry, error) {
	j, err := ParseJWS(bearer, maxTokenBytes)
	if err != nil {
		return entry{}, &Error{Code: CodeInvalidToken, Msg: msgMalformed, Err: err}
	}
	if err := checkHeader(j.Header); err != nil {
		return entry{}, err
	}
	var c claims
	if err := j.Claims(&c); err != nil {
		return entry{}, &Error{Code: CodeInvalidToken, Msg: msgMalformed, Err: err}
	}
	issuer := v.issuerOf(c.Issuer)
	if issuer == nil {
		return entry{}, refuse("Invalid issuer.", nil)
	}
	version := issuer.keys.Version() // before the key is looked up, so that a change in between is noticed
	if err := checkSignature(ctx, issuer.keys, j); err != nil {
		return entry{}, err
	}
	if err := c.checkLifetime(now); err != nil {
		return entry{}, err
	}
	tenant, err := issuer.vouchesFor(j, &c)
	if err != nil {
		return entry{}, err
	}
	if issuer.PermissionClaim != "" {
		if c.permissions, err = issuer.permissions(j); err != nil {
			return entry{}, err
		}
	}
	if err := c.checkKind(); err != nil {
		return entry{}, err
	}
	p, err := c.principal(tenant, issuer.Name)
	if err != nil {
		return entry{}, err
	}
	expires, _ := c.Expires.Time() // checkLifetime has seen it
	return entry{principal: p, issuer: issuer, version: version, expires: expires}, nil
}

// checkHeader refuses headers that no honest access token has. A key that
// travels with the token, or an address of one, is never looked at; refusing
// it makes the attempt visible.
func checkHeader(h JWSHeader) error {
	switch strings.ToLower(h.Type) {
	case "", "jwt", "at+jwt", "application/at+jwt": // RFC 9068 section 4
	default:
		return refuse("The token's typ is not that of an access token.", nil)
	}
	switch {
	case !pinned(h.Algorithm):
		return refuse("The signature algorithm is not accepted.", nil)
	case h.JWK != nil || h.JWKSetURL != nil || h.X5URL != nil || h.X5Chain != nil:
		return refuse("The token brings its own key.", nil)
	case h.KeyID == "":
		return refuse("The token names no signing key.", nil)
	}
	return nil
}

// pinned reports whether tokens may be signed with the algorithm. JWS.Verify
// holds it against the key as well.
func pinned(algorithm string) bool {
	switch algorithm {
	case "RS256", "RS384", "RS512", "PS256", "ES256", "ES384":
		return true
	}
	return false
}

// issuerOf returns whose keys to try, or nil. An issuer that is listed by its
// exact address goes before one whose template fits too.
func (v *Verifier) issuerOf(iss string) *trusted {
	for _, i := range v.issuers {
		if iss == i.URL && !i.template() {
			return i
		}
	}
	for _, i := range v.issuers {
		if i.Issues(iss) {
			return i
		}
	}
	return nil
}

func checkSignature(ctx context.Context, keys Keys, j JWS) error {
	key, err := keys.Key(ctx, j.Header.KeyID)
	switch {
	case errors.Is(err, ErrUnknownKey):
		return refuse("The signing key is not one of the issuer's.", err)
	case errors.Is(err, ErrNoKeys):
		return &Error{Code: CodeUnavailable, Msg: msgUnavailable, Err: err}
	case err != nil:
		return fmt.Errorf("find signing key: %w", err)
	}
	if key.Algorithm != "" && key.Algorithm != j.Header.Algorithm {
		return refuse("The signing key is not for the token's algorithm.", nil)
	}
	if err := j.Verify(key.Public); err != nil {
		return refuse("Invalid signature.", err)
	}
	return nil
}
