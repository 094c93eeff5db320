package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"testing"

	"cloudpki/internal/auth"
	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
)

// TestEveryCodeIsMapped reads the closed lists of codes from where they are
// declared: a new one without a line in error.go ends as a fault of ours.
func TestEveryCodeIsMapped(t *testing.T) {
	for _, list := range []struct {
		file string
		of   func(code string) error
	}{
		{"../pki/error.go", func(c string) error { return &pki.Error{Code: pki.Code(c), Msg: "text"} }},
		{"../auth/error.go", func(c string) error { return &auth.Error{Code: auth.Code(c), Msg: "text"} }},
	} {
		src, err := os.ReadFile(list.file)
		if err != nil {
			t.Fatal(err)
		}
		codes := regexp.MustCompile(`(?m)^\tCode\w+ +Code = "(\w+)"`).FindAllSubmatch(src, -1)
		if len(codes) < 4 {
			t.Fatalf("%s: %d codes found", list.file, len(codes))
		}
		for _, m := range codes {
			f := explain(fmt.Errorf("step: %w", list.of(string(m[1]))))
			if f.status < 400 && f.status != http.StatusAccepted || f.status == http.StatusInternalServerError || f.code == "" {
				t.Errorf("%s: code %s becomes %d %q", list.file, m[1], f.status, f.code)
			}
		}
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{&pki.Error{Code: pki.CodeInvalid}, 400, "BadRequest"},
		{&odata.Error{Option: "$filter"}, 400, "BadRequest"},
		{&odata.Error{Code: odata.CodeModelValidation}, 400, "ModelValidationFailure"},
		{malformedTag(), 400, "malformedEntityTag"},
		{&auth.Error{Code: auth.CodeMissingToken}, 401, "InvalidAuthenticationToken"},
		{&auth.Error{Code: auth.CodeInvalidToken}, 401, "InvalidAuthenticationToken"},
		{&auth.Error{Code: auth.CodeInsufficientScope}, 403, "Authorization_RequestDenied"},
		{pki.NotFound("noun", "id"), 404, "ResourceNotFound"},
		{&pki.Error{Code: pki.CodeQuota}, 403, "Forbidden"},
		{&pki.Error{Code: pki.CodeForbidden}, 403, "Forbidden"},
		{&pki.Error{Code: pki.CodePending}, 202, "pending"},
		{&pki.Error{Code: pki.CodeValidation}, 400, "ValidationError"},
		{noSegment("x"), 404, "ResourceNotFound"},
		{methodNotAllowed("PUT", "GET"), 405, "Request_BadRequest"},
		{&pki.Error{Code: pki.CodeExists}, 409, "nameAlreadyExists"},
		{&pki.Error{Code: pki.CodeNotSyncable}, 409, "Conflict"},
		{&pki.Error{Code: pki.CodePreconditionFailed}, 412, "resourceModified"},
		{tooLarge(1), 413, "requestEntityTooLarge"},
		{unsupportedMedia("x"), 415, "unsupportedMediaType"},
		{&pki.Error{Code: pki.CodeReplayMismatch}, 422, "invalidRequest"},
		{tooMany(1), 429, "TooManyRequests"},
		{context.Canceled, 499, "generalException"},
		{errors.New("anything"), 500, "generalException"},
		{&pki.Error{Code: "new"}, 500, "generalException"},
		{&auth.Error{Code: "new"}, 500, "generalException"},
		{&pki.Error{Code: pki.CodeUpstream}, 502, "badGateway"},
		{&pki.Error{Code: pki.CodeUnavailable}, 503, "serviceNotAvailable"},
		{&pki.Error{Code: pki.CodeLeaseLost}, 503, "serviceNotAvailable"},
		{&auth.Error{Code: auth.CodeUnavailable}, 503, "serviceNotAvailable"},
		{context.DeadlineExceeded, 503, "serviceNotAvailable"},
	} {
		f := explain(fmt.Errorf("step: %w", c.err))
		if f.status != c.status || f.code != c.code {
			t.Errorf("%T %v: %d %s, want %d %s", c.err, c.err, f.status, f.code, c.status, c.code)
		}
		if wait := f.status == 202 || f.status == 429 || f.status == 503; wait != (f.retryAfter > 0) {
			t.Errorf("%d: Retry-After %d", f.status, f.retryAfter)
		}
	}
}
