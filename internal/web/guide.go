package web

import "cloudpki/internal/pki"

// A guide tells how the devices of one platform get a bundle.
type guide struct {
	Title string
	Steps []guideStep
}

// A guideStep is a sentence with what goes with it.
type guideStep struct {
	Text    string
	File    string // extension of the file to download; "" for none
	Command string // to be copied; "" for none
}

// A guideWriter writes guides with the address of one bundle filled in. Names
// of bundles have no character that a shell would take for its own, and local
// files begin with a word, so that none is an option.
type guideWriter struct {
	name    string
	address string // without extension
	token   bool   // whether fetching needs one
}

// guidesOf returns the guides of b, which is published at address.
func guidesOf(b *pki.TrustBundle, address string) []guide {
	w := guideWriter{name: b.Name, address: address, token: b.Access == pki.BundleToken}
	return []guide{
		w.debian(), w.redHat(), w.apple(), w.windows(), w.intune(), w.android(), w.java(), w.kubernetes(), w.trustManager(), w.spiffe(), w.curl(),
	}
}

// url is the address of a format, quoted for a shell.
func (w guideWriter) url(ext string) string { return "'" + w.address + "." + ext + "'" }

// local is what to call the bundle on a device.
func (w guideWriter) local() string { return "cloudpki-" + w.name }

// fetch is the beginning of a command that fetches a format.
func (w guideWriter) fetch(options, ext string) string {
	command := "curl -fsS "
	if w.token {
		command += `-H "Authorization: Bearer $TOKEN" `
	}
	if options != "" {
		command += options + " "
	}
	return command + w.url(ext)
}

func (w guideWriter) debian() guide {
	folder := "/usr/local/share/ca-certificates/" + w.local()
	return guide{"Linux: Debian, Ubuntu", []guideStep{{
		Text: "One file for each root, in a folder that holds nothing else. Roots that left the bundle leave the machine as well.", File: "pem",
		Command: `cd "$(mktemp -d)" &&
` + w.fetch("-o all.pem", "pem") + ` &&
awk '/BEGIN CERTIFICATE/ { n++ } { print > ("` + w.local() + `-" n ".crt") }' all.pem &&
sudo rm -rf ` + folder + ` &&
sudo mkdir -p ` + folder + ` &&
sudo install -m 644 ` + w.local() + `-*.crt ` + folder + ` &&
sudo update-ca-certificates --fresh`,
	}}}
}

func (w guideWriter) redHat() guide {
	return guide{"Linux: Red Hat, Fedora, Rocky, Amazon", []guideStep{{
		Text: "One file for the whole bundle.", File: "pem",
		Command: `file="$(mktemp)" &&
` + w.fetch(`-o "$file"`, "pem") + ` &&
sudo install -m 644 "$file" /etc/pki/ca-trust/source/anchors/` + w.local() + `.pem &&
sudo update-ca-trust`,
	}}}
}

func (w guideWriter) apple() guide {
	return guide{"Apple: Mac, iPhone, iPad", []guideStep{
		{
			Text: "Give the profile to your MDM server as a custom profile: what it installs is trusted at once. A later version replaces it; unchanged roots are not installed again.", File: "mobileconfig",
			Command: w.fetch("-o "+w.local()+".mobileconfig", "mobileconfig"),
		},
		{Text: "By hand on a Mac: open the file, then install it in System Settings, where profiles (Device Management) are listed."},
		{Text: "By hand on an iPhone or iPad: open the file, install it in Settings, General, VPN & Device Management, then switch the roots on in General, About, Certificate Trust Settings."},
	}}
}

func (w guideWriter) windows() guide {
	header := ""
	if w.token {
		header = ` -Headers @{ Authorization = "Bearer $env:TOKEN" }`
	}
	return guide{"Windows", []guideStep{
		{
			Text: "In PowerShell as an administrator. Roots go to the store of trusted roots, other CA certificates to that of intermediates.", File: "p7b",
			Command: `$file = Join-Path $env:TEMP '` + w.local() + `.p7b'
Invoke-WebRequest -UseBasicParsing -ErrorAction Stop` + header + ` -Uri ` + w.url("p7b") + ` -OutFile $file
$found = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2Collection
$found.Import($file)
foreach ($certificate in $found) {
  $name = if ($certificate.Subject -eq $certificate.Issuer) { 'Root' } else { 'CA' }
  $store = New-Object System.Security.Cryptography.X509Certificates.X509Store($name, 'LocalMachine')
  $store.Open('ReadWrite'); $store.Add($certificate); $store.Close()
}`,
		},
		{Text: "By an MDM server that takes SyncML: send it the commands of this file.", File: "syncml"},
	}}
}

