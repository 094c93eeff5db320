package published

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"cloudpki/internal/provider"
)

// The bounds of a setting that lists addresses.
const (
	maxAddresses = 16
	maxAddress   = 2048 // bytes of one
)

// Addresses reads a setting that lists addresses, with commas between: each is
// an https address, or a path below base, where base is not nil. An address may
// have a query. The error's text is the rest of a sentence for an admin that
// begins with the setting's name; it repeats no address, as a query may be a
// secret.
func Addresses(value string, base *url.URL) ([]*url.URL, error) {
	var out []*url.URL
	for i, text := range entries(value) {
		u, err := address(text, base)
		if err != nil {
			return nil, fmt.Errorf("holds in place %d what cannot be called: %w", i+1, err)
		}
		if !slices.ContainsFunc(out, func(o *url.URL) bool { return *o == *u }) {
			out = append(out, u)
		}
	}
	if len(out) > maxAddresses {
		return nil, fmt.Errorf("lists %d addresses; at most %d are read", len(out), maxAddresses)
	}
	return out, nil
}

// CheckAddresses is Addresses for a provider.Setting, where the base address is
// not known.
func CheckAddresses(value string) error {
	_, err := Addresses(value, &url.URL{Scheme: "https", Host: "base.invalid", Path: "/"})
	return err
}

func entries(value string) []string {
	var out []string
	for text := range strings.SplitSeq(value, ",") {
		if text = strings.TrimSpace(text); text != "" {
			out = append(out, text)
		}
	}
	return out
}

func address(text string, base *url.URL) (*url.URL, error) {
	if len(text) > maxAddress {
		return nil, fmt.Errorf("it is longer than %d characters", maxAddress)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it is not an address")
	case u.Fragment != "" || u.User != nil:
		return nil, errors.New("it has a fragment, a user name or a password")
	case u.Scheme == "http":
		return nil, errors.New("it begins with http://. Even what is signed can be replaced on the way by an older list that hides revocations; publish it over https://")
	case u.Scheme == "" && u.Host == "":
		return below(base, u)
	case u.Scheme != "https":
		return nil, errors.New("it does not begin with https://")
	}
	if _, err := provider.ParseServiceURI("https://" + u.Host); err != nil {
		return nil, err
	}
	return u, nil
}

func below(base, u *url.URL) (*url.URL, error) {
	switch {
	case base == nil:
		return nil, errors.New("it is a path, but there is no serviceUri that it could be below; write the whole https:// address")
	case u.Opaque != "" || strings.HasPrefix(u.Path, "/") || slices.Contains(strings.Split(u.Path, "/"), ".."):
		return nil, errors.New("a path must lie below serviceUri: without a slash in front, and without '..'")
	}
	return base.ResolveReference(u), nil
}
