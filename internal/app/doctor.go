package app

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"cloudpki/internal/config"
	"cloudpki/internal/provider"
	"cloudpki/internal/store"
)

// A Finding is what one check of the doctor has found.
type Finding struct {
	Check   string `json:"check"`  // what was looked at: "root key"
	Status  Health `json:"status"` // how it is
	Message string `json:"message"`
	Action  string `json:"action,omitempty"` // what to do; "" for nothing
}

// Health is the outcome of a check.
type Health string

// The outcomes.
const (
	Healthy Health = "ok"
	Warned  Health = "warning" // works now, and needs somebody
	Failed  Health = "failed"  // does not work
	Skipped Health = "skipped" // could not be looked at, for the reason that is told
)

// Bounds of an examination.
const (
	checkTime  = 10 * time.Second // one check
	allTime    = time.Minute      // those of issuers and CAs
	atOnce     = 8                // checks
	skewWarned = time.Minute      // of the clock
	expirySoon = 30 * 24 * time.Hour
)

// A doctor looks at a configuration and at what it leads to. It changes
// nothing and sends no credentials.
type doctor struct {
	cfg       config.Config
	now       func() time.Time
	transport *provider.Transport
	client    *http.Client // for issuers

	mu    sync.Mutex
	skews []skew
}

// Doctor checks whether a service with this configuration can work, and says
// what to do where it cannot. It may run beside the service. Checks that wait
// for others take ten seconds at most, eight at a time. The findings are in the
// order of the way from the configuration to the CAs.
func Doctor(ctx context.Context, cfg config.Config, now func() time.Time) []Finding {
	d := &doctor{
		cfg: cfg, now: now,
		transport: provider.NewTransport(provider.TransportOptions{Allow: cfg.Outbound.Allow, Timeout: checkTime, Now: now}),
		client: &http.Client{
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	findings := append([]Finding{d.directory(), d.space(), d.certificate()}, d.signer()...)
	inspection, finding := d.database(ctx)
	findings = append(findings, finding...)
	findings = append(findings, d.rootKey(inspection))
	findings = append(findings, d.alerts(inspection.AlertSinks)...)
	findings = append(findings, d.alerts(inspection.AlertSinks)...)
	var checks []check
	for _, issuer := range cfg.Auth.Issuers {
		checks = append(checks, check{"issuer " + issuer.Issuer, func(ctx context.Context, name string) Finding { return d.issuer(ctx, name, issuer) }})
	}
	for _, e := range inspection.Endpoints {
		checks = append(checks, check{"CA " + e.Host, func(ctx context.Context, name string) Finding { return d.authority(ctx, name, e) }})
	}
	findings = append(findings, together(ctx, checks)...)
	if inspection.Further > 0 {
		findings = append(findings, found("CAs", Skipped, "cloudpki subscription test ID looks at the CA of a subscription",
			"%d addresses of CAs were not looked at: the doctor looks at %d", inspection.Further, store.MaxEndpoints))
	}
	return append(findings, d.clock())
}

// A check waits for others.
type check struct {
	name string
	do   func(ctx context.Context, name string) Finding
}

// together makes checks at the same time, each in its bound, and returns what
// they found in their order. What comes to no turn within the bound of all is
// skipped.
func together(ctx context.Context, checks []check) []Finding {
	ctx, stop := context.WithTimeout(ctx, allTime)
	defer stop()
	findings := make([]Finding, len(checks))
	places := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for i, c := range checks {
		places <- struct{}{}
		if ctx.Err() != nil {
			findings[i] = found(c.name, Skipped, "mend those before it first", "no time was left")
			<-places
			continue
		}
		group.Go(func() {
			defer func() { <-places }()
			ctx, stop := context.WithTimeout(ctx, checkTime)
			defer stop()
			findings[i] = c.do(ctx, c.name)
		})
	}
	group.Wait()
	return findings
}

func found(check string, status Health, action, format string, args ...any) Finding {
	return Finding{Check: check, Status: status, Action: action, Message: fmt.Sprintf(format, args...)}
}

// database looks at the database; what it shows is of use to further checks.
func (d *doctor) database(ctx context.Context) (store.Inspection, []Finding) {
	const check = "database"
	ctx, stop := context.WithTimeout(ctx, checkTime)
	defer stop()
	i, err := store.Inspect(ctx, string(d.cfg.Database.URL))
	if err != nil {
		return store.Inspection{}, []Finding{found(check, Failed, "mend what the message names (database.url); a damaged file is replaced by a backup, docs/operate.md tells how", "%v", err)}
	}
	if !i.Exists {
		return i, []Finding{found(check, Healthy, "", "there is none yet at %s; the first start makes it", d.cfg.Database.URL)}
	}
	findings := []Finding{d.schema(i)}
	const pages = "database pages"
	switch {
	case i.Engine != "sqlite":
	case i.InUse:
		findings = append(findings, found(pages, Skipped, "stop the service to have them looked at", "a running service has the file open"))
	case !i.Checked:
		findings = append(findings, found(pages, Skipped, "sqlite3 FILE 'PRAGMA integrity_check' has no such bound", "the file is too large to be looked at in %v", checkTime))
	case i.Damage != "":
		findings = append(findings, found(pages, Failed, "stop the service, keep the file, and restore a backup", "damaged: %s", provider.Clean(i.Damage, 200)))
	default:
		findings = append(findings, found(pages, Healthy, "", "whole"))
	}
	return i, findings
}

// schema judges the version of the database's schema.
func (d *doctor) schema(i store.Inspection) Finding {
	const check = "database"
	switch {
	case i.Version > i.Latest:
		return found(check, Failed, "install the newer cloudpki, or restore a backup", "schema version %d was made by a newer cloudpki; this one knows up to %d", i.Version, i.Latest)
	case i.Version < i.Latest:
		return found(check, Warned, "back up the database before the next start; keys and CAs in it are looked at after that", "schema version %d; the next start brings it to %d", i.Version, i.Latest)
	}
	return found(check, Healthy, "", "%s, schema version %d", i.Engine, i.Version)
}
