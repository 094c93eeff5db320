package odata

import (
	"encoding/base64"
	"testing"
	"time"
)

func providerEnum() *EnumType {
	return &EnumType{Name: "cloudPkiProvider", Members: []Member{{Name: "unKnown"}, {Name: "symantec", Value: 1}}}
}

func statusEnum() *EnumType {
	return &EnumType{Name: "syncStatus", Members: []Member{
		{Name: "unKnown", Doc: "Not synced yet."},
		{Name: "succeeded", Value: 1},
		{Name: "failed", Value: 2},
	}}
}

func credentialsType() *ComplexType {
	return &ComplexType{Name: "cloudPkiAdministratorCredentials", Properties: []Property{
		{Name: "adminUserName", Kind: KindString, Nullable: true, Filter: true, Sort: true, Fold: true, Search: true, Doc: "Admin user name."},
		{Name: "adminPassword", Kind: KindString, Nullable: true, Secret: true, MaxLength: 32},
		{Name: "authenticationCertificate", Kind: KindBinary, Nullable: true, Secret: true},
		{Name: "authenticationCertificatePassword", Kind: KindString, Nullable: true, Secret: true},
	}}
}

// runType is the target of a navigation property.
func runType() *EntityType {
	return &EntityType{Name: "cloudPkiSyncRun", Properties: []Property{
		{Name: "id", Kind: KindString, Computed: true, Filter: true, Sort: true},
		{Name: "found", Kind: KindInt64, Computed: true, Filter: true, Sort: true, Doc: `Records <"seen"> & read.`},
	}}
}

// subscriptionType has the members of the documented entity in their order,
// then one member of every other kind.
func subscriptionType() *EntityType {
	pair := &ComplexType{Name: "keyValuePair", Properties: []Property{
		{Name: "name", Kind: KindString},
		{Name: "value", Kind: KindString, Nullable: true},
	}}
	return &EntityType{
		Name: "cloudPkiSubscription",
		Doc:  "A subscription to a third-party certification authority.",
		Properties: []Property{
			{Name: "id", Kind: KindString, Filter: true, Sort: true},
			{Name: "cloudPkiProvider", Kind: KindEnum, Enum: providerEnum(), Filter: true, Sort: true},
			{Name: "createdDateTime", Kind: KindDateTimeOffset, Filter: true, Sort: true, Computed: true},
			{Name: "description", Kind: KindString, Nullable: true, Filter: true, Sort: true, Fold: true, Search: true},
			{Name: "lastModifiedDateTime", Kind: KindDateTimeOffset, Filter: true, Sort: true, Computed: true},
			{Name: "displayName", Kind: KindString, Nullable: true, Filter: true, Sort: true, Fold: true, Search: true, MaxLength: 64, Doc: "Admin provided name."},
			{Name: "syncStatus", Kind: KindEnum, Enum: statusEnum(), Nullable: true, Filter: true, Sort: true},
			{Name: "lastSyncError", Kind: KindString, Nullable: true, Filter: true},
			{Name: "lastSyncDateTime", Kind: KindDateTimeOffset, Filter: true, Sort: true},
			{Name: "credentials", Kind: KindComplex, Complex: credentialsType(), Nullable: true},
			{Name: "trustedRootCertificate", Kind: KindBinary, Nullable: true},
			{Name: "version", Kind: KindInt32, Filter: true, Sort: true},
			{Name: "providerSettings", Kind: KindComplex, Complex: pair, Collection: true, Nullable: true, Optional: true},
			{Name: "tags", Kind: KindString, Collection: true, Nullable: true, Optional: true},
			{Name: "syncSchedule", Kind: KindDuration, Nullable: true, Optional: true, Filter: true},
			{Name: "paused", Kind: KindBoolean, Nullable: true, Optional: true, Filter: true, Sort: true},
			{Name: "size", Kind: KindInt64, Nullable: true, Optional: true, Filter: true},
			{Name: "profile", Kind: KindGUID, Nullable: true, Optional: true, Filter: true},
		},
		Navigations: []Navigation{{Name: "syncRuns", Target: runType(), Doc: "The attempts to sync."}},
		Actions: []Action{
			{Name: "sync", Doc: "Starts a sync now.", ResultEntity: runType()},
			{Name: "revoke", Parameters: []Property{
				{Name: "reason", Kind: KindInt32},
				{Name: "at", Kind: KindDateTimeOffset, Nullable: true},
			}, Result: &Property{Kind: KindBoolean}},
		},
		Delta: true,
	}
}

// A subscription is an entity of subscriptionType, kept as an Object.
type subscription struct{ Object }

func newShape(t testing.TB, et *EntityType) *Shape[subscription] {
	t.Helper()
	get := map[string]func(*subscription) Value{}
	for _, p := range et.Properties {
		i := findExact(et.Properties, p.Name)
		get[p.Name] = func(s *subscription) Value { return s.values[i] }
	}
	shape, err := NewShape(et, get)
	if err != nil {
		t.Fatal(err)
	}
	return shape
}

