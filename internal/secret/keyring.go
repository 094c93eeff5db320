package secret

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

const (
	idSize = 16

	// sealVersion opens every ciphertext, so that the format can change.
	sealVersion = 1

	// maxCachedKeys bounds the memory for unwrapped data keys. Past it the
	// cache starts afresh: unwrapping again costs a microsecond.
	maxCachedKeys = 4096
)

// ErrUnopenable reports a ciphertext that is damaged, was moved to another
// tenant, entity or field, or was sealed under a key that is not here.
var ErrUnopenable = errors.New("sealed value does not open: it is damaged, was moved, or its key is missing")

// ErrNoDataKey is what DataKeys return where a tenant has no such key.
var ErrNoDataKey = errors.New("no such data key")

// A WrappedKey is a tenant's data key as stored: encrypted under a root key.
type WrappedKey struct {
	ID      [idSize]byte
	Wrapped []byte
}

// DataKeys stores the tenants' wrapped data keys. Methods are safe for
// concurrent use.
type DataKeys interface {
	// CurrentKey returns the key that new values are sealed under, or
	// ErrNoDataKey.
	CurrentKey(ctx context.Context, tenant string) (WrappedKey, error)
	// Key returns the key called id, or ErrNoDataKey.
	Key(ctx context.Context, tenant string, id [idSize]byte) (WrappedKey, error)
	// AddFirstKey stores key if the tenant has none and returns the one that
	// is current afterwards, so that two processes agree.
	AddFirstKey(ctx context.Context, tenant string, key WrappedKey) (WrappedKey, error)
}

// A Keyring seals and opens. Values of one object are sealed under a key of
// the object, which is wrapped by the data key of its tenant, which is wrapped
// by the root key: deleting the object's key shreds its secrets, and rotating
// the root key touches one row a tenant. It is safe for concurrent use.
type Keyring struct {
	root *Root
	keys DataKeys

	mu    sync.Mutex
	cache map[cacheKey]dataKey
}

type cacheKey struct {
	tenant string
	id     [idSize]byte // zero: the current one
}

type dataKey struct {
	id   [idSize]byte
	aead cipher.AEAD
}

// NewKeyring returns a keyring over root with the data keys in keys.
func NewKeyring(root *Root, keys DataKeys) *Keyring {
	return &Keyring{root: root, keys: keys, cache: make(map[cacheKey]dataKey)}
}

// An Object seals and opens the secrets of one entity of one tenant.
type Object struct {
	tenant, entity string
	key            dataKey
}

// NewObject makes a key for the entity and returns it ready for use, and
// wrapped for the store.
func (k *Keyring) NewObject(ctx context.Context, tenant, entity string) (Object, Sealed, error) {
	data, err := k.currentKey(ctx, tenant)
	if err != nil {
		return Object{}, nil, err
	}
	var raw [idSize + keySize]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return Object{}, nil, fmt.Errorf("make object key: %w", err)
	}
	obj, err := newObject(tenant, entity, raw[:])
	if err != nil {
		return Object{}, nil, err
	}
	return obj, seal(data, raw[:], tenant, entity, "key"), nil
}

// OpenObject unwraps an entity's key. A key that does not belong to tenant and
// entity is ErrUnopenable.
func (k *Keyring) OpenObject(ctx context.Context, tenant, entity string, wrapped Sealed) (Object, error) {
	id, err := keyID(wrapped)
	if err != nil {
		return Object{}, err
	}
	data, err := k.dataKey(ctx, tenant, id)
	if err != nil {
		return Object{}, err
	}
	raw, err := open(data, wrapped, tenant, entity, "key")
	if err != nil {
		return Object{}, err
	}
	return newObject(tenant, entity, raw)
}

// Seal encrypts t for one field of the entity.
func (o Object) Seal(field string, t Text) Sealed {
	return seal(o.key, t.Reveal(), o.tenant, o.entity, field)
}

// Open decrypts what Seal made for the same field, or returns ErrUnopenable.
// A nil s opens to an empty Text.
func (o Object) Open(field string, s Sealed) (Text, error) {
	if s == nil {
		return Text{}, nil
	}
	plain, err := open(o.key, s, o.tenant, o.entity, field)
	if err != nil {
		return Text{}, err
	}
	return Text{&plain}, nil
}

func newObject(tenant, entity string, raw []byte) (Object, error) {
	if len(raw) != idSize+keySize {
		return Object{}, ErrUnopenable
	}
	aead, err := newAEAD(raw[idSize:])
	if err != nil {
		return Object{}, err
	}
	return Object{tenant, entity, dataKey{[idSize]byte(raw[:idSize]), aead}}, nil
}

