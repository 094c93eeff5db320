package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cloudpki/internal/provider"
)

// The statuses of health that are Vault's own (API, /sys/health).
const (
	statusRecovering = 472 // secondary in disaster recovery
	statusStandby    = 473 // standby for performance
)

// A reply is an answer that is no success, in Vault's own words. It is the
// cause of the *provider.Error.
type reply struct {
	status int
	words  []string // cleaned; empty is Vault's way to say that there is none
}

// Error tells the status and the words.
func (r *reply) Error() string { return fmt.Sprintf("HTTP status %d: %s", r.status, r.text()) }

func (r *reply) text() string { return strings.Join(r.words, "; ") }

// explain reads {"errors": [...]}. An answer that is not of that form is not
// Vault's, but that of something before it, and stays as it was classified.
func (s *session) explain(e *provider.Error, status int, body []byte) {
	var answer struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Errors == nil {
		if status == statusRecovering || status == statusStandby {
			e.Msg = fmt.Sprintf("%s answers HTTP %d: it is a standby that does not serve; set serviceUri to the active node or the cluster", s.rest.Host(), status)
		}
		return
	}
	said := &reply{status: status}
	for _, w := range answer.Errors[:min(len(answer.Errors), maxErrors)] {
		if w = s.words.Clean(tidy(w), maxWords); w != "" {
			said.words = append(said.words, w)
		}
	}
	e.Err, e.Retry = said, "" // Vault itself speaks
	if len(said.words) > 0 {
		e.Msg = fmt.Sprintf("%s answers HTTP %d: %s", s.rest.Host(), status, said.text())
	}
	s.classify(e, said)
}

// maxErrors bounds the words that are taken of one answer.
const maxErrors = 4

// tidy takes the frame off Vault's lists of errors: "1 error occurred:\n\t* permission denied\n\n".
func tidy(words string) string {
	lines := strings.Split(words, "\n")
	if len(lines) == 1 || !strings.Contains(lines[0], "occurred:") {
		return words
	}
	var out []string
	for _, line := range lines[1:] {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "* "); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, ", ")
}

// classify refines the class that the status gave by the words.
func (s *session) classify(e *provider.Error, said *reply) {
	words := strings.ToLower(said.text())
	invalid := strings.Contains(words, "invalid token") || strings.Contains(words, "bad token") || strings.Contains(words, "missing client token")
	switch {
	case (said.status == http.StatusForbidden || said.status == http.StatusBadRequest) && invalid:
		e.Code = provider.CodeCredentialInvalid
		e.Msg += "; the token is wrong or has expired, replace " + memberPassword
	case said.status == http.StatusServiceUnavailable && strings.Contains(words, "sealed"):
		e.Msg += "; it must be unsealed by its operators"
	case said.status == http.StatusInternalServerError, said.status == http.StatusPreconditionFailed:
		e.Code = provider.CodeUpstreamFault
	case said.status == http.StatusBadRequest:
		e.Code = provider.CodeUpstreamFault
	}
}

// aboutMount says what a refusal below the mount means for the settings.
func (s *session) aboutMount(err error) error {
	var said *reply
	var e *provider.Error
	if !errors.As(err, &said) || !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code == provider.CodePermission:
		e.Msg += fmt.Sprintf("; the token's policies lack a right on the mount '%s' (see docs/providers/vault.md), or setting mount names another%s", s.mountName, s.orNamespace())
	case said.status == http.StatusNotFound && len(said.words) > 0:
		e.Code, e.Retry = provider.CodeProtocol, provider.RetryNever
		e.Msg = fmt.Sprintf("%s has no PKI secrets engine at '%s' (%s); set providerSettings mount%s", s.rest.Host(), s.mountName, said.text(), s.orNamespace())
	}
	return err
}

// orNamespace ends a sentence that names a setting.
func (s *session) orNamespace() string {
	if s.namespace == "" {
		return ", or namespace where the server has namespaces"
	}
	return fmt.Sprintf(", or correct namespace '%s'", s.namespace)
}
