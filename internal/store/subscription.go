package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// CreateSubscription implements pki.SubscriptionStore.
func (db *DB) CreateSubscription(ctx context.Context, s pki.Subscription, e pki.Effects, r *pki.Receipt) error {
	err := db.engine.write(ctx, func(c conn) error {
		if err := db.takeTurn(ctx, c, s.Tenant); err != nil {
			return err
		}
		if r != nil {
			if err := insertReceipt(ctx, c, *r); err != nil {
				return err
			}
		}
		changes := []pki.Change{db.subscriptionChange(&s, pki.ChangeCreated)}
		if e.Run != nil {
			if err := insertRun(ctx, c, s.Tenant, s.Key, *e.Run); err != nil {
				return err
			}
			changes = append(changes, db.childChange(pki.ResourceRuns, leaseOn(&s), e.Run.ID, pki.ChangeCreated))
		}
		if err := auditEffects(ctx, c, s.Tenant, e); err != nil {
			return err
		}
		if err := db.record(ctx, c, changes...); err != nil {
			return err
		}
		return db.insertSubscription(ctx, c, &s)
	})
	if err == nil && e.Run != nil {
		db.awaken()
	}
	return err
}

// insertSubscription writes a new row. CodeExists where the id is taken.
func (db *DB) insertSubscription(ctx context.Context, c conn, s *pki.Subscription) error {
	change, err := nextChange(ctx, c, s.Tenant, subscriptionChanges)
	if err != nil {
		return err
	}
	args, err := db.subscriptionArgs(s, change)
	if err != nil {
		return err
	}
	n, err := c.exec(ctx, insertSubscription, args...)
	if err == nil && n == 0 {
		err = errExists(s.ID)
	}
	if err != nil {
		return err
	}
	return markBundles(ctx, c, s.Tenant)
}

func auditEffects(ctx context.Context, c conn, t pki.TenantID, e pki.Effects) error {
	for _, event := range e.Decisions {
		if err := insertAudit(ctx, c, t, event); err != nil {
			return err
		}
	}
	if e.Audit == nil {
		return nil
	}
	return insertAudit(ctx, c, t, *e.Audit)
}

func errExists(id pki.ID) error {
	return &pki.Error{Code: pki.CodeExists, Target: "id", Msg: "An object with the id '" + string(id) + "' exists already. Choose another id, or change the existing object."}
}

// Subscription implements pki.SubscriptionStore.
func (db *DB) Subscription(ctx context.Context, t pki.TenantID, id pki.ID) (s pki.Subscription, err error) {
	err = db.engine.read(ctx, func(c conn) error {
		s, err = db.findSubscription(ctx, c, t, id, "")
		return err
	})
	return s, err
}

// findSubscription reads one row with its sealed secrets, or CodeNotFound. lock
// is "" or what keeps the row from others.
func (db *DB) findSubscription(ctx context.Context, c conn, t pki.TenantID, id pki.ID, lock string) (pki.Subscription, error) {
	n := &db.nouns.subscriptions
	scan := func(r rows) (pki.Subscription, error) { return n.scan(r, true) }
	s, found, err := first(ctx, c, scan,
		"SELECT "+n.columns(true)+" FROM subscriptions WHERE tenant = ?1 AND id = ?2"+lock, string(t), string(id))
	if err == nil && !found {
		err = pki.NotFound(n.entity.Name, id)
	}
	s.Tenant = t
	return s, err
}

// lockSubscription is findSubscription for a row that is to be changed.
func (db *DB) lockSubscription(ctx context.Context, c conn, t pki.TenantID, id pki.ID) (pki.Subscription, error) {
	if err := db.takeTurn(ctx, c, t); err != nil {
		return pki.Subscription{}, err
	}
	return db.findSubscription(ctx, c, t, id, db.dialect.forUpdate)
}

// Subscriptions implements pki.SubscriptionStore. Secrets in the answer are
// empty, but not nil where there is one.
func (db *DB) Subscriptions(ctx context.Context, t pki.TenantID, q odata.Query) (p pki.Page[pki.Subscription], err error) {
	err = db.engine.view(ctx, func(c conn) error {
		p, err = list(ctx, db, c, &db.nouns.subscriptions, scope{tenant: t}, q)
		return err
	})
	for i := range p.Items {
		p.Items[i].Tenant = t
	}
	return p, err
}

