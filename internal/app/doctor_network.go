package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"cloudpki/internal/config"
	"cloudpki/internal/provider"
	"cloudpki/internal/store"
)

// maxDiscovery bounds a discovery document, in bytes.
const maxDiscovery = 512 << 10

// issuer judges an outside issuer by its discovery document (OpenID Connect
// Discovery 1.0, 4), or by its keys where their address is set.
func (d *doctor) issuer(ctx context.Context, check string, of config.TrustedIssuer) Finding {
	const action = "tokens of this issuer are refused until its keys can be read; correct auth.issuers, or the way to it"
	at := of.JWKSURI
	if at == "" {
		at = strings.TrimSuffix(of.Issuer, "/") + "/.well-known/openid-configuration"
	}
	var said struct {
		Issuer string            `json:"issuer"`
		Keys   string            `json:"jwks_uri"`
		Set    []json.RawMessage `json:"keys"`
	}
	if err := d.fetch(ctx, at, &said); err != nil {
		return found(check, Failed, action, "%v", err)
	}
	switch {
	case of.JWKSURI != "" && len(said.Set) == 0:
		return found(check, Failed, action, "%s holds no keys", at)
	case of.JWKSURI != "":
		return found(check, Healthy, "", "publishes %d keys", len(said.Set))
	case said.Issuer != of.Issuer:
		return found(check, Failed, "set issuer to what the document says, if that is the one you trust", "the discovery document is about %q", provider.Clean(said.Issuer, 200))
	case said.Keys == "":
		return found(check, Failed, action, "the discovery document names no keys")
	}
	return found(check, Healthy, "", "publishes its discovery document")
}

// fetch reads a JSON document, and the clock of who has sent it.
func (d *doctor) fetch(ctx context.Context, at string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "cloudpki")
	begun := d.now()
	resp, err := d.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d.compareClock(r.URL.Host, resp.Header.Get("Date"), begun)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", at, provider.Clean(resp.Status, 100))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDiscovery+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", at, err)
	}
	if len(body) > maxDiscovery {
		return fmt.Errorf("%s answers with more than %d bytes", at, maxDiscovery)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s is not the JSON that it should be: %w", at, err)
	}
	return nil
}

// authority judges the way to the server of a CA: its name, a connection, a TLS
// handshake. Nothing else is sent.
func (d *doctor) authority(ctx context.Context, check string, e store.Endpoint) Finding {
	look, err := d.transport.Examine("https://"+e.Host, provider.ClientOptions{ServerCAs: e.ServerCAs})
	if err != nil {
		return unreachable(check, err)
	}
	defer look.Close()
	if _, err := look.Resolve(ctx); err != nil {
		return unreachable(check, err)
	}
	if _, err := look.Dial(ctx); err != nil {
		return unreachable(check, err)
	}
	h, err := look.Handshake(ctx)
	switch {
	case err == nil:
	case h.Trusted: // it asked for a client certificate, and none is shown here
	case h.Certificate != nil && e.ServerCAs == nil:
		return found(check, Warned, "cloudpki subscription test ID tells whether the subscription trusts it by its settings; else set serverCertificateAuthorities", "reached; its certificate is not of a CA that this system trusts")
	default:
		return unreachable(check, err)
	}
	if c := h.Certificate; c != nil && d.now().Add(expirySoon).After(c.NotAfter) {
		return found(check, Warned, "tell its operator", "reached; its certificate ends %s", c.NotAfter.UTC().Format(time.DateOnly))
	}
	return found(check, Healthy, "", "reached by TLS; no credentials were sent")
}

// unreachable tells why syncs cannot reach a CA, with the code that they would
// end with.
func unreachable(check string, err error) Finding {
	var fault *provider.Error
	if !errors.As(err, &fault) {
		return found(check, Failed, "", "%v", err)
	}
	return found(check, Failed, "docs/errors/"+string(fault.Code)+".md tells what the code means and who must act", "%s: %s", fault.Code, fault.Msg)
}

// A skew is how far a clock is ahead of ours.
type skew struct {
	host string
	by   time.Duration
}

// compareClock notes how far the clock of a server is from ours. The time of
// the answer's way is not held against it.
func (d *doctor) compareClock(host, date string, begun time.Time) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return
	}
	by, now := time.Duration(0), d.now()
	switch {
	case theirs.Before(begun.Add(-time.Second)):
		by = theirs.Sub(begun)
	case theirs.After(now):
		by = theirs.Sub(now)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.skews = append(d.skews, skew{host, by})
}

// clock judges our clock by those of the issuers: the one that is nearest, for
// theirs may be wrong as well.
func (d *doctor) clock() Finding {
	const check = "clock"
	if len(d.skews) == 0 {
		return found(check, Skipped, "compare it with a time server: tokens and certificates are judged by it", "no outside issuer has told its time")
	}
	nearest := d.skews[0]
	for _, s := range d.skews {
		if s.by.Abs() < nearest.by.Abs() {
			nearest = s
		}
	}
	if nearest.by.Abs() > skewWarned {
		word := "behind"
		if nearest.by < 0 {
			word = "ahead of"
		}
		return found(check, Warned, "set it, and let a time service keep it: tokens are refused beyond 60 s", "%v %s that of %s", nearest.by.Abs().Round(time.Second), word, nearest.host)
	}
	return found(check, Healthy, "", "agrees with that of %s", nearest.host)
}
