package pki

import "context"

// Atomically runs f so that all changes of t's objects that are made with the
// context it is given happen together or not at all, and reads with that
// context see them. f may run more than once, and all other writes wait for
// it, so it must wait for nothing. The error of f is returned.
func (s *Service) Atomically(ctx context.Context, t TenantID, f func(context.Context) error) error {
	// The tenant's first key is shared by all from the moment it is made, so it
	// must not be undone with the rest.
	if _, _, err := s.keyring.NewObject(ctx, string(t), "none"); err != nil {
		return err
	}
	return s.store.Atomically(ctx, f)
}
