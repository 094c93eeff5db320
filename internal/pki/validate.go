package pki

import (
	"fmt"
	"strings"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// Bounds of a subscription's members.
const (
	maxSettings  = 64
	maxBinary    = 1 << 20 // bytes of a certificate, a bundle or a PKCS#12
	maxSyncDelay = 31 * 24 * time.Hour
)

// checkDraft finds every fault of a create. What a CA needs is not its
// business: an incomplete subscription is stored, and its sync says what is
// missing.
func (s *Service) checkDraft(d Draft) []Problem {
	problems := s.checkMembers(d)
	if d.ID.IsGiven() && d.ID.Value != placeholderID && !ID(d.ID.Value).Valid() {
		problems = append(problems, Problem{"id", "An id has 1 to 128 characters out of A-Z, a-z, 0-9, '-', '.', '_' and '~'. Leave it out to have the service make one."})
	}
	if d.Version.IsGiven() && d.Version.Value < 0 {
		problems = append(problems, Problem{"version", "A version is not negative."})
	}
	return problems
}

func (s *Service) checkMembers(d Draft) []Problem {
	var out []Problem
	note := func(target, format string, args ...any) {
		out = append(out, Problem{target, fmt.Sprintf(format, args...)})
	}
	if d.Provider.IsGiven() {
		if _, ok := s.providers.ValueOf(d.Provider.Value); !ok {
			note("cloudPkiProvider", "'%s' is not a member of cloudPkiProvider.", d.Provider.Value)
		}
	}
	if d.ServiceURI.IsGiven() {
		if _, err := provider.ParseServiceURI(d.ServiceURI.Value); err != nil {
			note("serviceUri", "%s", err)
		}
	}
	for _, m := range []struct {
		target string
		size   int
	}{
		{"trustedRootCertificate", len(d.TrustedRoot.Value)},
		{"serverCertificateAuthorities", len(d.ServerCAs.Value)},
		{"credentials/" + fieldCertificate, len(d.Credentials.Value.Certificate.Value.Reveal())},
	} {
		if m.size > maxBinary {
			note(m.target, "The value has %d bytes; at most %d are accepted.", m.size, maxBinary)
		}
	}
	if d.SyncSchedule.IsGiven() && (d.SyncSchedule.Value < s.schedule.MinimumInterval || d.SyncSchedule.Value > maxSyncDelay) {
		note("syncSchedule", "The time between two syncs lies between %s and %s.", iso(s.schedule.MinimumInterval), iso(maxSyncDelay))
	}
	return append(out, checkSettings(d.Settings.Value)...)
}

func iso(d time.Duration) string { return string(odata.AppendDuration(nil, d)) }

func checkSettings(list []Setting) []Problem {
	if len(list) > maxSettings {
		return []Problem{{"providerSettings", fmt.Sprintf("There are %d settings; at most %d are accepted.", len(list), maxSettings)}}
	}
	var out []Problem
	seen := make(map[string]bool, len(list))
	for i, set := range list {
		target := fmt.Sprintf("providerSettings/%d/name", i)
		switch {
		case strings.TrimSpace(set.Name) == "":
			out = append(out, Problem{target, "A setting needs a name."})
		case seen[set.Name]:
			out = append(out, Problem{target, fmt.Sprintf("The setting '%s' is given twice.", set.Name)})
		}
		seen[set.Name] = true
	}
	return out
}
