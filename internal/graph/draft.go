package graph

import (
	"encoding/base64"
	"strings"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/pki"
	"cloudpki/internal/secret"
)

const (
	memberCredentials = "credentials"
	memberCertificate = "authenticationCertificate"
)

// A draftReader turns request bodies into drafts.
type draftReader struct {
	entity      *odata.EntityType
	credentials *odata.ComplexType
	setting     *odata.ComplexType
	providers   *odata.EnumType
}

// newDraftReader reads bodies by the schema of subscriptions, with one
// difference: the client certificate is taken as text, because in a change the
// mask may stand for it, which is not base64.
func newDraftReader() draftReader {
	entity, credentials := pki.SubscriptionType(), pki.CredentialsType()
	credentials.Property(memberCertificate).Kind = odata.KindString
	entity.Property(memberCredentials).Complex = credentials
	return draftReader{entity: entity, credentials: credentials, setting: pki.SettingType(), providers: pki.ProviderEnum()}
}

// A sentDraft is a draft with the credentials as they were sent: only the
// answer to a create may repeat them.
type sentDraft struct {
	pki.Draft
	credentials odata.Value
}

// read decodes the body of a create. Its error is an *odata.Error.
func (r draftReader) read(body []byte) (sentDraft, error) { return r.draft(r.entity.Decode(body)) }

// readChange decodes the body of an update, as read does.
func (r draftReader) readChange(body []byte) (sentDraft, error) {
	return r.draft(r.entity.DecodeChange(body))
}

func (r draftReader) draft(o odata.Object, err error) (sentDraft, error) {
	if err != nil {
		return sentDraft{}, err
	}
	d := sentDraft{Draft: pki.Draft{
		ID:            maybe(o.Get("id"), odata.Value.Str),
		Provider:      maybe(o.Get("cloudPkiProvider"), func(v odata.Value) string { return r.providers.NameOf(v.Num()) }),
		DisplayName:   maybe(o.Get("displayName"), odata.Value.Str),
		Description:   maybe(o.Get("description"), odata.Value.Str),
		TrustedRoot:   maybe(o.Get("trustedRootCertificate"), odata.Value.Bytes),
		ServiceURI:    maybe(o.Get("serviceUri"), odata.Value.Str),
		Settings:      maybe(o.Get("providerSettings"), r.settings),
		ServerCAs:     maybe(o.Get("serverCertificateAuthorities"), odata.Value.Bytes),
		SyncSchedule:  maybe(o.Get("syncSchedule"), func(v odata.Value) time.Duration { return v.Span() }),
		Paused:        maybe(o.Get("paused"), odata.Value.IsTrue),
		TrustPolicy:   maybe(o.Get("trustChangePolicy"), func(v odata.Value) pki.TrustPolicy { return pki.TrustPolicy(v.Num()) }),
		LastModified:  maybe(o.Get("lastModifiedDateTime"), odata.Value.Time),
		SyncStatus:    maybe(o.Get("syncStatus"), func(v odata.Value) pki.SyncStatus { return pki.SyncStatus(v.Num()) }),
		LastSyncError: maybe(o.Get("lastSyncError"), odata.Value.Str),
		LastSync:      maybe(o.Get("lastSyncDateTime"), odata.Value.Time),
		Version:       maybe(o.Get("version"), func(v odata.Value) int32 { return int32(v.Num()) }),
	}}
	return d, r.readCredentials(&d, o.Get(memberCredentials))
}

func (r draftReader) readCredentials(d *sentDraft, v odata.Value) error {
	d.credentials = odata.NullValue()
	d.Credentials.State = v.State()
	if v.State() != odata.Present {
		return nil
	}
	o := r.credentials.Object(v)
	certificate, err := certificateOf(o.Get(memberCertificate))
	if err != nil {
		return err
	}
	d.Credentials.Value = pki.DraftCredentials{
		UserName:            maybe(o.Get("adminUserName"), odata.Value.Str),
		Password:            maybe(o.Get("adminPassword"), secretText),
		Certificate:         maybe(certificate, func(v odata.Value) secret.Text { return secret.New(v.Bytes()) }),
		CertificatePassword: maybe(o.Get("authenticationCertificatePassword"), secretText),
	}
	o.Set(memberCertificate, certificate)
	d.credentials = r.echo(o)
	return nil
}

// echo is what a create repeats of the credentials: all but the masks, which
// stand for nothing that was stored.
func (r draftReader) echo(o odata.Object) odata.Value {
	for i := range r.credentials.Properties {
		p := &r.credentials.Properties[i]
		if v := o.Get(p.Name); p.Secret && (v.Str() == pki.Mask || string(v.Bytes()) == pki.Mask) {
			o.Set(p.Name, odata.NullValue())
		}
	}
	return o.Value()
}

// certificateOf turns the text of the client certificate into bytes: those of
// the mask, or what the base64 stands for.
func certificateOf(v odata.Value) (odata.Value, error) {
	if v.State() != odata.Present {
		return v, nil
	}
	if v.Str() == pki.Mask {
		return odata.Binary([]byte(pki.Mask)), nil
	}
	der, err := base64.StdEncoding.Strict().DecodeString(v.Str())
	if err != nil || strings.ContainsAny(v.Str(), "\r\n") { // which package base64 skips
		return v, &odata.Error{
			Code: odata.CodeBadRequest, Target: memberCredentials + "/" + memberCertificate,
			Msg: "The property '" + memberCertificate + "' must be a string of padded standard base64.",
		}
	}
	return odata.Binary(der), nil
}

func (r draftReader) settings(v odata.Value) []pki.Setting {
	list := make([]pki.Setting, 0, len(v.Items()))
	for _, item := range v.Items() {
		o := r.setting.Object(item)
		list = append(list, pki.Setting{Name: o.Get("name").Str(), Value: o.Get("value").Str()})
	}
	return list
}

func secretText(v odata.Value) secret.Text { return secret.NewString(v.Str()) }

// maybe keeps the difference between absent and null.
func maybe[T any](v odata.Value, of func(odata.Value) T) pki.Maybe[T] {
	m := pki.Maybe[T]{State: v.State()}
	if m.State == odata.Present {
		m.Value = of(v)
	}
	return m
}
