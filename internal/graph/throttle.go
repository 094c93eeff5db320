package graph

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
)

// client names who pays for a request.
func (x *exchange) client() clientKey {
	if x.principal.Tenant == "" {
		return x.network()
	}
	return clientKey{string(x.principal.Tenant), x.caller()}
}

// network is where a request without a token comes from: an IPv4 address, or
// the /64 of an IPv6 address, all of which one host may have.
func (x *exchange) network() clientKey {
	const host = 64
	name, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err != nil {
		name = x.r.RemoteAddr
	}
	if address, err := netip.ParseAddr(name); err == nil {
		name = address.Unmap().String()
		if prefix, err := address.WithZone("").Prefix(host); err == nil && !address.Unmap().Is4() {
			name = prefix.String()
		}
	}
	return clientKey{tenant: "network " + name, client: name}
}

// warningShare is the part of a budget from which clients are told how much of
// it is left, as Microsoft Graph and SharePoint do.
const warningShare = 0.8

// spendBudget takes the request from the budgets of its client and tenant. A
// client that has none left takes nothing from its tenant's.
func (s *Server) spendBudget(x *exchange) error {
	key, now := x.client(), s.now()
	used, scope := s.limits.clients.spend(key, now), "Tenant_Application"
	if used.wait == 0 {
		if tenant := s.limits.tenants.spend(key.tenant, now); tenant.wait > 0 || tenant.share() > used.share() {
			used, scope = tenant, "Tenant"
		}
	}
	if used.share() < warningShare && used.wait == 0 {
		return nil
	}
	h := x.w.Header()
	h["RateLimit-Limit"] = []string{strconv.Itoa(used.limit)}
	h["RateLimit-Remaining"] = []string{strconv.Itoa(used.remaining)}
	h["RateLimit-Reset"] = []string{strconv.Itoa(used.reset)}
	h["x-ms-throttle-limit-percentage"] = []string{strconv.FormatFloat(used.share(), 'f', 2, 64)}
	if used.wait == 0 {
		return nil
	}
	x.throttled(scope, "ReadWrite", "ResourceUnitLimitExceeded")
	return tooMany(used.wait)
}

// throttled tells which limit was met, in the fields of Microsoft Graph.
func (x *exchange) throttled(scope, limit, reason string) {
	key := x.client()
	h := x.w.Header()
	h["x-ms-throttle-scope"] = []string{scope + "/" + limit + "/" + printable(key.client) + "/" + printable(key.tenant)}
	h["x-ms-throttle-information"] = []string{reason}
}

// spendFailure counts a refused token. Past the budget of the network it comes
// from, the answer is 429 in the place of refusal. A valid token is honoured
// all the same: clients share addresses with those that attack.
func (s *Server) spendFailure(x *exchange, refusal error) error {
	if f := explain(refusal); f.status != http.StatusUnauthorized {
		return refusal
	}
	if used := s.limits.failures.spend(x.network().client, s.now()); used.wait > 0 {
		return tooMany(used.wait)
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
	if used := s.limits.fetches.spend(x.network().client, s.now()); used.wait > 0 {
		return tooMany(used.wait)
	}
	return nil
}

// enter takes a slot of the given kind for as long as f runs.
func (x *exchange) enter(kind *slots, key clientKey, f func() error) error {
	const soon = 1 // seconds
	switch kind.take(key) {
	case generalShortage:
		return overloaded(errors.New("all slots are taken"))
	case clientShortage:
		x.throttled("Tenant_Application", "Concurrency", "ConcurrencyLimitExceeded")
		return tooMany(soon)
	case tenantShortage:
		x.throttled("Tenant", "Concurrency", "ConcurrencyLimitExceeded")
		return tooMany(soon)
	case noShortage:
	}
	defer kind.giveBack(key)
	return f()
}
