package pki

import (
	"slices"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// destinations are the servers, host and port, that a subscription sends its
// password to: that of serviceUri, and those of settings that are addresses,
// such as a token endpoint.
func (s *Service) destinations(sub *Subscription) []string {
	kind, _ := s.catalog.Kind(sub.Provider)
	addresses := []string{kind.DefaultURI}
	if sub.ServiceURI != nil {
		addresses[0] = *sub.ServiceURI
	}
	for _, known := range kind.Settings {
		for _, set := range sub.Settings {
			if known.Type == provider.SettingURL && set.Name == known.Name {
				addresses = append(addresses, set.Value)
			}
		}
	}
	var hosts []string
	for _, a := range addresses {
		if host := provider.HostOf(a); host != "" {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// goesElsewhere reports whether after sends its password to a server that
// before does not send it to.
func (s *Service) goesElsewhere(before, after *Subscription) bool {
	known := s.destinations(before)
	return slices.ContainsFunc(s.destinations(after), func(host string) bool { return !slices.Contains(known, host) })
}

// keepPassword refuses a draft that would have the stored password go to
// another server than before: secrets are written, never read, and whoever may
// write a subscription could read its password there. A client certificate is
// not concerned, as its key is sent nowhere.
func (s *Service) keepPassword(before, after *Subscription, stored *Credentials, d Draft) error {
	password := secretField{sent: d.Credentials.Value.Password}
	switch {
	case stored == nil || len(stored.Password) == 0, d.Credentials.State == odata.Null, before.leaves(d):
		return nil // none is there, or none is left
	case d.Credentials.IsGiven() && password.isChange(), !s.goesElsewhere(before, after):
		return nil
	}
	return invalidAll([]Problem{{
		"credentials/" + fieldPassword,
		"The change has the subscription call another server, and the stored password was given for the one before. Send the password along, or set credentials to null.",
	}})
}
