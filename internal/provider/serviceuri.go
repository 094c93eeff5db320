package provider

import (
	"errors"
	"net/url"
	"strings"
)

// ParseServiceURI reads a CA's base address: https, a host, no user name, query
// or fragment. The result's path ends in a slash, so that service names can be
// appended with URL.JoinPath or URL.ResolveReference.
func ParseServiceURI(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("is not an address") // url.Error would repeat s, and with it a password
	case u.Scheme != "https":
		return nil, errors.New("must begin with https://")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("names no host")
	case u.User != nil:
		return nil, errors.New("must not hold a user name or password; those go into credentials")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("must not have a query or fragment")
	}
	if !strings.HasSuffix(u.Path, "/") {
		u = u.JoinPath("/")
	}
	return u, nil
}
