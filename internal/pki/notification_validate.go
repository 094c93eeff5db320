package pki

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// Bounds of the life of a NotificationSubscription, those of Microsoft Graph
// for directory resources. What asks for less than the least gets the least.
const (
	LeastNotificationLife = 45 * time.Minute
	MostNotificationLife  = 41760 * time.Minute

	// A reminder comes when a tenth of the life is left, and at most a day.
	reminderShare  = 10
	latestReminder = 24 * time.Hour
)

// defaultTLS is the value of latestSupportedTlsVersion where none is sent.
const defaultTLS = "v1_2"

// A NotificationDraft is what a client asks for, in a create or an update.
type NotificationDraft struct {
	ChangeType   Maybe[string]
	Resource     Maybe[string]
	URL          Maybe[string]
	LifecycleURL Maybe[string]
	ClientState  Maybe[secret.Text]
	Expires      Maybe[odata.DateTimeOffset]
	LatestTLS    Maybe[string]
	IncludeData  Maybe[bool]
	Unsupported  []string // further members that were sent with a value
}

// problems collects what is wrong with a draft.
type problems []Problem

func (p *problems) add(target, format string, args ...any) {
	*p = append(*p, Problem{target, fmt.Sprintf(format, args...)})
}

// check finds every fault of a create.
func (d NotificationDraft) check(now time.Time) []Problem {
	var p problems
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"changeType", d.ChangeType.IsGiven()},
		{"notificationUrl", d.URL.IsGiven()},
		{"resource", d.Resource.IsGiven()},
		{"expirationDateTime", d.Expires.IsGiven()},
	} {
		if !m.given {
			p.add(m.name, "The property '%s' is required.", m.name)
		}
	}
	if _, ok := ParseChangeTypes(d.ChangeType.Value); d.ChangeType.IsGiven() && !ok {
		p.add("changeType", "changeType is one or more of created, updated and deleted, each once, with commas between.")
	}
	if _, ok := ParseFollowed(d.Resource.Value); d.Resource.IsGiven() && !ok {
		p.add("resource", "This resource cannot be followed. Follow cloudPkiSubscriptions, cloudPkiSubscriptions/{id}, cloudPkiSubscriptions/{id}/syncRuns, cloudPkiSubscriptions/{id}/certificateAuthorities or cloudPkiSubscriptions/{id}/certificates, each also below deviceManagement/, or deviceManagement/trustBundles, deviceManagement/trustBundles/{id} or deviceManagement/alerts, without the address of the service.")
	}
	d.checkURLs(&p)
	d.checkExpiry(&p, now)
	d.checkRest(&p)
	return p
}

func (d NotificationDraft) checkURLs(p *problems) {
	host := checkURL(p, "notificationUrl", d.URL)
	if lifecycle := checkURL(p, "lifecycleNotificationUrl", d.LifecycleURL); lifecycle != "" && host != "" && lifecycle != host {
		p.add("lifecycleNotificationUrl", "lifecycleNotificationUrl must have the same host as notificationUrl.")
	}
}

// checkURL returns the host of a URL in lower case, or "" where there is none.
func checkURL(p *problems, name string, m Maybe[string]) string {
	if !m.IsGiven() {
		return ""
	}
	u, err := url.Parse(m.Value)
	switch {
	case err != nil || u.Hostname() == "" || strings.ContainsFunc(m.Value, notInURL) || u.Port() == "0":
		p.add(name, "%s is not a valid address.", name)
	case u.Scheme != "https":
		p.add(name, "%s must begin with https://.", name)
	case u.User != nil:
		p.add(name, "%s must not hold a user name or a password.", name)
	case !isReceiverHost(u):
		p.add(name, "The host of %s is neither a DNS name nor an IP address.", name)
	case strings.Contains(m.Value, "#"):
		p.add(name, "%s must not have a fragment.", name)
	case u.Query().Has("validationToken"):
		p.add(name, "%s must not have the parameter validationToken, which the service adds.", name)
	default:
		return strings.ToLower(u.Hostname())
	}
	return ""
}

