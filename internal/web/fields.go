package web

import (
	"strconv"
	"strings"
	"time"

	"cloudpki/internal/pki"
	"cloudpki/internal/provider"
	"cloudpki/internal/secret"
)

// The fields of subscriptions, by the names of the members that they fill.
const (
	nameDisplay     = "displayName"
	nameDescription = "description"
	nameAddress     = "serviceUri"
	nameServerCAs   = "serverCertificateAuthorities"
	nameRoot        = "trustedRootCertificate"
	nameInterval    = "syncSchedule"
	nameTrust       = "trustChangePolicy"
	nameUser        = "adminUserName"
	namePassword    = "adminPassword"
	namePFX         = "authenticationCertificate"
	namePFXPassword = "authenticationCertificatePassword"

	memberCredentials = "credentials/"
	memberSettings    = "providerSettings/"
)

const maxArea = 256 << 10 // characters of certificates in PEM

// namingFields are what a person calls a subscription.
func namingFields() group {
	of := pki.SubscriptionType()
	return group{Legend: "Name", Fields: []field{
		{Name: nameDisplay, Member: nameDisplay, Label: "Name", Kind: fieldText, Max: of.Property(nameDisplay).MaxLength},
		{Name: nameDescription, Member: nameDescription, Label: "Description", Kind: fieldArea, Max: of.Property(nameDescription).MaxLength},
	}}
}

// addressFields are where the CA is found.
func addressFields(k provider.Kind) group {
	hint := "The base address of the CA's service, with https://."
	if k.DefaultURI != "" {
		hint = "Empty for " + k.DefaultURI
	}
	return group{Legend: "The CA's server", Fields: []field{
		{Name: nameAddress, Member: nameAddress, Label: "Address", Hint: hint, Kind: fieldURL, Max: pki.SubscriptionType().Property(nameAddress).MaxLength},
		{
			Name: nameServerCAs, Member: nameServerCAs, Label: "CA of the server's certificate", Kind: fieldArea, Max: maxArea,
			Hint: "PEM; empty where the certificate is from a public CA.",
		},
	}}
}

// credentialFields are those that a kind logs in with.
func credentialFields(k provider.Kind) group {
	of := pki.CredentialsType()
	g := group{Legend: "Login", Hint: k.Login.Doc}
	add := func(name, label, hint, kind string) {
		if label != "" {
			g.Fields = append(g.Fields, field{
				Name: name, Member: memberCredentials + name, Label: label, Hint: hint, Kind: kind, Max: of.Property(name).MaxLength,
			})
		}
	}
	add(nameUser, k.Login.User, "", fieldText)
	add(namePassword, k.Login.Password, "", fieldSecret)
	if k.Login.Certificate != "" {
		add(namePFX, k.Login.Certificate+" with its key", "A PKCS#12 file (.p12, .pfx) of at most 1 MB, or a PEM file with the key, not encrypted, and its certificate.", fieldFile)
		add(namePFXPassword, "Password of that file", "Empty where it has none.", fieldSecret)
	}
	return g
}

// settingFields are what else a kind must be told.
func settingFields(k provider.Kind) group {
	g := group{Legend: "Settings of " + k.Title}
	for _, s := range k.Settings {
		f := field{
			Name: settingPrefix + s.Name, Member: memberSettings + s.Name, Label: s.Name, Hint: s.Doc, Kind: fieldText,
			Required: s.Required, Max: pki.SettingType().Property("value").MaxLength,
		}
		switch {
		case s.Type == provider.SettingChoice:
			f.Kind, f.Choices = fieldChoice, []choice{{"", "not set"}}
			for _, v := range s.Values {
				f.Choices = append(f.Choices, choice{v, v})
			}
		case strings.ContainsRune(s.Example, '\n'):
			f.Kind = fieldArea
		case s.Example != "":
			f.Hint += " Example: " + s.Example
		}
		g.Fields = append(g.Fields, f)
	}
	return g
}

// scheduleFields are when to sync and what to trust.
func scheduleFields() group {
	policies := []choice{{"", "not set, which is automaticForRenewals"}}
	for _, m := range pki.TrustPolicyEnum().Members {
		policies = append(policies, choice{m.Name, m.Name + ": " + m.Doc})
	}
	return group{Legend: "Syncs and trust", Fields: []field{
		{Name: nameInterval, Member: nameInterval, Label: "Minutes between two syncs", Hint: "Empty for the service's own.", Kind: fieldNumber},
		{Name: nameTrust, Member: nameTrust, Label: "What may replace the trusted root", Kind: fieldChoice, Choices: policies},
	}}
}

// rootField is the root to expect.
func rootField() field {
	return field{
		Name: nameRoot, Member: nameRoot, Label: "Root to expect", Kind: fieldArea, Max: maxArea,
		Hint: "One certificate in PEM. Empty to take over the only root that the CA has.",
	}
}

// policyOf reads the choice of a trust policy, which was checked before.
func policyOf(text string) pki.Maybe[pki.TrustPolicy] {
	n, ok := pki.TrustPolicyEnum().ValueOf(text)
	if !ok {
		return pki.Maybe[pki.TrustPolicy]{}
	}
	return pki.Given(pki.TrustPolicy(n))
}

// intervalOf reads the time between two syncs, which was checked before.
func intervalOf(text string) pki.Maybe[time.Duration] {
	if d, ok := minutes(text); ok && d > 0 {
		return pki.Given(d)
	}
	return pki.Maybe[time.Duration]{}
}

func showMinutes(d time.Duration) string { return strconv.FormatInt(int64(d/time.Minute), 10) }

// binaryOf reads certificates in PEM.
func binaryOf(u upload, name string) pki.Maybe[[]byte] {
	if text := u.given(name); text.IsGiven() {
		return pki.Given([]byte(text.Value))
	}
	return pki.Maybe[[]byte]{}
}

// credentialsOf reads what to log in with. What is empty is left out: a browser
// sends nothing again by itself.
func credentialsOf(u upload) pki.Maybe[pki.DraftCredentials] {
	d := pki.DraftCredentials{UserName: u.given(nameUser)}
	if text := u.values.Get(namePassword); text != "" {
		d.Password = pki.Given(secret.NewString(text))
	}
	if !u.certificate.IsEmpty() {
		d.Certificate = pki.Given(u.certificate)
		d.CertificatePassword = pki.Given(secret.NewString(u.values.Get(namePFXPassword)))
	}
	if !d.UserName.IsGiven() && !d.Password.IsGiven() && !d.Certificate.IsGiven() {
		return pki.Maybe[pki.DraftCredentials]{}
	}
	return pki.Given(d)
}

// settingsOf reads the settings with the names, those that are empty left out.
func settingsOf(u upload, names []string) pki.Maybe[[]pki.Setting] {
	var list []pki.Setting
	for _, name := range names {
		if text := u.given(settingPrefix + name); text.IsGiven() {
			list = append(list, pki.Setting{Name: name, Value: text.Value})
		}
	}
	if list == nil {
		return pki.Maybe[[]pki.Setting]{}
	}
	return pki.Given(list)
}
