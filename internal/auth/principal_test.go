package auth_test

import (
	"errors"
	"testing"

	"cloudpki/internal/auth"

	"github.com/google/go-cmp/cmp"
)

func TestPrincipalAllows(t *testing.T) {
	read, write := auth.ScopeRead, auth.ScopeReadWrite
	tests := []struct {
		name        string
		scopes      []string
		read, write bool
	}{
		{"nothing", nil, false, false},
		{"another scope", []string{"User.Read"}, false, false},
		{"read", []string{"openid", read}, true, false},
		{"read and write", []string{write}, true, true},
		{"names match exactly", []string{"devicemanagementconfiguration.readwrite.all", write + " "}, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := auth.Principal{Scopes: test.scopes}
			if got := p.Allows(auth.Read) == nil; got != test.read {
				t.Errorf("read allowed: %v", got)
			}
			if got := p.Allows(auth.Write) == nil; got != test.write {
				t.Errorf("write allowed: %v", got)
			}
		})
	}
}

func TestPrincipalAllowsNamesScopes(t *testing.T) {
	const prefix = "Application is not authorized to perform this operation"
	tests := []struct {
		name string
		p    auth.Principal
		need auth.Permission
		want auth.Error
	}{
		{"reading", auth.Principal{}, auth.Read, auth.Error{
			Code: auth.CodeInsufficientScope, Scopes: []string{auth.ScopeRead, auth.ScopeReadWrite},
			Msg: prefix + ". Application must have one of the following scopes: DeviceManagementConfiguration.Read.All, DeviceManagementConfiguration.ReadWrite.All",
		}},
		{"writing", auth.Principal{Scopes: []string{auth.ScopeRead}, AppOnly: true}, auth.Write, auth.Error{
			Code: auth.CodeInsufficientScope, Scopes: []string{auth.ScopeReadWrite},
			Msg: prefix + ". Application must have one of the following scopes: DeviceManagementConfiguration.ReadWrite.All",
		}},
		{"an application without any role", auth.Principal{AppOnly: true}, auth.Write, auth.Error{
			Code: auth.CodeInsufficientScope, Scopes: []string{auth.ScopeReadWrite},
			Msg: prefix + " as called in app only context but does not have application permissions configured. Application must have one of the following scopes: DeviceManagementConfiguration.ReadWrite.All",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got *auth.Error
			if err := test.p.Allows(test.need); !errors.As(err, &got) {
				t.Fatalf("error %v is no *auth.Error", err)
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
