package store

import (
	"context"
	"fmt"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

const (
	plainNotificationColumns = `id, key, application_id, creator_id, resource, incarnation, change_type,
	notification_url, lifecycle_notification_url, latest_supported_tls_version, expiration_date_time, remind_at`

	insertNotificationText = `INSERT INTO notification_subscriptions (tenant, ` + plainNotificationColumns + `,
	client_state, client_state_key, followed, change_set)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)`
)

func notificationColumns(sealed bool) string {
	if sealed {
		return plainNotificationColumns + ", client_state, client_state_key"
	}
	return plainNotificationColumns
}

func scanNotificationSubscription(r rows, sealed bool, extra ...any) (n pki.NotificationSubscription, err error) {
	var lifecycle *string
	var remind *int64
	dest := []any{
		(*string)(&n.ID), &n.Key, &n.Application, &n.Creator, &n.Resource, &n.Incarnation, &n.ChangeType,
		&n.URL, &lifecycle, &n.LatestTLS, &n.Expires.Ticks, &remind,
	}
	if sealed {
		dest = append(dest, (*[]byte)(&n.ClientState), (*[]byte)(&n.StateKey))
	}
	err = r.scan(append(dest, extra...)...)
	n.LifecycleURL, n.RemindAt = text(lifecycle), date(remind)
	return n, err
}

func notificationNoun() noun[pki.NotificationSubscription] {
	return noun[pki.NotificationSubscription]{
		entity: pki.NotificationSubscriptionType(), from: "(SELECT * FROM notification_subscriptions WHERE ended = 0) AS live",
		columns: notificationColumns, scan: scanNotificationSubscription,
	}
}

// AdmitNotificationSubscription implements pki.NotificationStore.
func (db *DB) AdmitNotificationSubscription(ctx context.Context, n pki.NotificationSubscription, most int) error {
	return db.engine.view(ctx, func(c conn) error {
		_, err := db.admit(ctx, c, n, most)
		return err
	})
}

// admit returns what n follows, with the incarnation of that.
func (db *DB) admit(ctx context.Context, c conn, n pki.NotificationSubscription, most int) (f follower, err error) {
	followed, ok := pki.ParseFollowed(n.Resource)
	changes, okToo := pki.ParseChangeTypes(n.ChangeType)
	if !ok || !okToo {
		return f, fmt.Errorf("subscription %s to %q of %q was not checked", n.ID, n.ChangeType, n.Resource)
	}
	f = follower{set: followed.Set, changes: int64(changes)}
	if f.incarnation, err = db.incarnation(ctx, c, n.Tenant, followed); err != nil {
		return f, err
	}
	count, _, err := first(ctx, c, scanNumber, "SELECT COUNT(*) FROM notification_subscriptions WHERE tenant = ?1 AND ended = 0", string(n.Tenant))
	if err == nil && count >= int64(most) {
		err = &pki.Error{
			Code: pki.CodeQuota,
			Msg:  fmt.Sprintf("The tenant has %d subscriptions to change notifications, which is its quota. Delete one that is not needed, or have the operator raise notifications.max_per_tenant.", count),
		}
	}
	return f, err
}

// incarnation is the key of the one object that f names; nil where it names all.
func (db *DB) incarnation(ctx context.Context, c conn, t pki.TenantID, f pki.Followed) (*int64, error) {
	if f.ID == "" {
		return nil, nil
	}
	if f.Set == pki.ResourceBundles {
		b, err := db.findBundle(ctx, c, t, noFigures, "id", string(f.ID), "")
		return &b.Key, err
	}
	key, err := db.subscriptionKey(ctx, c, t, f.ID)
	return &key, err
}

// CreateNotificationSubscription implements pki.NotificationStore.
func (db *DB) CreateNotificationSubscription(ctx context.Context, n pki.NotificationSubscription, most int, e pki.AuditEvent) error {
	return db.engine.write(ctx, func(c conn) error {
		if err := db.lockTakers(ctx, c); err != nil { // or two at once would exceed the quota
			return err
		}
		f, err := db.admit(ctx, c, n, most)
		if err != nil {
			return err
		}
		if _, err := c.exec(ctx, insertNotificationText, string(n.Tenant),
			string(n.ID), n.Key, n.Application, n.Creator, n.Resource, optional(f.incarnation), n.ChangeType,
			n.URL, nullText(n.LifecycleURL), n.LatestTLS, n.Expires.Ticks, nullDate(n.RemindAt),
			[]byte(n.ClientState), []byte(n.StateKey), string(f.set), f.changes); err != nil {
			return err
		}
		lanes := []pki.Lane{pki.LaneChanges}
		if n.LifecycleURL != "" {
			lanes = append(lanes, pki.LaneLifecycle)
		}
		for _, lane := range lanes {
			if _, err := c.exec(ctx, "INSERT INTO notification_receivers (tenant, subscription_key, lane) VALUES (?1, ?2, ?3)",
				string(n.Tenant), n.Key, int64(lane)); err != nil {
				return err
			}
		}
		return insertAudit(ctx, c, n.Tenant, e)
	})
}

// lockTakers admits one process at a time, until the transaction ends.
func (db *DB) lockTakers(ctx context.Context, c conn) error {
	if db.dialect.takerLock == "" {
		return nil
	}
	_, err := c.exec(ctx, db.dialect.takerLock)
	return err
}

// NotificationSubscription implements pki.NotificationStore.
func (db *DB) NotificationSubscription(ctx context.Context, t pki.TenantID, id pki.ID) (n pki.NotificationSubscription, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		n, err = db.findNotification(ctx, c, t, id, "")
		return err
	})
	return n, err
}

