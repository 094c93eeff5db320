package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloudpki/internal/auth"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"

	"github.com/google/uuid"
)

const (
	maxUserName = 256 // bytes

	// Failures in a row before a name is locked: in one place, and everywhere.
	// The first alone would let many addresses guess without end, the second
	// alone would let anybody keep anybody out.
	maxPlaceFailures = 10
	maxNameFailures  = 100

	maxAddressFailures = 30 // of an address within a minute, whatever the names

	// maxHashing bounds how many passwords are hashed at a time: each takes
	// some 20 MiB and tens of milliseconds.
	maxHashing = 4
)

// A User is a person who may sign in to one tenant.
type User struct {
	Name        string // to sign in with; compared without regard to case
	Tenant      string
	DisplayName string
	Password    secret.PasswordHash
	// Scopes are those that the user may grant to clients.
	Scopes []string
}

// stamp changes when the password does: sessions and refresh tokens that carry
// another end.
func (u User) stamp() string {
	sum := sha256.Sum256([]byte(u.Password.String()))
	return hex.EncodeToString(sum[:8])
}

// displayName is what to call the user.
func (u User) displayName() string {
	if u.DisplayName != "" {
		return u.DisplayName
	}
	return u.Name
}

// objectID names the user in the tenant: stable, and not the login name.
func (i *Issuer) objectID(u User) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(i.issuerOf(u.Tenant)+"#user#"+strings.ToLower(u.Name))).String()
}

// Principal returns whom the tokens speak for that a client gets for a user of a
// tenant, with the scopes that the user may grant and no id of a token. It
// reports whether there is such a user.
func (i *Issuer) Principal(tenant, name, client string) (auth.Principal, bool) {
	u, ok := i.people.users[userKey(tenant, name)]
	if !ok {
		return auth.Principal{}, false
	}
	return auth.Principal{
		Tenant: pki.TenantID(u.Tenant), Issuer: trustedName, Client: client,
		Subject: i.objectID(u), Name: u.displayName(), Scopes: u.Scopes,
	}, true
}

// people are the users, and what guards their passwords against guessing.
type people struct {
	users     map[string]User
	decoy     secret.PasswordHash // checked for names that nobody has
	places    *lockout            // by name and place
	names     *lockout
	addresses *throttle
	hashing   chan struct{}
}

// An attempt is one to sign in.
type attempt struct {
	tenant, name string
	password     secret.Text
	address      string // where it comes from
	browser      string // one that this user has signed in with before, or ""
}

// place is where a name is locked: a known browser counts by itself, so that
// guesses from elsewhere do not keep its user out.
func (a attempt) place() string {
	if a.browser != "" {
		return userKey(a.tenant, a.name) + "\x00browser " + a.browser
	}
	return userKey(a.tenant, a.name) + "\x00address " + a.address
}

// userKey is a user's place in the map.
func userKey(tenant, name string) string {
	return strings.ToLower(tenant) + "\x00" + strings.ToLower(strings.TrimSpace(name))
}

// newPeople returns the users by tenant and name.
func newPeople(users []User, tenants []string) (*people, error) {
	p := &people{
		users: make(map[string]User, len(users)), places: newLockout(maxPlaceFailures), names: newLockout(maxNameFailures),
		addresses: newThrottle(), hashing: make(chan struct{}, maxHashing),
	}
	var faults []error
	for n, u := range users {
		if at := slices.IndexFunc(tenants, func(t string) bool { return strings.EqualFold(t, u.Tenant) }); at >= 0 {
			u.Tenant = tenants[at]
		}
		key := userKey(u.Tenant, u.Name)
		if _, taken := p.users[key]; taken {
			faults = append(faults, fmt.Errorf("user %q is listed twice", u.Name))
		}
		if strings.TrimSpace(u.Name) == "" || len(u.Name) > maxUserName || strings.ContainsFunc(u.Name, notPrintable) {
			faults = append(faults, fmt.Errorf("user name %q is not 1 to %d printable characters", u.Name, maxUserName))
		}
		if !containsFold(tenants, u.Tenant) {
			faults = append(faults, fmt.Errorf("user %q: tenant %q is not one of the tenants", u.Name, u.Tenant))
		}
		for _, s := range u.Scopes {
			if !isScope(s) {
				faults = append(faults, fmt.Errorf("user %q: %q is no scope of this service; write %s or %s", u.Name, s, auth.ScopeRead, auth.ScopeReadWrite))
			}
		}
		if n == 0 {
			p.decoy = u.Password.Decoy()
		}
		p.users[key] = u
	}
	return p, errors.Join(faults...)
}

// find returns the user of that name, if the stamp is still theirs.
func (p *people) find(tenant, name, stamp string) (User, bool) {
	u, ok := p.users[userKey(tenant, name)]
	return u, ok && u.stamp() == stamp
}

// byPassword returns the user whose name and password these are: AADSTS50126
// otherwise, AADSTS50053 while the name or the address is locked. Both say the
// same of names that exist and of those that do not, after the same work.
func (p *people) byPassword(ctx context.Context, now time.Time, a attempt) (User, error) {
	if len(a.name) > maxUserName || len(a.password.Reveal()) > secret.MaxPassword {
		return User{}, errPassword()
	}
	if p.locked(now, a) {
		return User{}, errLocked() // at once: those who are locked out must not fill the queue
	}
	select {
	case p.hashing <- struct{}{}:
		defer func() { <-p.hashing }()
	case <-ctx.Done():
		return User{}, fmt.Errorf("wait to check a password: %w", ctx.Err())
	}
	if p.locked(now, a) {
		return User{}, errLocked() // guesses that were sent all at once count one after the other
	}
	u, known := p.users[userKey(a.tenant, a.name)]
	hash := u.Password
	if !known {
		hash = p.decoy
	}
	if len(p.users) == 0 || !hash.Matches(a.password) || !known {
		p.failed(now, a)
		return User{}, errPassword()
	}
	p.places.succeeded(a.place())
	p.names.succeeded(userKey(a.tenant, a.name))
	return u, nil
}

// locked reports whether the attempt may not be made now.
func (p *people) locked(now time.Time, a attempt) bool {
	if p.places.locked(now, a.place()) {
		return true
	}
	if a.browser != "" {
		return false
	}
	_, over := p.addresses.over(now, a.address, maxAddressFailures)
	return over || p.names.locked(now, userKey(a.tenant, a.name))
}

// failed counts a wrong password.
func (p *people) failed(now time.Time, a attempt) {
	p.places.failed(now, a.place())
	if a.browser == "" {
		p.names.failed(now, userKey(a.tenant, a.name))
		p.addresses.count(now, a.address)
	}
}
