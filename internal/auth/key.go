package auth

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxKeys bounds a key set; Entra ID publishes about ten keys.
const maxKeys = 100

var (
	// ErrUnknownKey reports that an issuer has no key of that id.
	ErrUnknownKey = errors.New("the issuer has no such key")

	// ErrNoKeys reports that an issuer's key set cannot be had at all.
	ErrNoKeys = errors.New("the issuer's keys cannot be had")
)

// A Key is a public key that an issuer signs with.
type Key struct {
	ID        string // kid
	Algorithm string // alg that the issuer restricts the key to, or ""
	Public    crypto.PublicKey
}

// Keys are the current keys of one issuer. Methods are safe for concurrent use.
type Keys interface {
	// Key returns the key called id, or ErrUnknownKey, or ErrNoKeys.
	Key(ctx context.Context, id string) (Key, error)
	// Version changes whenever a key is added, removed or replaced: what was
	// verified under another version must be verified again.
	Version() uint64
}

// parseKeySet reads a JWK Set (RFC 7517 section 5). Keys that cannot verify
// tokens here are left out, as section 5 asks; a set without any other is an
// error. Of two keys with one id the first counts.
func parseKeySet(raw []byte) (map[string]Key, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("read key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("read key set: more than %d keys", maxKeys)
	}
	keys := make(map[string]Key, len(set.Keys))
	for _, member := range set.Keys {
		key, ok := parseKey(member)
		if _, taken := keys[key.ID]; ok && !taken {
			keys[key.ID] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("read key set: no key in it is usable")
	}
	return keys, nil
}

// parseKey reads one JWK; ok is false if it cannot verify tokens here.
func parseKey(raw jsontext.Value) (key Key, ok bool) {
	var m jwkset.JWKMarshal
	if json.Unmarshal(raw, &m) != nil {
		return Key{}, false
	}
	if m.KID == "" || len(m.KID) > maxKeyIDLength || (m.USE != "" && m.USE != jwkset.UseSig) {
		return Key{}, false
	}
	// Trust rests on where the set came from; its certificates add nothing.
	m.X5C, m.X5U, m.X5T, m.X5TS256 = nil, "", "", ""
	jwk, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return Key{}, false
	}
	key = Key{ID: m.KID, Algorithm: string(m.ALG), Public: jwk.Key()}
	for _, alg := range []string{"RS256", "ES256", "ES384"} {
		if methodFor(alg, key.Public) != nil {
			return key, true
		}
	}
	return Key{}, false
}
