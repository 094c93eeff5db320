package pki

import (
	"slices"
	"time"

	"cloudpki/internal/odata"
	"cloudpki/internal/provider"
)

// The steps of a ConnectionTest, in order.
const (
	StepConfiguration     = "configuration"
	StepDNS               = "dns"
	StepTCP               = "tcp"
	StepTLS               = "tls"
	StepClientCertificate = "clientCertificate"
	StepAccount           = "account"
	StepAuthorities       = "authorities"
	StepProfile           = "profile"
	StepInventory         = "inventory"
)

// StepNames are the steps of a ConnectionTest in order.
func StepNames() []string {
	return []string{
		StepConfiguration, StepDNS, StepTCP, StepTLS, StepClientCertificate, StepAccount, StepAuthorities, StepProfile, StepInventory,
	}
}

// StepStatus says how a step went.
type StepStatus int8

// The outcomes of a step.
const (
	StepSkipped       StepStatus = iota // an earlier step failed
	StepSucceeded                       // it went well
	StepFailed                          // it did not; the error says why
	StepNotApplicable                   // this CA has no such thing
)

// A ConnectionTest tells step by step whether a CA can be worked with. None of
// its texts holds a secret.
type ConnectionTest struct {
	Begun time.Time // UTC
	Took  time.Duration
	Steps []Step // all of StepNames, in order
}

// A Step is one part of a ConnectionTest.
type Step struct {
	Name    string
	Status  StepStatus
	Took    time.Duration
	Details []Setting       // what was found, by name: "host", "tlsVersion"
	Fault   *provider.Error // of a failed step
}

// Failed returns the step that failed, or nil.
func (t *ConnectionTest) Failed() *Step {
	i := slices.IndexFunc(t.Steps, func(s Step) bool { return s.Status == StepFailed })
	if i < 0 {
		return nil
	}
	return &t.Steps[i]
}

// step returns the step called name.
func (t *ConnectionTest) step(name string) *Step {
	i := slices.IndexFunc(t.Steps, func(s Step) bool { return s.Name == name })
	return &t.Steps[i]
}

// StepStatusEnum is the enumeration of a step's status.
func StepStatusEnum() *odata.EnumType {
	return &odata.EnumType{Name: "cloudPkiConnectionTestStatus", Members: []odata.Member{
		{Name: "skipped", Value: int64(StepSkipped), Doc: "An earlier step failed."},
		{Name: "succeeded", Value: int64(StepSucceeded)},
		{Name: "failed", Value: int64(StepFailed), Doc: "errorCode and errorMessage say why and what to do."},
		{Name: "notApplicable", Value: int64(StepNotApplicable), Doc: "This CA has no such thing."},
	}}
}

// ConnectionTestType is the complex type that testConnection answers with.
func ConnectionTestType() *odata.ComplexType {
	return &odata.ComplexType{
		Name: "cloudPkiConnectionTest",
		Doc:  "Whether a CA can be worked with, step by step.",
		Properties: []odata.Property{
			{Name: "status", Kind: odata.KindEnum, Enum: StepStatusEnum(), Computed: true, Doc: "failed where a step failed, else succeeded."},
			{Name: "testedDateTime", Kind: odata.KindDateTimeOffset, Computed: true, Doc: "When the test began."},
			{Name: "durationInMilliseconds", Kind: odata.KindInt32, Computed: true, Doc: "How long it took."},
			{Name: "steps", Kind: odata.KindComplex, Complex: connectionTestStepType(), Collection: true, Computed: true, Doc: "The steps in order; what follows a failed one is skipped."},
		},
	}
}

func connectionTestStepType() *odata.ComplexType {
	text := func(name, doc string) odata.Property {
		return odata.Property{Name: name, Kind: odata.KindString, Nullable: true, Computed: true, Doc: doc}
	}
	return &odata.ComplexType{
		Name: "cloudPkiConnectionTestStep",
		Doc:  "One step of a test.",
		Properties: []odata.Property{
			{Name: "name", Kind: odata.KindString, Computed: true, Doc: "configuration, dns, tcp, tls, clientCertificate, account, authorities, profile or inventory."},
			{Name: "status", Kind: odata.KindEnum, Enum: StepStatusEnum(), Computed: true, Doc: "How it went."},
			{Name: "durationInMilliseconds", Kind: odata.KindInt32, Computed: true, Doc: "How long it took."},
			{Name: "details", Kind: odata.KindComplex, Complex: SettingType(), Collection: true, Computed: true, Doc: "What was found, by name."},
			text("errorCode", "Code of the fault, as of a sync."),
			text("errorMessage", "What is wrong and what to do."),
			text("helpUrl", "Address of the page that explains errorCode; null where the step has not failed."),
		},
	}
}

// paramSlot names the parameter of testConnection that chooses the credentials.
const paramSlot = "slot"

// CredentialSlotEnum is the enumeration of what testConnection can test.
func CredentialSlotEnum() *odata.EnumType {
	return &odata.EnumType{Name: "cloudPkiCredentialSlot", Members: []odata.Member{
		{Name: "current", Value: 0, Doc: "The credentials in use."},
		{Name: "staged", Value: 1, Doc: "Those that wait to be promoted."},
	}}
}

// TestConnectionAction is the action testConnection. It takes what an update
// takes, to be tested without being stored.
func TestConnectionAction() odata.Action {
	a := odata.Action{
		Name: "testConnection", Result: &odata.Property{Kind: odata.KindComplex, Complex: ConnectionTestType()},
		Doc: "Tests, step by step, whether the CA can be worked with. The parameters stand for what is stored, for this test alone.",
		Parameters: []odata.Property{
			{Name: paramSlot, Kind: odata.KindEnum, Enum: CredentialSlotEnum(), Nullable: true, Doc: "Which credentials to test; current where it is left out."},
		},
	}
	for _, p := range append(documentedProperties(), connectionProperties()...) {
		if !p.Computed && p.Name != "id" {
			p.Nullable, p.Optional, p.Filter, p.Sort, p.Search, p.Fold = true, false, false, false, false, false
			a.Parameters = append(a.Parameters, p)
		}
	}
	return a
}

// StageCredentialsAction is the action stageCredentials.
func StageCredentialsAction() odata.Action {
	return odata.Action{
		Name: "stageCredentials", Result: &odata.Property{Kind: odata.KindComplex, Complex: ConnectionTestType()},
		Doc:        "Puts credentials beside the current ones and tests them at the CA; members that are left out are those of the current ones.",
		Parameters: []odata.Property{{Name: "credentials", Kind: odata.KindComplex, Complex: CredentialsType(), Doc: "What is to replace the current credentials later."}},
	}
}

// PromoteCredentialsAction is the action promoteCredentials.
func PromoteCredentialsAction() odata.Action {
	return odata.Action{
		Name:       "promoteCredentials",
		Doc:        "Makes the staged credentials the current ones, keeps those to roll back to, and starts a sync.",
		Parameters: []odata.Property{{Name: "force", Kind: odata.KindBoolean, Nullable: true, Doc: "Whether to promote what the CA has not accepted."}},
	}
}

// RollbackCredentialsAction is the action rollbackCredentials.
func RollbackCredentialsAction() odata.Action {
	return odata.Action{Name: "rollbackCredentials", Doc: "Makes the previous credentials the current ones again, and starts a sync."}
}
