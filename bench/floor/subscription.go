package main

import "time"

// A subscription has the members of the document, in its order, and paused.
type subscription struct {
	Context       string       `json:"@odata.context,omitzero"`
	Type          string       `json:"@odata.type,omitzero"`
	ID            string       `json:"id"`
	Provider      string       `json:"cloudPkiProvider"`
	Created       time.Time    `json:"createdDateTime"`
	Description   *string      `json:"description"`
	LastModified  time.Time    `json:"lastModifiedDateTime"`
	DisplayName   *string      `json:"displayName"`
	SyncStatus    string       `json:"syncStatus"`
	LastSyncError *string      `json:"lastSyncError"`
	LastSync      time.Time    `json:"lastSyncDateTime"`
	Credentials   *credentials `json:"credentials"`
	TrustedRoot   []byte       `json:"trustedRootCertificate"`
	Version       int32        `json:"version"`
	Paused        *bool        `json:"paused,omitzero"`
}

// credentials carry the secrets only in a create and its answer.
type credentials struct {
	Type                string  `json:"@odata.type,omitzero"`
	UserName            *string `json:"adminUserName"`
	Password            *string `json:"adminPassword"`
	Certificate         *[]byte `json:"authenticationCertificate"`
	CertificatePassword *string `json:"authenticationCertificatePassword"`
}

// A page is the answer to a list.
type page struct {
	Context  string         `json:"@odata.context"`
	NextLink string         `json:"@odata.nextLink,omitzero"`
	Value    []subscription `json:"value"`
}
