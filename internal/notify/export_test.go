package notify

import "time"

// Delay and RetryAfter are what decides when a delivery is repeated.
var (
	Delay      = delay
	RetryAfter = retryAfter
)

// SetPatience changes how long receivers may take.
func (s *Sender) SetPatience(d time.Duration) { s.patience = d }

// MayBePlain tells to which hosts mail may go in the open.
func MayBePlain(host string) bool { return isLoopback(host) }
