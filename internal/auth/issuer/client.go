package issuer

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"cloudpki/internal/secret"
)

// A Client is an application that may log in to its one tenant.
type Client struct {
	ID     string // customarily a GUID; compared without regard to case
	Tenant string
	Name   string // for people
	// SecretHashes are those of its secrets: two while one replaces the other.
	SecretHashes []SecretHash
	// Certificates verify its assertions; RSA of at least 2048 bits or P-256.
	Certificates []*x509.Certificate
	// Public clients cannot keep a secret: programs on people's machines. They
	// act for users alone, by code with PKCE or by device code.
	Public bool
	// RedirectURIs are where users may be sent back to. One with http and
	// loopback fits any port for a public client.
	RedirectURIs []string
	// Scopes bound what the client may do for users; none for all that they may.
	Scopes []string
	// Roles are the application roles that its tokens carry.
	Roles []string
	// RequestsPerMinute bounds its requests for tokens; 0 for 600. The service
	// may hold its API requests to the same budget.
	RequestsPerMinute int
}

// A SecretHash is the SHA-256 of a client secret. A plain hash is enough
// because NewSecret's secrets cannot be guessed; passwords of people must not
// be used.
type SecretHash [sha256.Size]byte

// NewSecret returns a random client secret of 260 bits.
func NewSecret() secret.Text { return secret.NewString(rand.Text() + rand.Text()) }

// HashSecret returns what the configuration keeps of a secret.
func HashSecret(s secret.Text) SecretHash { return sha256.Sum256(s.Reveal()) }

// hasSecret reports whether s is one of the client's secrets.
func (c Client) hasSecret(s secret.Text) bool {
	given := HashSecret(s)
	found := 0
	for _, h := range c.SecretHashes {
		found |= subtle.ConstantTimeCompare(given[:], h[:])
	}
	return found == 1 && !s.IsEmpty()
}

// indexClients returns the clients by ID in lower case.
func indexClients(clients []Client, tenants []string) (map[string]Client, error) {
	index := make(map[string]Client, len(clients))
	var faults []error
	for _, c := range clients {
		key := strings.ToLower(c.ID)
		if _, taken := index[key]; taken {
			faults = append(faults, fmt.Errorf("client %q is listed twice", c.ID))
		}
		if c.ID == "" || len(c.ID) > maxClientID || strings.ContainsFunc(c.ID, notPrintable) {
			faults = append(faults, fmt.Errorf("client id %q is not 1 to %d printable characters", c.ID, maxClientID))
		}
		if !containsFold(tenants, c.Tenant) {
			faults = append(faults, fmt.Errorf("client %q: tenant %q is not one of the tenants", c.ID, c.Tenant))
		}
		if err := c.check(); err != nil {
			faults = append(faults, fmt.Errorf("client %q %w", c.ID, err))
		}
		index[key] = c
	}
	return index, errors.Join(faults...)
}

// check returns what is wrong with how the client logs in.
func (c Client) check() error {
	var faults []error
	credentials := len(c.SecretHashes) + len(c.Certificates)
	switch {
	case credentials == 0 && !c.Public:
		faults = append(faults, errors.New("has neither secret nor certificate, and is not public"))
	case credentials > 0 && c.Public:
		faults = append(faults, errors.New("is public, and has a secret or certificate"))
	}
	for _, uri := range c.RedirectURIs {
		if err := checkRedirectURI(uri); err != nil {
			faults = append(faults, fmt.Errorf("has a bad address: %w", err))
		}
	}
	for _, s := range c.Scopes {
		if !isScope(s) {
			faults = append(faults, fmt.Errorf("has the scope %q, which this service does not know", s))
		}
	}
	return errors.Join(faults...)
}

// client returns the client called id if it belongs to tenant, else AADSTS700016.
func (i *Issuer) client(id, tenant string) (Client, error) {
	c, ok := i.clients[strings.ToLower(id)]
	if !ok || !strings.EqualFold(c.Tenant, tenant) {
		return Client{}, errUnknownClient(id, tenant)
	}
	return c, nil
}
