package store

import (
	"context"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// Execute runs a statement that fills a database faster than the methods could.
func (db *DB) Execute(ctx context.Context, text string, args ...any) error {
	return db.engine.write(ctx, func(c conn) error {
		_, err := c.exec(ctx, text, args...)
		return err
	})
}

// CertificatesPlan returns how the database carries out a list of certificates.
func (db *DB) CertificatesPlan(ctx context.Context, q odata.Query) (string, error) {
	sub, n := pki.ID("s1"), &db.nouns.certificates
	b, err := pageQuery(db, n, sortKeys(q, n), false, scope{tenant: "t1", subscription: &sub}, q)
	if err != nil {
		return "", err
	}
	return db.plan(ctx, b)
}

// CompileCertificates returns the text of a list of certificates.
func (db *DB) CompileCertificates(q odata.Query) (string, error) {
	sub, n := pki.ID("s1"), &db.nouns.certificates
	b, err := pageQuery(db, n, sortKeys(q, n), false, scope{tenant: "t1", subscription: &sub}, q)
	if err != nil {
		return "", err
	}
	return b.String(), nil
}

// SubscriptionsPlan is as CertificatesPlan.
func (db *DB) SubscriptionsPlan(ctx context.Context, q odata.Query) (string, error) {
	n := &db.nouns.subscriptions
	b, err := pageQuery(db, n, sortKeys(q, n), false, scope{tenant: "t1"}, q)
	if err != nil {
		return "", err
	}
	return db.plan(ctx, b)
}