func (w guideWriter) intune() guide {
	return guide{"Microsoft Intune", []guideStep{
		{
			Text:    "Sign in as an app registration that has the application permission DeviceManagementConfiguration.ReadWrite.All of Microsoft Graph.",
			Command: `az login --service-principal --allow-no-subscriptions --tenant ENTRA-TENANT --username APP-ID --password "$APP_SECRET"`,
		},
		{
			Text: "Make a trusted certificate profile for each root and platform. Running it again makes them again.", File: "intune.json",
			Command: w.fetch("", "intune.json") + ` | jq -c '.value[]' | while read -r profile; do
  az rest --method post --url https://graph.microsoft.com/beta/deviceManagement/deviceConfigurations \
    --headers Content-Type=application/json --body "$profile" --output none </dev/null
done`,
		},
		{Text: "Then assign the profiles to groups in Intune. Once a root has left the bundle and no device needs it, delete its profiles; their description has its SHA-256."},
	}}
}

func (w guideWriter) android() guide {
	return guide{"Android and ChromeOS", []guideStep{
		{
			Text: "By the Android Management API, for a policy that has no openNetworkConfiguration of its own; else merge the two.", File: "onc",
			Command: w.fetch("", "onc") + ` | jq '{openNetworkConfiguration: .}' > ` + w.local() + `.json &&
curl -fsS -X PATCH -H "Authorization: Bearer $(gcloud auth print-access-token)" -H 'Content-Type: application/json' \
  --data @` + w.local() + `.json 'https://androidmanagement.googleapis.com/v1/enterprises/ENTERPRISE/policies/POLICY?updateMask=openNetworkConfiguration'`,
		},
		{Text: "ChromeOS by the Google Admin console: Devices, Networks, Certificates, Add certificate.", File: "pem"},
		{Text: "One ChromeOS device by hand: chrome://network, Network config, Import ONC file.", File: "onc"},
		{Text: "One Android device by hand, one root at a time: in Settings look for CA certificate.", File: "cer"},
	}}
}

func (w guideWriter) java() guide {
	return guide{"Java", []guideStep{
		{
			Text: "Beside the roots that Java has already. The password of the file keeps nothing secret.", File: "p12",
			Command: w.fetch("-o "+w.local()+".p12", "p12") + ` &&
keytool -importkeystore -noprompt -srckeystore ` + w.local() + `.p12 -srcstoretype PKCS12 -srcstorepass changeit \
  -destkeystore "$JAVA_HOME/lib/security/cacerts" -deststorepass changeit`,
		},
		{
			Text:    "These roots and no others, for one program.",
			Command: `java -Djavax.net.ssl.trustStore=` + w.local() + `.p12 -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword=changeit -jar PROGRAM.jar`,
		},
		{Text: "For a Java that cannot read PKCS #12.", File: "jks"},
	}}
}

func (w guideWriter) kubernetes() guide {
	return guide{"Kubernetes: a ConfigMap", []guideStep{{
		Text: "In one namespace, below ca.crt. Mount it where the programs of your pods look for roots.", File: "configmap.yaml",
		Command: w.fetch("", "configmap.yaml") + ` | kubectl apply --server-side -n NAMESPACE -f -`,
	}}}
}

func (w guideWriter) trustManager() guide {
	return guide{"Kubernetes: trust-manager", []guideStep{{
		Text: "A Bundle, which trust-manager brings to every namespace as a ConfigMap of its name.", File: "bundle.yaml",
		Command: w.fetch("", "bundle.yaml") + ` | kubectl apply --server-side -f -`,
	}}}
}

func (w guideWriter) spiffe() guide {
	steps := []guideStep{{
		Text: "Once, for a SPIRE server.", File: "spiffe.json",
		Command: w.fetch("-o "+w.local()+".json", "spiffe.json") + ` &&
spire-server bundle set -format spiffe -id spiffe://TRUST-DOMAIN -path ` + w.local() + `.json`,
	}}
	if w.token {
		return guide{"SPIFFE", append(steps, guideStep{Text: "SPIRE sends no token: to have it fetch the bundle by itself, let everybody fetch it."})}
	}
	return guide{"SPIFFE", append(steps, guideStep{
		Text: "In the configuration of a SPIRE server, which then fetches it by itself.",
		Command: `federation {
  federates_with "TRUST-DOMAIN" {
    bundle_endpoint_url = "` + w.address + `.spiffe.json"
    bundle_endpoint_profile "https_web" {}
  }
}`,
	})}
}

func (w guideWriter) curl() guide {
	return guide{"curl and scripts", []guideStep{
		{Text: "For one request.", File: "pem", Command: w.fetch("-o "+w.local()+".pem", "pem") + ` &&
curl --cacert ` + w.local() + `.pem https://SERVER/`},
		{
			Text:    "By a timer: nothing is sent, and the file stays, where the bundle is unchanged.",
			Command: w.fetch("--etag-save "+w.local()+".etag --etag-compare "+w.local()+".etag -o "+w.local()+".pem", "pem"),
		},
		{Text: "Version, subjects, thumbprints and validity for a program.", File: "manifest.json", Command: w.fetch("", "manifest.json")},
	}}
}
