package pki

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"time"
)

// ReplayWindow is how long a create is remembered for its repetition.
const ReplayWindow = 24 * time.Hour

// A ReplayKey names a create, so that its repetition creates nothing twice.
type ReplayKey struct {
	Client string // who sent it
	Key    string // Idempotency-Key or client-request-id
	Body   []byte // the request as sent; only its MAC is kept
}

// replays find out whether a create is a repetition.
type replays struct {
	receipt func(ctx context.Context, t TenantID, client, key string) (Receipt, error) // that of a store
	macKey  []byte
	set     Resource // whose creates they are: a key serves for one set
	now     func() time.Time
}

// find looks for an earlier create under the same key. Without one it returns a
// receipt to be stored with the create.
func (s *replays) find(ctx context.Context, t TenantID, r *ReplayKey) (*Receipt, bool, error) {
	if r == nil {
		return nil, false, nil
	}
	mac := s.bodyMAC(t, r)
	old, err := s.receipt(ctx, t, r.Client, r.Key)
	switch {
	case CodeOf(err) == CodeNotFound, err == nil && s.now().Sub(old.At.Time()) > ReplayWindow:
		return &Receipt{Tenant: t, Client: r.Client, Key: r.Key, BodyMAC: mac}, false, nil
	case err != nil:
		return nil, false, err
	case !hmac.Equal(old.BodyMAC, mac):
		return nil, false, &Error{
			Code: CodeReplayMismatch,
			Msg:  "This idempotency key was used with another body in the last 24 hours. Send a new key with a new request.",
		}
	}
	return &old, true, nil
}

// replay is replays.find for the requests about subscriptions.
func (s *Service) replay(ctx context.Context, t TenantID, r *ReplayKey) (*Receipt, bool, error) {
	return s.replays.find(ctx, t, r)
}

// bodyMAC is keyed, because a body holds secrets that a plain digest would let
// a reader of the database guess at.
func (s *replays) bodyMAC(t TenantID, r *ReplayKey) []byte {
	mac := hmac.New(sha256.New, s.macKey)
	fmt.Fprintf(mac, "replay\x00%s\x00", t)
	if s.set != ResourceSubscriptions {
		fmt.Fprintf(mac, "%s\x00", s.set)
	}
	mac.Write(r.Body)
	return mac.Sum(nil)
}
