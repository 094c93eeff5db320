package graph

import (
	"encoding/json"

	"cloudpki/internal/odata"
)

// examplesOf returns the examples of a schema: those of the documentation of
// 2016.
func examplesOf(schema string) map[string]example {
	name := schemaOf("cloudPkiSubscription")
	switch schema {
	case name + odata.CreateSuffix:
		return map[string]example{"documented": {Summary: "The documented request.", Value: json.RawMessage(documentedRequest)}}
	case name + odata.CreatedSuffix:
		return map[string]example{"documented": {Summary: "The documented answer.", Value: json.RawMessage(documentedAnswer)}}
	}
	return nil
}

// The documented request and its answer, but for blanks.
const (
	documentedRequest = `{
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

	documentedAnswer = `{
  "@odata.type": "#microsoft.graph.cloudPkiSubscription",
  "id": "ed4ad7e9-d7e9-ed4a-e9d7-4aede9d74aed",
  "cloudPkiProvider": "symantec",
  "createdDateTime": "2017-01-01T00:02:43.5775965-08:00",
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
)
