package cli

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"cloudpki/internal/graph"
)

func (p *program) subscriptionCommand() *cobra.Command {
	c := parent("subscription", "Register certification authorities and look after them",
		p.subscriptionCreateCommand(), p.subscriptionListCommand(), p.subscriptionGetCommand(),
		p.subscriptionUpdateCommand(), p.subscriptionDeleteCommand(), p.subscriptionTestCommand(),
		p.subscriptionStageCommand(), p.subscriptionPromoteCommand(), p.subscriptionRollbackCommand())
	c.Aliases = []string{"sub", "subscriptions"}
	return c
}

// subscriptionFields are the members that describeSubscription needs; the last
// ones come only where they are selected.
func subscriptionFields() []string {
	return []string{
		"id", "displayName", "description", "cloudPkiProvider", "syncStatus", "lastSyncError", "lastSyncDateTime", "createdDateTime",
		"lastModifiedDateTime", "version", "credentials", "trustedRootCertificate", "serviceUri", "providerSettings", "syncSchedule", "paused",
		"credentialInfo", "nextSyncDateTime",
	}
}

// describeSubscription tells what a person wants to know of a subscription.
func describeSubscription(s graph.Subscription, now time.Time) []field {
	fields := []field{
		{name: "id", value: s.ID},
		{name: "name", value: orDash(s.DisplayName)},
		{name: "description", value: orDash(s.Description)},
		{name: "provider", value: s.Provider},
		{name: "service", value: orDash(s.ServiceURI)},
		{name: "status", value: s.SyncStatus, state: true},
		{name: "last error", value: orDash(s.LastError)},
		{name: "last sync", value: when(&s.LastSync, now)},
		{name: "next sync", value: nextSync(s, now)},
		{name: "schedule", value: orDash(s.Schedule)},
		{name: "trusted root", value: describeRoot(s.TrustedRoot, now)},
	}
	fields = append(fields, describeCredentials(s, now)...)
	for _, setting := range s.Settings {
		fields = append(fields, field{name: "setting", value: setting.Name + "=" + setting.Value})
	}
	return append(fields,
		field{name: "version", value: strconv.Itoa(int(s.Version))},
		field{name: "created", value: when(&s.Created, now)},
		field{name: "modified", value: when(&s.LastModified, now)},
	)
}

// nextSync says when the next sync is due.
func nextSync(s graph.Subscription, now time.Time) string {
	if s.Paused != nil && *s.Paused {
		return "paused"
	}
	return when(s.NextSync, now)
}

// describeRoot says what the trusted root is.
func describeRoot(der []byte, now time.Time) string {
	if der == nil {
		return "-"
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return strconv.Itoa(len(der)) + " bytes that are no certificate"
	}
	sum := sha256.Sum256(c.Raw)
	return c.Subject.String() + ", expires " + when(&c.NotAfter, now) + ", SHA-256 " + hex.EncodeToString(sum[:])
}

// describeCredentials says with what the service logs in to the CA.
func describeCredentials(s graph.Subscription, now time.Time) []field {
	user := field{name: "user", value: "-"}
	if s.Credentials != nil {
		user.value = orDash(s.Credentials.UserName)
	}
	if s.Info == nil {
		return []field{user}
	}
	fields := []field{user}
	if s.Info.Subject != nil {
		certificate := *s.Info.Subject + ", expires " + when(s.Info.NotAfter, now) + ", SHA-256 " + orDash(s.Info.Thumbprint)
		fields = append(fields, field{name: "certificate", value: certificate}, field{name: "accepted", value: when(s.Info.LastAccepted, now)})
	}
	if status := s.Info.Status; status != nil && (*status == "refused" || *status == "expired") {
		fields = append(fields, field{name: "credentials", value: *status + " " + when(s.Info.StatusSince, now), state: true})
	}
	if s.Info.Staged != nil {
		fields = append(fields, field{name: "staged", value: orDash(s.Info.StagedSubject) + ", accepted " + when(s.Info.StagedAccepted, now)})
	}
	if s.Info.PreviousUntil != nil {
		fields = append(fields, field{name: "previous", value: "kept until " + when(s.Info.PreviousUntil, now)})
	}
	return fields
}
