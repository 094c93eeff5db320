package issuer

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	deviceLifetime = 15 * time.Minute
	deviceInterval = 5 * time.Second // least time between two polls
	devicePatience = 2 * time.Second // by which a poll may come early: networks jitter

	// maxDevices bounds the codes that wait for their users.
	maxDevices = 10_000

	maxDevicesPerAddress = 30 // a minute
	maxCodesPerAddress   = 10 // wrong codes entered, a minute

	// userAlphabet has no vowels, which make words, and no letters that look
	// like others (RFC 8628 section 6.1). Eight of it are 34 bits.
	userAlphabet = "BCDFGHJKLMNPQRSTVWXZ"
	userLength   = 8
)

// A device is a request by a program without a browser (RFC 8628).
type device struct {
	client, tenant, scope string
	user                  string // code, as entered
	expires               time.Time
	interval              time.Duration
	polled                time.Time
	state                 deviceState
	permit                permit // once granted
}

type deviceState int

const (
	devicePending deviceState = iota
	deviceGranted
	deviceDeclined
)

// devices are those that wait. They are in memory: the page and the polls must
// reach the same process. It is safe for concurrent use.
type devices struct {
	mu     sync.Mutex
	byCode map[[sha256.Size]byte]*device
	byUser map[string]*device
}

func newDevices() *devices {
	return &devices{byCode: make(map[[sha256.Size]byte]*device), byUser: make(map[string]*device)}
}

// add keeps d and returns its device code, or AADSTS50196 if too many wait.
func (s *devices) add(now time.Time, d *device) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byCode) >= maxDevices {
		s.purge(now)
	}
	if len(s.byCode) >= maxDevices {
		return "", errTooMany(60)
	}
	for d.user == "" || s.byUser[d.user] != nil {
		var err error
		if d.user, err = newUserCode(); err != nil {
			return "", err
		}
	}
	code := rand.Text() + rand.Text()
	s.byCode[sha256.Sum256([]byte(code))] = d
	s.byUser[d.user] = d
	return code, nil
}

func (s *devices) purge(now time.Time) {
	for code, d := range s.byCode {
		// A while longer, so that a late poll learns that the code has expired.
		if now.Sub(d.expires) > deviceLifetime {
			delete(s.byCode, code)
			delete(s.byUser, d.user)
		}
	}
}

// find returns a copy of the pending device whose user code this is.
func (s *devices) find(now time.Time, user string) (device, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.byUser[user]
	if !ok || d.state != devicePending || !now.Before(d.expires) {
		return device{}, errUserCode()
	}
	return *d, nil
}

// settle records the user's answer, nil for no.
func (s *devices) settle(now time.Time, user string, p *permit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.byUser[user]
	if !ok || d.state != devicePending || !now.Before(d.expires) {
		return errUserCode()
	}
	d.state = deviceDeclined
	if p != nil {
		d.state, d.permit = deviceGranted, *p
	}
	return nil
}

// poll returns the permit of a device code, once (RFC 8628 section 3.5).
func (s *devices) poll(now time.Time, code, client, tenant string) (permit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(code))
	d, ok := s.byCode[key]
	if !ok || !strings.EqualFold(d.client, client) || d.tenant != tenant {
		return permit{}, errDeviceCode()
	}
	early := now.Sub(d.polled) < d.interval-devicePatience
	d.polled = now
	if d.state == devicePending && now.Before(d.expires) {
		if early {
			d.interval += deviceInterval
			return permit{}, errSlowDown()
		}
		return permit{}, errPending()
	}
	delete(s.byCode, key)
	delete(s.byUser, d.user)
	switch {
	case d.state == deviceDeclined:
		return permit{}, errDeclinedDevice()
	case !now.Before(d.expires):
		return permit{}, errExpiredDevice()
	}
	return d.permit, nil
}

// newUserCode returns a code for people to type.
func newUserCode() (string, error) {
	code := make([]byte, 0, userLength)
	for len(code) < userLength {
		var b [1]byte
		if _, err := rand.Read(b[:]); err != nil {
			return "", fmt.Errorf("make a user code: %w", err)
		}
		if limit := 256 / len(userAlphabet) * len(userAlphabet); int(b[0]) < limit {
			code = append(code, userAlphabet[int(b[0])%len(userAlphabet)])
		}
	}
	return string(code), nil
}

// showUserCode parts a code in the middle, as it is shown.
func showUserCode(code string) string {
	if len(code) != userLength {
		return ""
	}
	return code[:userLength/2] + "-" + code[userLength/2:]
}

// readUserCode takes a code as people type it.
func readUserCode(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(userAlphabet, r) {
			return r
		}
		return -1
	}, strings.ToUpper(text))
}