func (k *Keyring) currentKey(ctx context.Context, tenant string) (dataKey, error) {
	if key, ok := k.cached(cacheKey{tenant: tenant}); ok {
		return key, nil
	}
	wrapped, err := k.keys.CurrentKey(ctx, tenant)
	if errors.Is(err, ErrNoDataKey) {
		wrapped, err = k.addFirstKey(ctx, tenant)
	}
	if err != nil {
		return dataKey{}, fmt.Errorf("find data key: %w", err)
	}
	return k.unwrap(tenant, wrapped, true)
}

func (k *Keyring) addFirstKey(ctx context.Context, tenant string) (WrappedKey, error) {
	var fresh WrappedKey
	var raw [keySize]byte
	for _, b := range [][]byte{fresh.ID[:], raw[:]} {
		if _, err := rand.Read(b); err != nil {
			return WrappedKey{}, fmt.Errorf("make data key: %w", err)
		}
	}
	root, err := k.rootKey()
	if err != nil {
		return WrappedKey{}, err
	}
	fresh.Wrapped = seal(root, raw[:], tenant, "tenant", string(fresh.ID[:]))
	return k.keys.AddFirstKey(ctx, tenant, fresh)
}

func (k *Keyring) dataKey(ctx context.Context, tenant string, id [idSize]byte) (dataKey, error) {
	if key, ok := k.cached(cacheKey{tenant, id}); ok {
		return key, nil
	}
	wrapped, err := k.keys.Key(ctx, tenant, id)
	if errors.Is(err, ErrNoDataKey) {
		return dataKey{}, ErrUnopenable
	}
	if err != nil {
		return dataKey{}, fmt.Errorf("find data key: %w", err)
	}
	return k.unwrap(tenant, wrapped, false)
}

func (k *Keyring) unwrap(tenant string, w WrappedKey, current bool) (dataKey, error) {
	root, err := k.rootKey()
	if err != nil {
		return dataKey{}, err
	}
	raw, err := open(root, w.Wrapped, tenant, "tenant", string(w.ID[:]))
	if err != nil {
		return dataKey{}, fmt.Errorf("unwrap data key (is this the root key the data was made with?): %w", err)
	}
	aead, err := newAEAD(raw)
	if err != nil {
		return dataKey{}, err
	}
	key := dataKey{w.ID, aead}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.cache) >= maxCachedKeys {
		clear(k.cache)
	}
	k.cache[cacheKey{tenant, w.ID}] = key
	if current {
		k.cache[cacheKey{tenant: tenant}] = key
	}
	return key, nil
}

func (k *Keyring) cached(at cacheKey) (dataKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, ok := k.cache[at]
	return key, ok
}

func (k *Keyring) rootKey() (dataKey, error) {
	aead, err := newAEAD(k.root.key[:])
	return dataKey{k.root.id, aead}, err
}

// newAEAD returns AES-256-GCM that draws and prepends its own 96-bit nonce
// (NIST SP 800-38D, 8.2.2). An object key seals a handful of values and a data
// key one value an object, far below the 2^32 that random nonces allow.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return aead, nil
}

// A ciphertext is: version (1 byte), key id (16 bytes), nonce, text and tag.
func seal(k dataKey, plain []byte, tenant, entity, field string) Sealed {
	out := make([]byte, 0, 1+idSize+len(plain)+k.aead.Overhead())
	out = append(out, sealVersion)
	out = append(out, k.id[:]...)
	return k.aead.Seal(out, nil, plain, associatedData(k.id, tenant, entity, field))
}

func open(k dataKey, s []byte, tenant, entity, field string) ([]byte, error) {
	id, err := keyID(s)
	if err != nil || id != k.id {
		return nil, ErrUnopenable
	}
	plain, err := k.aead.Open(nil, nil, s[1+idSize:], associatedData(id, tenant, entity, field))
	if err != nil {
		return nil, ErrUnopenable
	}
	return plain, nil
}

func keyID(s []byte) (id [idSize]byte, err error) {
	if len(s) < 1+idSize || s[0] != sealVersion {
		return id, ErrUnopenable
	}
	return [idSize]byte(s[1 : 1+idSize]), nil
}

// associatedData binds a ciphertext to its place. Each part is preceded by its
// length, so that no two places give the same bytes.
func associatedData(id [idSize]byte, tenant, entity, field string) []byte {
	out := make([]byte, 0, idSize+12+len(tenant)+len(entity)+len(field))
	out = append(out, id[:]...)
	for _, part := range []string{tenant, entity, field} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return out
}