// documentedBody is the request body of Microsoft's document.
const documentedBody = `{
  "@odata.type": "#microsoft.graph.cloudPkiSubscription",
  "cloudPkiProvider": "symantec",
  "description": "Description value",
  "lastModifiedDateTime": "2017-01-01T00:00:35.1329464-08:00",
  "displayName": "Display Name value",
  "syncStatus": "succeeded",
  "lastSyncError": "Last Sync Error value",
  "lastSyncDateTime": "2017-01-01T00:02:49.3205976-08:00",
  "credentials": {
    "@odata.type": "microsoft.graph.cloudPkiAdministratorCredentials",
    "adminUserName": "Admin User Name value",
    "adminPassword": "Admin Password value",
    "authenticationCertificate": "YXV0aGVudGljYXRpb25DZXJ0aWZpY2F0ZQ==",
    "authenticationCertificatePassword": "Authentication Certificate Password value"
  },
  "trustedRootCertificate": "dHJ1c3RlZFJvb3RDZXJ0aWZpY2F0ZQ==",
  "version": 7
}`

// documentedAnswer is the response body of Microsoft's document without its
// white space.
const documentedAnswer = `{"@odata.type":"#microsoft.graph.cloudPkiSubscription",` +
	`"id":"ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed",` +
	`"cloudPkiProvider":"symantec",` +
	`"createdDateTime":"2017-01-01T00:02:43.5775965-08:00",` +
	`"description":"Description value",` +
	`"lastModifiedDateTime":"2017-01-01T00:00:35.1329464-08:00",` +
	`"displayName":"Display Name value",` +
	`"syncStatus":"succeeded",` +
	`"lastSyncError":"Last Sync Error value",` +
	`"lastSyncDateTime":"2017-01-01T00:02:49.3205976-08:00",` +
	`"credentials":{"@odata.type":"microsoft.graph.cloudPkiAdministratorCredentials",` +
	`"adminUserName":"Admin User Name value",` +
	`"adminPassword":"Admin Password value",` +
	`"authenticationCertificate":"YXV0aGVudGljYXRpb25DZXJ0aWZpY2F0ZQ==",` +
	`"authenticationCertificatePassword":"Authentication Certificate Password value"},` +
	`"trustedRootCertificate":"dHJ1c3RlZFJvb3RDZXJ0aWZpY2F0ZQ==",` +
	`"version":7}`

// documented returns the documented entity as it is after its creation.
func documented(t testing.TB, et *EntityType) subscription {
	t.Helper()
	o, err := et.Decode([]byte(documentedBody))
	if err != nil {
		t.Fatal(err)
	}
	created, err := ParseDateTimeOffset("2017-01-01T00:02:43.5775965-08:00")
	if err != nil {
		t.Fatal(err)
	}
	o.Set("id", String("ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed"))
	o.Set("createdDateTime", Date(created))
	return subscription{o}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"adminUserName":    "admin_user_name",
		"id":               "id",
		"cloudPkiProvider": "cloud_pki_provider",
		"csrPEMText":       "csr_pem_text",
		"serviceURI":       "service_uri",
		"sha256":           "sha256",
	} {
		if got := Snake(in); got != want {
			t.Errorf("Snake(%q) = %q, want %q", in, got, want)
		}
	}
	if got := Fold("ÄÖÜ Straße ΑΒΓ"); got != "äöü straße αβγ" {
		t.Errorf("Fold = %q", got)
	}
	et := subscriptionType()
	if et.Property("DISPLAYNAME") == nil || et.Property("displayName ") != nil {
		t.Error("properties must be found without regard to case, and only exactly")
	}
	if et.Property("\u212Aey") != nil || equalFoldASCII("\u212A", "k") {
		t.Error("only ASCII letters have a case in names")
	}
	nested := Path{Parent: et.Property("credentials"), Property: credentialsType().Property("adminUserName")}
	if got := nested.Column(); got != "credentials_admin_user_name" {
		t.Errorf("Column = %q", got)
	}
	if got := (Path{Property: et.Property("displayName")}).Column(); got != "display_name" {
		t.Errorf("Column = %q", got)
	}
}

func TestObject(t *testing.T) {
	o := NewObject(subscriptionType().Properties)
	if !o.Set("version", Int(3)) || o.Get("version").Num() != 3 {
		t.Error("a member that was set must be read back")
	}
	if o.Set("Version", Int(4)) || o.Get("nothing").State() != Absent {
		t.Error("names must match exactly")
	}
	c := credentialsType().Object(List(String("admin"), NullValue()))
	if c.Get("adminUserName").Str() != "admin" || c.Get("adminPassword").State() != Null || c.Get("authenticationCertificate").State() != Absent {
		t.Errorf("complex object = %+v", c)
	}
	if credentialsType().Object(NullValue()).Get("adminUserName").State() != Absent {
		t.Error("the members of null are absent")
	}
}

func TestValues(t *testing.T) {
	text := "x"
	for name, ok := range map[string]bool{
		"null string":    StringOrNull(nil).State() == Null,
		"string":         StringOrNull(&text).Str() == "x",
		"null binary":    Binary(nil).State() == Null,
		"empty binary":   Binary([]byte{}).State() == Present,
		"binary":         base64.StdEncoding.EncodeToString(Binary([]byte("a")).Bytes()) == "YQ==",
		"true":           Bool(true).IsTrue(),
		"false":          !Bool(false).IsTrue() && Bool(false).State() == Present,
		"duration":       Duration(time.Minute).Span() == time.Minute,
		"date":           Date(Never()).Time().IsNever(),
		"items":          len(List(Int(1), Int(2)).Items()) == 2,
		"zero is absent": Value{}.State() == Absent,
	} {
		if !ok {
			t.Errorf("%s is not what it was made of", name)
		}
	}
}
