package graph

import (
	"errors"
	"net/http"
	"strconv"

	"cloudpki/internal/limit"
)

// client names who pays for a request.
func (x *exchange) client() limit.Client {
	if x.principal.Tenant == "" {
		return x.network()
	}
	return limit.Client{Tenant: string(x.principal.Tenant), Name: x.caller()}
}

// network is where a request without a token comes from.
func (x *exchange) network() limit.Client {
	name := limit.Network(x.r.RemoteAddr)
	return limit.Client{Tenant: "network " + name, Name: name}
}

// warningShare is the part of a budget from which clients are told how much of
// it is left, as Microsoft Graph and SharePoint do.
const warningShare = 0.8

// spendBudget takes the request from the budgets of its client and tenant. A
// client that has none left takes nothing from its tenant's.
func (s *Server) spendBudget(x *exchange) error {
	key, now := x.client(), s.now()
	used, scope := s.limits.clients.Spend(key, now), "Tenant_Application"
	if used.Wait == 0 {
		if tenant := s.limits.tenants.Spend(key.Tenant, now); tenant.Wait > 0 || tenant.Share() > used.Share() {
			used, scope = tenant, "Tenant"
		}
	}
	if used.Share() < warningShare && used.Wait == 0 {
		return nil
	}
	h := x.w.Header()
	h["RateLimit-Limit"] = []string{strconv.Itoa(used.Limit)}
	h["RateLimit-Remaining"] = []string{strconv.Itoa(used.Remaining)}
	h["RateLimit-Reset"] = []string{strconv.Itoa(used.Reset)}
	h["x-ms-throttle-limit-percentage"] = []string{strconv.FormatFloat(used.Share(), 'f', 2, 64)}
	if used.Wait == 0 {
		return nil
	}
	x.throttled(scope, "ReadWrite", "ResourceUnitLimitExceeded")
	return tooMany(used.Wait)
}

// throttled tells which limit was met, in the fields of Microsoft Graph.
func (x *exchange) throttled(scope, limit, reason string) {
	key := x.client()
	h := x.w.Header()
	h["x-ms-throttle-scope"] = []string{scope + "/" + limit + "/" + printable(key.Name) + "/" + printable(key.Tenant)}
	h["x-ms-throttle-information"] = []string{reason}
}

// spendFailure counts a refused token. Past the budget of the network it comes
// from, the answer is 429 in the place of refusal. A valid token is honoured
// all the same: clients share addresses with those that attack.
func (s *Server) spendFailure(x *exchange, refusal error) error {
	if f := explain(refusal); f.status != http.StatusUnauthorized {
		return refusal
	}
	if used := s.limits.failures.Spend(x.network().Name, s.now()); used.Wait > 0 {
		return tooMany(used.Wait)
	}
	return refusal
}

// spendFetch takes a file from the budget of the network that asks for it
// without a token. Who is told that a file at hand is unchanged pays nothing:
// that costs no more than a refusal would, and a fleet behind one address waits
// only for what is new to it. f is nil where the file is not at hand.
func (s *Server) spendFetch(x *exchange, f *file) error {
	if f != nil {
		if same, err := x.hasFile(f); err != nil || same {
			return err
		}
	}
	if used := s.limits.fetches.Spend(x.network().Name, s.now()); used.Wait > 0 {
		return tooMany(used.Wait)
	}
	return nil
}

// enter takes a slot of the given kind for as long as f runs.
func (x *exchange) enter(kind *limit.Slots, key limit.Client, f func() error) error {
	const soon = 1 // seconds
	switch kind.Take(key) {
	case limit.GeneralShortage:
		return overloaded(errors.New("all slots are taken"))
	case limit.ClientShortage:
		x.throttled("Tenant_Application", "Concurrency", "ConcurrencyLimitExceeded")
		return tooMany(soon)
	case limit.TenantShortage:
		x.throttled("Tenant", "Concurrency", "ConcurrencyLimitExceeded")
		return tooMany(soon)
	case limit.NoShortage:
	}
	defer kind.GiveBack(key)
	return f()
}
