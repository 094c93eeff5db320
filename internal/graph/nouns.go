package graph

import (
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// nouns are all entities that can be read.
type nouns struct {
	drafts draftReader

	connectionTests  *odata.Shape[pki.ConnectionTest]
	migrationReports *odata.Shape[pki.MigrationReport]
	issued           *odata.Shape[pki.IssuedCertificate]

	subscriptions *noun[subscriptionView]
	runs          *noun[pki.Run]
	authorities   *noun[pki.Authority]
	certificates  *noun[pki.Certificate]
	skippedItems  *noun[pki.SkippedItem]
	auditEvents   *noun[pki.AuditEvent]
	notifications *personal[notificationView]
	deadLetters   *personal[pki.DeadLetter]

	bundles        *noun[pki.TrustBundle]
	bundleVersions *noun[pki.TrustBundleVersion]
	bundleFetches  *noun[pki.TrustBundleFetch]
	estEndpoints   *noun[pki.ESTEndpoint]
	alerts         *noun[pki.RaisedAlert]
}

func newNouns(s *Server) (n nouns, err error) {
	n.drafts = newDraftReader()
	if n.connectionTests, err = newConnectionTests(s); err != nil {
		return n, err
	}
	if n.migrationReports, err = newMigrationReports(); err != nil {
		return n, err
	}
	if n.issued, err = newIssued(); err != nil {
		return n, err
	}
	if n.subscriptions, err = newSubscriptions(s); err != nil {
		return n, err
	}
	if n.runs, err = newRuns(s); err != nil {
		return n, err
	}
	if n.authorities, err = newAuthorities(s); err != nil {
		return n, err
	}
	if n.certificates, err = newCertificates(s); err != nil {
		return n, err
	}
	if n.skippedItems, err = newSkippedItems(s); err != nil {
		return n, err
	}
	if n.auditEvents, err = newAuditEvents(s); err != nil {
		return n, err
	}
	if n.notifications, err = newNotifications(s); err != nil {
		return n, err
	}
	if n.deadLetters, err = newDeadLetters(s); err != nil {
		return n, err
	}
	if n.bundles, err = newBundles(s); err != nil {
		return n, err
	}
	if n.bundleVersions, err = newBundleVersions(s); err != nil {
		return n, err
	}
	if n.bundleFetches, err = newBundleFetches(s); err != nil {
		return n, err
	}
	if n.alerts, err = newAlerts(s); err != nil {
		return n, err
	}
	n.estEndpoints, err = newESTEndpoints(s)
	return n, err
}

// textOrNull is a text, or null where it is empty.
func textOrNull(s string) odata.Value {
	if s == "" {
		return odata.NullValue()
	}
	return odata.String(s)
}

// dateOrNull is a time, or null for one that has not come.
func dateOrNull(d odata.DateTimeOffset) odata.Value {
	if d.IsNever() {
		return odata.NullValue()
	}
	return odata.Date(d)
}

// texts is a collection of strings.
func texts(list []string) odata.Value {
	items := make([]odata.Value, len(list))
	for i, s := range list {
		items[i] = odata.String(s)
	}
	return odata.List(items...)
}
