package pki

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"cloudpki/internal/odata"
)

// tell completes an alert and adds it to the verdict, with an audit event
// where none tells of it yet.
func (j *alertJudge) tell(a Alert) error {
	activity := alertActivity(a.Kind)
	event, err := j.event(activity, j.sub.ID, Actor{}, nil)
	if err != nil {
		return err
	}
	a.ID, a.At, a.Tenant, a.Subscription = event.ID, j.now.Time(), j.sub.Tenant, j.sub.ID
	a.Name = string(j.sub.ID)
	if j.sub.DisplayName != nil && *j.sub.DisplayName != "" {
		a.Name = oneLine(*j.sub.DisplayName)
	}
	a.Path = "/beta/deviceManagement/cloudPkiSubscriptions/" + url.PathEscape(string(j.sub.ID))
	a.Console = "/console/subscriptions/" + url.PathEscape(string(j.sub.ID))
	if a.Object != "" {
		a.Path += "/certificateAuthorities/" + url.PathEscape(string(a.Object))
	}
	a.Title, a.Detail = oneLine(a.Title), oneLine(a.Detail)
	j.verdict.Alerts = append(j.verdict.Alerts, a)
	if a.Kind == AlertCredential {
		return nil // Tend has told it
	}
	event.Reason = a.Title
	if a.Kind == AlertRoot || a.Kind == AlertTrust {
		event.NewRoot = a.Object
	}
	if a.Kind == AlertRollover {
		event.OldRoot = a.Object
	}
	j.verdict.Audit = append(j.verdict.Audit, event)
	return nil
}

// alertActivity is what the audit trail calls an alert.
func alertActivity(k AlertKind) string {
	return strings.ToUpper(string(k[:1])) + string(k[1:]) + " CloudPkiSubscription"
}

// oneLine leaves out what could forge lines or hide text: control and format
// characters, and what is no UTF-8.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
}

// when tells a stage for a title.
func when(stage ExpiryStage) string {
	days := ExpiryDays()[stage-1]
	switch days {
	case 0:
		return "has ended"
	case 1:
		return "ends within a day"
	}
	return fmt.Sprintf("ends within %d days", days)
}

func authorityEnds(kind AlertKind, a *Authority, stage ExpiryStage) Alert {
	alert := Alert{
		Kind: kind, Object: a.ID, Page: "/docs/notifications#alerts",
		Title:  fmt.Sprintf("Root %s %s", a.SubjectDN, when(stage)),
		Detail: fmt.Sprintf("The root %s (%s, SHA-256 %s) is valid until %s. Then devices trust no certificate below it.", a.SubjectDN, a.State, a.ID, utc(a.NotAfter.Time())),
		Action: "Have the CA offer its next root, approve that, and let devices get it before the end.",
	}
	if kind == AlertIssuer {
		alert.Title = fmt.Sprintf("Issuer %s %s", a.SubjectDN, when(stage))
		alert.Detail = fmt.Sprintf("The issuer %s (SHA-256 %s) is valid until %s. Then no certificate that it has issued is valid.", a.SubjectDN, a.ID, utc(a.NotAfter.Time()))
		alert.Action = "Have the CA issue from its next issuer, and renew the certificates of this one before the end."
	}
	return alert
}

func rootWaits(a *Authority) Alert {
	return Alert{
		Kind: AlertTrust, Object: a.ID, Severity: AlertCritical, Page: "/docs/notifications#alerts",
		Title:  fmt.Sprintf("Root %s waits for a decision", a.SubjectDN),
		Detail: fmt.Sprintf("The CA offers the root %s (SHA-256 %s), which is not the trusted one. It was first met at %s and is in quarantine: no device gets it.", a.SubjectDN, a.ID, utc(a.FirstSeen.Time())),
		Action: "Compare the SHA-256 with what the operator of the CA tells you by another way; then approve or reject the root (cloudpki trust approve, cloudpki trust reject).",
	}
}

func credentialEnds(stage ExpiryStage) Alert {
	return Alert{
		Kind: AlertCredential, Page: "/docs/credentials",
		Title:  "Credentials for the CA: their validity " + when(stage),
		Detail: "The client certificate or the API token of the subscription nears its end or has ended. Without valid credentials no sync logs in to the CA.",
		Action: "Get new credentials from the CA, stage them (stageCredentials), test them, and promote them (promoteCredentials).",
	}
}

func syncFails(s *Subscription, since odata.DateTimeOffset) Alert {
	reason := ""
	if s.LastSyncError != nil {
		reason = " The last error: " + *s.LastSyncError
	}
	return Alert{
		Kind: AlertFailing, Severity: AlertCritical, Page: "/docs/operate#when-a-sync-fails",
		Title:  "Syncs fail since " + utc(since.Time()),
		Detail: "No sync has succeeded since then; inventory and revocations are as old as that." + reason,
		Action: "Read lastSyncError of the subscription and do what the page about its code says; then start a sync.",
	}
}

func syncRecovers(since odata.DateTimeOffset) Alert {
	return Alert{
		Kind: AlertRecovered, Page: "/docs/operate#when-a-sync-fails",
		Title:  "Syncs succeed again",
		Detail: "A sync has succeeded; the syncs before had failed since " + utc(since.Time()) + ".",
		Action: "Nothing is to be done.",
	}
}

func certificatesEnd(n int64, until time.Time) Alert {
	count := fmt.Sprint(n)
	if n >= MostEnding {
		count += " or more"
	}
	verb := "certificates end"
	if n == 1 {
		verb = "certificate ends"
	}
	return Alert{
		Kind: AlertCertificates, Count: n, Ends: until, Page: "/docs/notifications#alerts",
		Title:  fmt.Sprintf("%s valid %s by %s", count, verb, utc(until)),
		Detail: "So many certificates of the inventory are valid now and end by then.",
		Action: "See to it that their holders renew them. List them with $filter=status eq 'valid' and notAfter le " + until.UTC().Format(time.RFC3339) + " on certificates of the subscription.",
	}
}

// utc writes a time for people.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
