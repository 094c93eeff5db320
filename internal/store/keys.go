package store

import (
	"context"
	"errors"

	"cloudpki/internal/secret"
)

// CurrentKey implements secret.DataKeys.
func (db *DB) CurrentKey(ctx context.Context, tenant string) (key secret.WrappedKey, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		key, err = currentKey(ctx, c, tenant)
		return err
	})
	return key, err
}

func currentKey(ctx context.Context, c conn, tenant string) (secret.WrappedKey, error) {
	return foundKey(first(ctx, c, scanKey, "SELECT id, wrapped FROM tenant_keys WHERE tenant = ?1 AND is_current = 1", tenant))
}

// Key implements secret.DataKeys.
func (db *DB) Key(ctx context.Context, tenant string, id [16]byte) (key secret.WrappedKey, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		key, err = foundKey(first(ctx, c, scanKey, "SELECT id, wrapped FROM tenant_keys WHERE tenant = ?1 AND id = ?2", tenant, id[:]))
		return err
	})
	return key, err
}

// AnyKey returns some tenant's key, of which a start can tell whether the root
// key is the one that this database was filled with. found is false where no
// tenant has a key yet.
func (db *DB) AnyKey(ctx context.Context) (key secret.WrappedKey, tenant string, found bool, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		scan := func(r rows) (key secret.WrappedKey, err error) {
			var id []byte
			err = r.scan(&id, &key.Wrapped, &tenant)
			copy(key.ID[:], id)
			return key, err
		}
		key, found, err = first(ctx, c, scan, "SELECT id, wrapped, tenant FROM tenant_keys ORDER BY tenant LIMIT 1")
		return err
	})
	return key, tenant, found, err
}

// AddFirstKey implements secret.DataKeys.
func (db *DB) AddFirstKey(ctx context.Context, tenant string, key secret.WrappedKey) (current secret.WrappedKey, err error) {
	if _, ok := transactionOf(ctx); ok {
		return current, errors.New("add a tenant's first key: not inside Atomically, which may undo it")
	}
	err = db.engine.write(ctx, func(c conn) error {
		if _, err := c.exec(ctx, "INSERT INTO tenant_keys (tenant, id, wrapped, is_current) VALUES (?1, ?2, ?3, 1) ON CONFLICT DO NOTHING",
			tenant, key.ID[:], key.Wrapped); err != nil {
			return err
		}
		current, err = currentKey(ctx, c, tenant)
		return err
	})
	return current, err
}

func foundKey(key secret.WrappedKey, found bool, err error) (secret.WrappedKey, error) {
	if err == nil && !found {
		err = secret.ErrNoDataKey
	}
	return key, err
}

func scanKey(r rows) (key secret.WrappedKey, err error) {
	var id []byte
	err = r.scan(&id, &key.Wrapped)
	copy(key.ID[:], id)
	return key, err
}
