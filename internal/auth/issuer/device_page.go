package issuer

import (
	"crypto/rand"
	"log/slog"
	"net/http"
)

// serveDeviceCode is the device authorization endpoint (RFC 8628 section 3.1).
func (i *Issuer) serveDeviceCode(w http.ResponseWriter, r *http.Request) error {
	tenant, err := i.tenant(r)
	if err != nil {
		return err
	}
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	if form.Get("client_id") == "" {
		return errMissing("client_id")
	}
	client, err := i.client(form.Get("client_id"), tenant)
	if err != nil {
		return err
	}
	if !client.Public {
		return errNotPublic(client.ID)
	}
	// Whoever signs in has the last word about the scopes; a user who may all
	// tells now whether they exist.
	if _, err := i.delegate(form.Get("scope"), client, User{Scopes: serviceScopes()}); err != nil {
		return err
	}
	now, from := i.now(), "device "+i.clientIP(r)
	if wait, over := i.requests.over(now, from, maxDevicesPerAddress); over {
		return errTooMany(wait)
	}
	i.requests.count(now, from)
	d := &device{client: client.ID, tenant: tenant, scope: form.Get("scope"), expires: now.Add(deviceLifetime), interval: deviceInterval}
	code, err := i.devices.add(now, d)
	if err != nil {
		return err
	}
	page, user := i.origin+devicePage, showUserCode(d.user)
	return writePrivate(w, struct {
		UserCode   string `json:"user_code"`
		DeviceCode string `json:"device_code"`
		Page       string `json:"verification_uri"`
		Expires    int64  `json:"expires_in"`
		Interval   int64  `json:"interval"`
		Message    string `json:"message"`
	}{
		user, code, page, int64(deviceLifetime.Seconds()), int64(deviceInterval.Seconds()),
		"To sign in, use a web browser to open the page " + page + " and enter the code " + user + " to authenticate.",
	})
}

// devicePage is where people enter the code of a device.
const devicePage = "/devicelogin"

// serveDevicePage asks for the code of a device.
func (i *Issuer) serveDevicePage(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		return i.takeUserCode(w, r)
	}
	return i.showCodePage(w, r, nil)
}

func (i *Issuer) showCodePage(w http.ResponseWriter, r *http.Request, cause *refusal) error {
	sealed, err := i.sealFlow(w, r, flow{})
	if err != nil {
		return err
	}
	v := page{Kind: pageCode, Title: "Enter the code", Action: devicePage, Flow: sealed}
	if cause != nil {
		v.Error, v.status = cause.text, cause.status
	}
	return i.pages.show(w, v)
}

// takeUserCode leads from the code to the sign-in and the confirmation.
func (i *Issuer) takeUserCode(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	if _, err := i.openFlow(r, form.Get("flow")); err != nil {
		return err
	}
	now, from := i.now(), "code "+i.clientIP(r)
	if _, over := i.failures.over(now, from, maxCodesPerAddress); over {
		return i.showCodePage(w, r, errTooManyCodes())
	}
	code := readUserCode(form.Get("code"))
	d, err := i.devices.find(now, code)
	if err != nil {
		i.failures.count(now, from)
		return i.showCodePage(w, r, errUserCode())
	}
	f := flow{Tenant: d.tenant, Device: code}
	if _, u, ok := i.session(r, d.tenant); ok {
		client, err := i.client(d.client, d.tenant)
		if err != nil {
			return err
		}
		return i.showConfirm(w, r, f, client, u)
	}
	return i.showSignIn(w, r, f, "", nil)
}

// settleDevice records what the user has said to a device's request.
func (i *Issuer) settleDevice(w http.ResponseWriter, r *http.Request, f flow, u User, s session, accepted bool) error {
	d, err := i.devices.find(i.now(), f.Device)
	if err != nil {
		return err
	}
	client, err := i.client(d.client, d.tenant)
	if err != nil {
		return err
	}
	message := "The request was refused. You can close this page."
	var p *permit
	if accepted {
		if _, err := i.delegate(d.scope, client, u); err != nil {
			return err
		}
		message = "You are signed in on your device. You can close this page."
		p = &permit{
			Family: rand.Text(), Client: d.client, Tenant: d.tenant, User: u.Name, Stamp: s.Stamp,
			Scope: d.scope, SignedIn: s.Since,
		}
	}
	if err := i.devices.settle(i.now(), f.Device, p); err != nil {
		return err
	}
	i.log.LogAttrs(r.Context(), slog.LevelInfo, "a person answers a device", slog.String("tenant", d.tenant),
		slog.String("client", d.client), slog.String("user", u.Name), slog.Bool("accepted", accepted))
	return i.pages.show(w, page{Kind: pageMessage, Title: "Done", Message: message})
}