func (db *DB) findNotification(ctx context.Context, c conn, t pki.TenantID, id pki.ID, lock string) (pki.NotificationSubscription, error) {
	scan := func(r rows) (pki.NotificationSubscription, error) { return scanNotificationSubscription(r, true) }
	n, found, err := first(ctx, c, scan, "SELECT "+notificationColumns(true)+
		" FROM notification_subscriptions WHERE tenant = ?1 AND id = ?2 AND ended = 0"+lock, string(t), string(id))
	if err == nil && !found {
		err = pki.NotFound(db.nouns.notifications.entity.Name, id)
	}
	n.Tenant = t
	return n, err
}

// NotificationSubscriptions implements pki.NotificationStore.
func (db *DB) NotificationSubscriptions(ctx context.Context, t pki.TenantID, q odata.Query) (p pki.Page[pki.NotificationSubscription], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		p, err = list(ctx, db, c, &db.nouns.notifications, scope{tenant: t}, q)
		return err
	})
	for i := range p.Items {
		p.Items[i].Tenant = t
	}
	return p, err
}

// UpdateNotificationSubscription implements pki.NotificationStore. A receiver
// that has failed is tried again at once: the address may be another.
func (db *DB) UpdateNotificationSubscription(ctx context.Context, t pki.TenantID, id pki.ID, change func(*pki.NotificationSubscription) error, e pki.AuditEvent) (n pki.NotificationSubscription, err error) {
	err = db.engine.write(ctx, func(c conn) error {
		if n, err = db.findNotification(ctx, c, t, id, db.dialect.forUpdate); err != nil {
			return err
		}
		before := n.URL
		if err := change(&n); err != nil {
			return err
		}
		if _, err := c.exec(ctx, "UPDATE notification_subscriptions SET notification_url = ?3, expiration_date_time = ?4, remind_at = ?5 WHERE tenant = ?1 AND id = ?2",
			string(t), string(id), n.URL, n.Expires.Ticks, nullDate(n.RemindAt)); err != nil {
			return err
		}
		if n.URL != before {
			markFilled(c)
			if _, err := c.exec(ctx, "UPDATE notification_receivers SET due_at = 0 WHERE tenant = ?1 AND subscription_key = ?2 AND lane = 0 AND lease_owner IS NULL",
				string(t), n.Key); err != nil {
				return err
			}
		}
		return insertAudit(ctx, c, t, e)
	})
	return n, err
}

// DeleteNotificationSubscription implements pki.NotificationStore.
func (db *DB) DeleteNotificationSubscription(ctx context.Context, t pki.TenantID, id pki.ID, check func(pki.NotificationSubscription) error, e pki.AuditEvent) error {
	err := db.engine.write(ctx, func(c conn) error {
		n, err := db.findNotification(ctx, c, t, id, db.dialect.forUpdate)
		if err != nil {
			return err
		}
		if err := check(n); err != nil {
			return err
		}
		if err := removeNotification(ctx, c, t, n.Key, odata.FromTime(db.now())); err != nil {
			return err
		}
		return insertAudit(ctx, c, t, e)
	})
	if err == nil {
		db.shredOwed.Store(true)
	}
	return err
}

// removeNotification removes a subscription. Its receivers are left to Tend,
// with their queues and the dead letters, which may be long.
func removeNotification(ctx context.Context, c conn, t pki.TenantID, key int64, now odata.DateTimeOffset) error {
	if _, err := c.exec(ctx, "DELETE FROM notification_subscriptions WHERE tenant = ?1 AND key = ?2", string(t), key); err != nil {
		return err
	}
	return retire(ctx, c, t, key, now, pki.LaneChanges, pki.LaneLifecycle)
}

// straggle is longer than a transaction can take that has read who follows, and
// so may fill a queue whose subscription is gone.
const straggle = 5 * time.Minute

// retire takes receivers from the workers who have them. They can be removed
// after a while.
func retire(ctx context.Context, c conn, t pki.TenantID, key int64, now odata.DateTimeOffset, lanes ...pki.Lane) error {
	for _, lane := range lanes {
		if _, err := c.exec(ctx, `UPDATE notification_receivers SET fence = fence + 1, lease_owner = NULL, due_at = ?4
WHERE tenant = ?1 AND subscription_key = ?2 AND lane = ?3`,
			string(t), key, int64(lane), odata.FromTime(now.Time().Add(straggle)).Ticks); err != nil {
			return err
		}
	}
	return nil
}
