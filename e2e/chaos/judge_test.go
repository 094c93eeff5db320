package chaos_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
)

// judge holds what must be true after each run.
func (a *actor) judge(run pki.Run) {
	sub := a.get()
	if run.Status == pki.RunFailed {
		a.failed++
		if !known(run.Error) || run.Message == "" || run.Retry == "" {
			a.blame("not classified: %s %q, retry %q", run.Error, run.Message, run.Retry)
		}
	} else if run.Status != pki.RunSucceeded || run.Error != "" {
		a.blame("the run ended as %v, %s", run.Status, run.Error)
	}
	if told := sub.SyncStatus == pki.SyncFailed; !run.DryRun && (told != (run.Status == pki.RunFailed) || told != (sub.LastSyncError != nil)) {
		a.blame("the run ended with %q, and the subscription says %v, %s", run.Error, sub.SyncStatus, text(sub.LastSyncError))
	}
	c := run.Counts
	if c.Found != c.New+c.Changed+c.Unchanged+c.Skipped {
		a.blame("counts do not add up: %+v", c)
	}
	a.judgeRoot(sub)
	n := a.stored(pki.CertificateType(), "")
	if n < a.most {
		a.blame("%d certificates are stored, there were %d", n, a.most)
	}
	if run.DryRun && n != a.most {
		a.blame("a dry run has made %d certificates %d", a.most, n)
	}
	a.most = max(a.most, n)
	if c.Missing > alwaysBelieved && int64(c.Missing)*100 > n*maxMissingPercent {
		a.blame("%d of %d certificates were called missing at once", c.Missing, n)
	}
}

// judgeRoot wants the trusted root to stay, unless an admin has approved
// another, or it was renewed and the policy is to follow that.
func (a *actor) judgeRoot(sub pki.Subscription) {
	if a.root == nil || bytes.Equal(sub.TrustedRoot, a.root.Raw) {
		return
	}
	next, err := x509.ParseCertificate(sub.TrustedRoot)
	switch {
	case err != nil:
		a.blame("the trusted root became unreadable: %v", err)
	case a.manual || !bytes.Equal(next.RawSubject, a.root.RawSubject) || !bytes.Equal(next.RawSubjectPublicKeyInfo, a.root.RawSubjectPublicKeyInfo):
		a.blame("the trusted root changed")
	default:
		a.root = next
	}
}

// known reports whether a failure has a code that says what is wrong with the
// CA, the way to it or the credentials: not with us.
func known(c provider.Code) bool {
	return slices.Contains([]provider.Code{
		provider.CodeDNS, provider.CodeConnect, provider.CodeTLSServer, provider.CodeTLSClientRejected, provider.CodeCredentialExpired,
		provider.CodeCredentialInvalid, provider.CodeAccountDisabled, provider.CodePermission, provider.CodeProfileUnknown,
		provider.CodeRateLimited, provider.CodeTimeout, provider.CodeUpstream5xx, provider.CodeUpstreamFault, provider.CodeProtocol,
		provider.CodeParse, provider.CodeIncompleteListing, provider.CodeTooManyRemovals, provider.CodeTrustChangePending,
		provider.CodeRootAmbiguous, provider.CodeRootInvalid, provider.CodeRetired, provider.CodeUnsupported,
	}, c)
}

// tell writes a line of the story.
func (s *story) tell(run pki.Run) {
	var stages []string
	for _, stage := range run.Stages {
		stages = append(stages, stage.Name)
	}
	s.lines = append(s.lines, fmt.Sprintf("%v %v dry=%t %s %s %+v %s", run.Trigger, run.Status, run.DryRun, run.Error, run.Retry, run.Counts, strings.Join(stages, ",")))
}

// compare holds the stored inventory against the CA's: the same certificates,
// the same status, and nothing beside them.
func (a *actor) compare() {
	stored := map[string]pki.Certificate{}
	for _, c := range a.certificates() {
		if other, twice := stored[c.Serial]; !twice || !other.Missing.IsNever() {
			stored[c.Serial] = c // a serial number that a fault put under another issuer is missing again
		}
	}
	for _, want := range a.ca.Certificates() {
		if a.kind.lists && want.Status != "REVOKED" {
			continue
		}
		got, ok := stored[want.Serial]
		delete(stored, want.Serial)
		switch {
		case !ok:
			a.blame("certificate %s is lost", want.Serial)
		case !got.Missing.IsNever():
			a.blame("certificate %s is called missing", want.Serial)
		case got.Status != status(want.Status):
			a.blame("certificate %s is %v, at the CA %s", want.Serial, got.Status, want.Status)
		case !a.kind.lists && !a.kind.once && got.SHA256 != pki.Thumbprint(want.DER):
			a.blame("certificate %s is another one than the CA's", want.Serial)
		}
	}
	for serial, c := range stored {
		if c.Missing.IsNever() {
			a.blame("certificate %s is stored, and the CA knows none", serial)
		}
	}
}

func status(s string) pki.CertificateStatus {
	switch s {
	case "VALID":
		return pki.CertificateValid
	case "EXPIRED":
		return pki.CertificateExpired
	case "REVOKED":
		return pki.CertificateRevoked
	default:
		return pki.CertificateSuspended
	}
}

// keepsSecrets looks for the credentials wherever people read.
func (a *actor) keepsSecrets() {
	told := []string{a.world.log.take(), text(a.get().LastSyncError)}
	for _, r := range list(a, pki.RunType(), a.service.Runs) {
		told = append(told, r.Message, r.TrustChange, r.RequestID)
	}
	for _, s := range list(a, pki.SkippedItemType(), a.service.SkippedItems) {
		told = append(told, s.Reason, s.Serial, string(s.Raw))
	}
	for _, c := range list(a, pki.AuthorityType(), a.service.Authorities) {
		told = append(told, c.StateReason, c.SubjectDN)
	}
	all := strings.Join(told, "\n")
	for _, s := range a.secrets {
		if strings.Contains(all, s) {
			a.blame("a secret is told")
		}
	}
}

// list reads all of a set.
func list[T any](a *actor, of *odata.EntityType, read reader[T]) []T {
	var all []T
	q, err := odata.ParseQuery("$top=999", of)
	for {
		a.must("parse query", err)
		var p pki.Page[T]
		p, err = read(a.ctx, tenant, a.id, q)
		a.must("read "+of.Name, err)
		all = append(all, p.Items...)
		if q.After = p.After; err != nil || p.After == nil {
			return all
		}
	}
}

func (a *actor) certificates() []pki.Certificate {
	return list(a, pki.CertificateType(), a.service.Certificates)
}

// stored counts what matches a filter; "" is all.
func (a *actor) stored(of *odata.EntityType, filter string) (n int64) {
	raw := "$count=true&$top=1"
	if filter != "" {
		raw += "&$filter=" + filter
	}
	q, err := odata.ParseQuery(raw, of)
	a.must("parse query", err)
	if of.Name == pki.RunType().Name {
		var p pki.Page[pki.Run]
		p, err = a.service.Runs(a.ctx, tenant, a.id, q)
		n = p.Count
	} else {
		var p pki.Page[pki.Certificate]
		p, err = a.service.Certificates(a.ctx, tenant, a.id, q)
		n = p.Count
	}
	a.must("count "+of.Name, err)
	return n
}
