package issuer

import (
	"fmt"
	"net/http"
)

// The refusals of what is done for people. Numbers and texts are Entra ID's
// where it has the case.

// The answers to a device that polls (RFC 8628 section 3.5).
const (
	codePending  = "authorization_pending"
	codeSlowDown = "slow_down"
)

func errNoScope() error {
	return &refusal{http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid: it is empty or too long.", 0}
}

func errScopeResources() error {
	return &refusal{http.StatusBadRequest, "invalid_scope", 28000, "The provided value for the input parameter 'scope' is not valid because it contains more than one resource.", 0}
}

func errUnknownScope(client, name, resource string) error {
	return &refusal{http.StatusBadRequest, "invalid_scope", 650053, fmt.Sprintf("The application '%s' asked for scope '%s' that doesn't exist on the resource '%s'.", client, echo(name), echo(resource)), 0}
}

func errScopeNotGranted() error {
	return &refusal{http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid because it contains more than what was granted.", 0}
}

func errNotAssigned(client, user string) error {
	return &refusal{http.StatusForbidden, "access_denied", 50105, fmt.Sprintf("The signed in user '%s' may not grant the application '%s' any of the scopes that it asks for.", user, client), 0}
}

func errPassword() error {
	return &refusal{http.StatusBadRequest, "invalid_grant", 50126, "Error validating credentials due to invalid username or password.", 0}
}

func errLocked() error {
	return &refusal{http.StatusTooManyRequests, "invalid_grant", 50053, "The account is temporarily locked because of too many failed attempts. Try again in a few minutes.", 0}
}

func errCookies() error {
	return &refusal{http.StatusBadRequest, "invalid_request", 90091, "The browser sends no cookies. Allow cookies for this site and begin again.", 0}
}

func errStalePage() error {
	return &refusal{http.StatusBadRequest, "invalid_request", 90100, "This page has expired or was opened in another browser. Begin again where you came from.", 0}
}

func errRedirectURI(uri, client string) error {
	return &refusal{http.StatusBadRequest, "invalid_request", 50011, fmt.Sprintf("The redirect URI '%s' specified in the request does not match the redirect URIs configured for the application '%s'.", echo(uri), client), 0}
}

func errResponseType(kind string) error {
	return &refusal{http.StatusBadRequest, "unsupported_response_type", 700054, fmt.Sprintf("response_type '%s' is not enabled for the application; ask for 'code'.", echo(kind)), 0}
}

func errNoChallenge() error {
	return &refusal{http.StatusBadRequest, "invalid_request", 50147, "Proof Key for Code Exchange is required: the parameter code_challenge is missing.", 0}
}

func errChallengeMethod() error {
	return &refusal{http.StatusBadRequest, "invalid_request", 50147, "The code_challenge_method must be S256.", 0}
}

func errChallenge() error {
	return &refusal{http.StatusBadRequest, "invalid_request", 501491, "Invalid size or characters of the code_challenge parameter.", 0}
}

func errVerifier() error {
	return &refusal{http.StatusBadRequest, "invalid_grant", 501481, "The code_verifier does not match the code_challenge supplied in the authorization request.", 0}
}

func errLoginRequired() error {
	return &refusal{http.StatusBadRequest, "login_required", 50058, "A silent sign-in request was sent but no user is signed in.", 0}
}

func errConsentRequired() error {
	return &refusal{http.StatusBadRequest, "consent_required", 65001, "A silent sign-in request was sent, but a program on the user's own machine is confirmed each time. Send an interactive authorization request.", 0}
}

func errDeclined() error {
	return &refusal{http.StatusBadRequest, "access_denied", 65004, "The user declined to consent to access the app.", 0}
}

func errCode() error {
	return &refusal{http.StatusBadRequest, "invalid_grant", 70000, "The provided authorization code is not one of this issuer for this client and tenant.", 0}
}

func errCodeRedirect() error {
	return &refusal{http.StatusBadRequest, "invalid_grant", 500112, "The redirect_uri is not the one of the authorization request.", 0}
}

func errCodeUsed() error {
	return &refusal{http.StatusBadRequest, "invalid_grant", 54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.", 0}
}

func errCodeExpired() error {
	return &refusal{http.StatusBadRequest, "invalid_grant", 70008, "The provided authorization code or refresh token has expired. Send a new interactive authorization request for this user and resource.", 0}
}

func errRefreshExpired() error {
	return &refusal{http.StatusBadRequest, "invalid_grant", 700082, "The refresh token has expired. Send a new interactive authorization request for this user and resource.", 0}
}

func errRefresh() error {
	return &refusal{http.StatusBadRequest, "invalid_grant", 9002313, "The refresh token is not one of this issuer for this client and tenant.", 0}
}

func errRevoked() error {
	return &refusal{http.StatusBadRequest, "invalid_grant", 50173, "The provided grant has expired due to it being revoked: a fresh sign-in is needed.", 0}
}

func errPublic(client string) error {
	return &refusal{http.StatusUnauthorized, "invalid_client", 700025, fmt.Sprintf("Client '%s' is public so neither 'client_assertion' nor 'client_secret' should be presented.", client), 0}
}

func errNotPublic(client string) error {
	return &refusal{http.StatusUnauthorized, "invalid_client", 7000218, fmt.Sprintf("The application '%s' is not a public client; device codes are for public clients.", client), 0}
}

func errUserCode() *refusal {
	return &refusal{http.StatusBadRequest, "invalid_request", 70018, "That code is not right, has expired, or has been used. Check what your device shows.", 0}
}

func errTooManyCodes() *refusal {
	return &refusal{http.StatusTooManyRequests, "temporarily_unavailable", 50196, "Too many wrong codes. Try again in a minute.", 60}
}

func errAccessToken() error {
	return &refusal{http.StatusUnauthorized, "invalid_token", 50000, "The access token is not a user's token of this issuer with the scope openid, or it has expired.", 0}
}

func errDeviceCode() error {
	return &refusal{http.StatusBadRequest, "bad_verification_code", 70018, "The device_code is not one of this issuer for this client and tenant, or has been used.", 0}
}

func errPending() error {
	return &refusal{http.StatusBadRequest, codePending, 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.", 0}
}

func errSlowDown() error {
	return &refusal{http.StatusBadRequest, codeSlowDown, 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling, five seconds slower.", 0}
}

func errDeclinedDevice() error {
	return &refusal{http.StatusBadRequest, "authorization_declined", 65004, "The user declined to consent to access the app.", 0}
}

func errExpiredDevice() error {
	return &refusal{http.StatusBadRequest, "expired_token", 70019, "Verification code expired. Have the user retry the sign-in.", 0}
}
