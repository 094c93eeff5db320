package casim

import "encoding/xml"

type statusAnswer struct {
	XMLName  xml.Name `xml:"http://schemas.pki.symantec.com/pkiservices/healthcheck getStatusResponseMessage"`
	Version  string   `xml:"version"`
	ClientTx string   `xml:"clientTransactionID,omitempty"`
	ServerTx string   `xml:"serverTransactionID"`
	Code     string   `xml:"statusCode"`
	Message  string   `xml:"statusMessage"`
}

func (c *CA) getStatus(req *element) (any, error) {
	err := req.sequence(
		rule{name: "version", required: true, check: version("1.0")},
		transactionID(),
		rule{name: "operationType", required: true, check: oneOf("ENROLL")},
		rule{name: "profileOid"},
	)
	if err != nil {
		return nil, err
	}
	return statusAnswer{Version: "1.0", ClientTx: req.value("clientTransactionID"), ServerTx: serverTransactionID(), Code: "UP", Message: "Service is up"}, nil
}
