package app

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"cloudpki/internal/notify"
	"cloudpki/internal/web"
)

// consoleFacts are what the console tells of the configuration to everybody who
// may read a tenant: no secret, no address of what is inside the network.
func (s *service) consoleFacts() []web.Fact {
	c := s.cfg
	issuer, _ := s.authority()
	return []web.Fact{
		{Name: "Version", Value: programVersion()},
		{Name: "Address", Value: s.origin},
		{Name: "Address of the API", Value: s.origin + "/beta"},
		{Name: "Tokens are issued by", Value: cmp.Or(issuer, "the issuer of each tenant")},
		{Name: "Syncs without a schedule of their own", Value: "every " + span(c.Sync.Interval)},
		{Name: "Shortest schedule", Value: span(c.Sync.MinimumInterval)},
		{Name: "Complete listing of an inventory", Value: "at least every " + span(c.Sync.FullInterval)},
		{Name: "Longest sync", Value: span(c.Sync.RunTimeout)},
		{Name: "Certificates that may vanish in one sync", Value: fmt.Sprintf("%d %%; beyond that it fails and none is marked", c.Sync.MaxRemovalPercent)},
		{Name: "A replaced root is distributed beside the new one", Value: "for " + span(c.Trust.Overlap)},
		{Name: "Replaced credentials are kept", Value: "for " + span(c.Credentials.KeepPrevious)},
		{Name: "Requests to the API", Value: budget(c.API.RequestsPerMinute) + " of one client, " + budget(c.API.TenantRequestsPerMinute) + " of a tenant"},
		{Name: "Alerts go out by", Value: s.alertWays()},
		{Name: "Failing syncs are told", Value: "after " + span(c.Alerts.SyncFailingAfter)},
	}
}

// alertWays names the kinds of ways alone: addresses may hold secrets.
func (s *service) alertWays() string {
	words := map[string]string{notify.SinkWebhook: "webhook", notify.SinkMail: "mail"}
	var list []string
	for _, sink := range alertPolicy(s.cfg.Alerts).Sinks {
		list = append(list, words[sink])
	}
	return cmp.Or(strings.Join(list, " and "), "no way; alerts.webhook_url and alerts.smtp_address are not set")
}

// budget says how many requests are answered.
func budget(perMinute int) string {
	if perMinute == 0 {
		return "any number"
	}
	return fmt.Sprintf("%d a minute", perMinute)
}

// span is a duration in the largest unit that it is whole numbers of.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		switch n := d / unit.size; {
		case d%unit.size != 0:
		case n == 1:
			return "1 " + unit.name
		default:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return d.String()
}

// programVersion is what the go command recorded when it built the program.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
