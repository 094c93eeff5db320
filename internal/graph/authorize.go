package graph

import (
	"strings"

	"cloudpki/internal/auth"
)

// maxAuthorization bounds the Authorization field.
const maxAuthorization = 8 << 10

// authorize finds out who calls, lets them pay for it, and whether they may.
func (s *Server) authorize(x *exchange) error {
	if x.route.public {
		return nil
	}
	p, err := s.identify(x)
	if err != nil {
		return s.spendFailure(x, err)
	}
	x.principal = p
	if err := s.spendBudget(x); err != nil || x.route.anyone {
		return err
	}
	return p.Allows(x.route.need)
}

// identify verifies the token of the request.
func (s *Server) identify(x *exchange) (auth.Principal, error) {
	bearer, err := bearerToken(x.r.Header["Authorization"])
	if err != nil {
		return auth.Principal{}, err
	}
	return s.verifier.Verify(x.r.Context(), bearer)
}

// bearerToken reads the Authorization field (RFC 6750, 2.1). What is not a
// bearer token is no token at all.
func bearerToken(fields []string) (string, error) {
	missing := &auth.Error{Code: auth.CodeMissingToken, Msg: "Access token is empty. Send it as Authorization: Bearer TOKEN."}
	switch {
	case len(fields) == 0:
		return "", missing
	case len(fields) > 1:
		return "", &auth.Error{Code: auth.CodeInvalidToken, Msg: "There is more than one Authorization field."}
	case len(fields[0]) > maxAuthorization:
		return "", &auth.Error{Code: auth.CodeInvalidToken, Msg: "The Authorization field is longer than 8 KiB."}
	}
	scheme, token, _ := strings.Cut(fields[0], " ")
	if token = strings.TrimSpace(token); !equalFold(scheme, "Bearer") || token == "" {
		return "", missing
	}
	return token, nil
}