// UpdateSubscription implements pki.SubscriptionStore.
func (db *DB) UpdateSubscription(ctx context.Context, t pki.TenantID, id pki.ID, change func(*pki.Subscription) (pki.Effects, error)) (pki.Subscription, error) {
	return db.changeSubscription(ctx, t, id, func(_ conn, s *pki.Subscription) (pki.Effects, error) { return change(s) })
}

// changeSubscription locks a row, has it changed, and stores it with what goes
// along.
func (db *DB) changeSubscription(ctx context.Context, t pki.TenantID, id pki.ID, change func(conn, *pki.Subscription) (pki.Effects, error)) (pki.Subscription, error) {
	var s pki.Subscription
	var queued, dropped bool
	err := db.engine.write(ctx, func(c conn) (err error) {
		s, err = db.lockSubscription(ctx, c, t, id)
		if err != nil {
			return err
		}
		before, secrets := s, sealedOf(&s)
		e, err := change(c, &s)
		if queued = err == nil && !e.Unchanged && e.Run != nil; err != nil || e.Unchanged {
			return err
		}
		dropped = !secrets.keptBy(&s)
		s.Tenant, s.ID, s.Key, s.Revision = t, id, before.Key, before.Revision+1
		if err := db.settleRuns(ctx, c, &before, &s, e.Run); err != nil {
			return err
		}
		if err := db.saveRoots(ctx, c, leaseOn(&s), e.Roots); err != nil {
			return err
		}
		if err := auditEffects(ctx, c, t, e); err != nil {
			return err
		}
		if err := db.record(ctx, c, db.subscriptionChange(&s, pki.ChangeUpdated)); err != nil {
			return err
		}
		return db.updateSubscription(ctx, c, &s)
	})
	if err != nil {
		return pki.Subscription{}, err
	}
	if dropped {
		db.shredOwed.Store(true)
	}
	if queued {
		db.awaken()
	}
	return s, nil
}

// updateSubscription writes all columns of s. A lease stays as it is, and with
// it the time at which a worker looks at the row.
func (db *DB) updateSubscription(ctx context.Context, c conn, s *pki.Subscription) error {
	change, err := nextChange(ctx, c, s.Tenant, subscriptionChanges)
	if err != nil {
		return err
	}
	args, err := db.subscriptionArgs(s, change)
	if err != nil {
		return err
	}
	if _, err = c.exec(ctx, updateSubscription, args...); err != nil {
		return err
	}
	return markBundles(ctx, c, s.Tenant)
}

// DeleteSubscription implements pki.SubscriptionStore.
func (db *DB) DeleteSubscription(ctx context.Context, t pki.TenantID, id pki.ID, check func(pki.Subscription) error, e pki.AuditEvent) error {
	err := db.engine.write(ctx, func(c conn) error {
		s, err := db.lockSubscription(ctx, c, t, id)
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(s); err != nil {
				return err
			}
		}
		if _, err := c.exec(ctx, "DELETE FROM subscriptions WHERE tenant = ?1 AND id = ?2", string(t), string(id)); err != nil {
			return err
		}
		if err := insertPurge(ctx, c, t, s.Key, ""); err != nil {
			return err
		}
		if err := insertAudit(ctx, c, t, e); err != nil {
			return err
		}
		if err := db.record(ctx, c, db.subscriptionChange(&s, pki.ChangeDeleted)); err != nil {
			return err
		}
		if err := markBundles(ctx, c, t); err != nil {
			return err
		}
		if err := dropESTEndpoints(ctx, c, t, id); err != nil {
			return err
		}
		if err := db.raiseAlerts(ctx, c, &s, &pki.AlertVerdict{}); err != nil {
			return err
		}
		return db.insertTombstone(ctx, c, t, subscriptionChanges, id)
	})
	if err == nil {
		db.shredOwed.Store(true)
	}
	return err
}
