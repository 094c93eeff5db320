package issuer

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cloudpki/internal/secret"
)

const (
	maxClientID = 256

	// assertionType is that of RFC 7523 section 2.2.
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

	maxFailures     = 10  // told and logged per client, address and minute
	defaultRequests = 600 // tokens per client and minute
)

// A proof is how a client has shown who it is, in the words of azpacr.
type proof string

const (
	byNothing     proof = "0" // a public client
	bySecret      proof = "1"
	byCertificate proof = "2"
)

// A credential is what a token request brings to show who the client is: a
// secret or an assertion.
type credential struct {
	clientID  string
	secret    secret.Text
	assertion string
}

// authenticate returns the client that the request proves to be (RFC 6749
// section 2.3).
func (i *Issuer) authenticate(r *http.Request, tenant string, form url.Values) (Client, proof, error) {
	cred, err := credentialOf(r, form)
	if err != nil {
		return Client{}, "", err
	}
	assertion, err := parseAssertion(cred)
	if err != nil {
		return Client{}, "", err
	}
	if cred.clientID == "" {
		cred.clientID = assertion.claims.Subject
	}
	if cred.clientID == "" {
		return Client{}, "", errMissing("client_id")
	}
	client, err := i.client(cred.clientID, tenant)
	if err != nil {
		return Client{}, "", err
	}

	now := i.now()
	source := strings.ToLower(client.ID) + " " + i.clientIP(r)
	how, err := i.prove(cred, assertion, client, tenant)
	if err != nil {
		// The right credential is never refused for the wrong ones: everybody
		// behind the client's proxy has its address.
		if wait, over := i.failures.over(now, source, maxFailures); over {
			return Client{}, "", errTooMany(wait)
		}
		i.failures.count(now, source)
		i.log.LogAttrs(r.Context(), slog.LevelWarn, "a client fails to authenticate",
			slog.String("tenant", tenant), slog.String("client", client.ID), slog.String("from", i.clientIP(r)))
		return Client{}, "", err
	}

	budget := client.RequestsPerMinute
	if budget <= 0 {
		budget = defaultRequests
	}
	spender := strings.ToLower(client.ID)
	if client.Public {
		spender = source // anybody can speak for it, and must not use up what others need
	}
	if wait, over := i.requests.over(now, spender, budget); over {
		return Client{}, "", errTooMany(wait)
	}
	i.requests.count(now, spender)
	return client, how, nil
}

// prove holds the credential against the client's.
func (i *Issuer) prove(cred credential, a assertion, c Client, tenant string) (proof, error) {
	none := cred.assertion == "" && cred.secret.IsEmpty()
	switch {
	case c.Public && !none:
		return "", errPublic(c.ID)
	case c.Public:
		return byNothing, nil
	case none:
		return "", errNoCredential()
	case cred.assertion != "":
		return byCertificate, i.checkAssertion(a, c, tenant)
	case !c.hasSecret(cred.secret):
		return "", errSecret(c.ID)
	}
	return bySecret, nil
}

// credentialOf returns the one credential of a request, empty for none;
// several are refused.
func credentialOf(r *http.Request, form url.Values) (credential, error) {
	cred := credential{
		clientID:  form.Get("client_id"),
		secret:    secret.NewString(form.Get("client_secret")),
		assertion: form.Get("client_assertion"),
	}
	ways := 0
	if !cred.secret.IsEmpty() {
		ways++
	}
	if cred.assertion != "" {
		ways++
		if form.Get("client_assertion_type") != assertionType {
			return credential{}, errMissing("client_assertion_type")
		}
	}
	if user, password, ok := r.BasicAuth(); ok {
		ways++
		id, errID := url.QueryUnescape(user)
		plain, errSecret := url.QueryUnescape(password)
		if errID != nil || errSecret != nil || (cred.clientID != "" && !strings.EqualFold(cred.clientID, id)) {
			return credential{}, errRequest("The Authorization header does not hold a form-encoded client id and secret, or another client id than the body.")
		}
		cred.clientID, cred.secret = id, secret.NewString(plain)
	}
	switch {
	case ways > 1:
		return credential{}, errRequest("The request uses more than one way to authenticate the client.")
	case ways == 0 && cred.clientID == "":
		return credential{}, errMissing("client_id")
	case len(cred.clientID) > maxClientID:
		return credential{}, errRequest("The client id is too long.")
	}
	return cred, nil
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(t string) bool { return strings.EqualFold(t, s) })
}