// isReceiverHost applies the rules for the host of a CA, which hold here too.
func isReceiverHost(u *url.URL) bool {
	_, err := provider.ParseServiceURI("https://" + u.Host)
	return err == nil
}

func notInURL(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }

func (d NotificationDraft) checkExpiry(p *problems, now time.Time) {
	if !d.Expires.IsGiven() {
		return
	}
	switch at := d.Expires.Value.Time(); {
	case !at.After(now):
		p.add("expirationDateTime", "Subscription expiration must be in the future.")
	case at.After(now.Add(MostNotificationLife)):
		p.add("expirationDateTime", "Subscription expiration can only be %d minutes in the future.", int(MostNotificationLife.Minutes()))
	}
}

func (d NotificationDraft) checkRest(p *problems) {
	if n := utf8.RuneCount(d.ClientState.Value.Reveal()); n > maxClientState {
		p.add("clientState", "clientState has at most %d characters.", maxClientState)
	}
	if v := d.LatestTLS; v.IsGiven() && v.Value != "v1_2" && v.Value != "v1_3" {
		p.add("latestSupportedTlsVersion", "latestSupportedTlsVersion is v1_2 or v1_3; older versions of TLS are not spoken.")
	}
	if d.IncludeData.Value {
		p.add("includeResourceData", "Notifications with resource data are not supported. Leave includeResourceData out and read the resource that the notification names.")
	}
	for _, name := range d.Unsupported {
		p.add(name, "The property '%s' is not supported. Leave it out.", name)
	}
}

// checkChange finds every fault of an update: only the end of the life and the
// address can be changed.
func (d NotificationDraft) checkChange(now time.Time) []Problem {
	var p problems
	for _, m := range []struct {
		name  string
		state odata.State
	}{
		{"changeType", d.ChangeType.State},
		{"resource", d.Resource.State},
		{"lifecycleNotificationUrl", d.LifecycleURL.State},
		{"clientState", d.ClientState.State},
		{"latestSupportedTlsVersion", d.LatestTLS.State},
		{"includeResourceData", d.IncludeData.State},
	} {
		if m.state == odata.Present {
			p.add(m.name, "The property '%s' cannot be changed; expirationDateTime and notificationUrl can. Make another subscription.", m.name)
		}
	}
	for _, name := range d.Unsupported {
		p.add(name, "The property '%s' is not supported. Leave it out.", name)
	}
	if !d.Expires.IsGiven() && !d.URL.IsGiven() && len(p) == 0 {
		p.add("expirationDateTime", "There is nothing to change. Send expirationDateTime, notificationUrl or both.")
	}
	checkURL(&p, "notificationUrl", d.URL)
	d.checkExpiry(&p, now)
	return p
}

// checkMove adds to found that a new notificationUrl must stay on the host of
// the lifecycleNotificationUrl, which cannot be changed.
func (d NotificationDraft) checkMove(n NotificationSubscription, found []Problem) []Problem {
	if len(found) > 0 || !d.URL.IsGiven() || n.LifecycleURL == "" {
		return found
	}
	p := problems(found)
	if checkURL(&p, "notificationUrl", d.URL) != checkURL(&p, "lifecycleNotificationUrl", Given(n.LifecycleURL)) {
		p.add("notificationUrl", "notificationUrl must have the same host as lifecycleNotificationUrl, which cannot be changed.")
	}
	return p
}

// renew sets the end of the life, and with it the time of the reminder.
func (n *NotificationSubscription) renew(expires odata.DateTimeOffset, now time.Time) {
	if least := now.Add(LeastNotificationLife); expires.Time().Before(least) {
		expires = odata.FromTime(least)
	}
	n.Expires, n.RemindAt = expires, odata.Never()
	if n.LifecycleURL != "" {
		ahead := min(expires.Time().Sub(now)/reminderShare, latestReminder)
		n.RemindAt = odata.FromTime(expires.Time().Add(-ahead))
	}
}
