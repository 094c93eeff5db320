package clients

import (
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"
)

// fields are the deserializers of a model.
type fields = map[string]func(serialization.ParseNode) error

// A model is a Parsable as Kiota generates them, for reading alone: no generated
// SDK has cloudPkiSubscription.
type model struct{ fields func() fields }

func (m model) GetFieldDeserializers() fields                            { return m.fields() }
func (m model) Serialize(writer serialization.SerializationWriter) error { return nil }

// text reads a string, and leaves "" for null.
func text(into *string) func(serialization.ParseNode) error {
	return func(node serialization.ParseNode) error {
		value, err := node.GetStringValue()
		if value != nil {
			*into = *value
		}
		return err
	}
}

// object reads a member that has a type of its own.
func object(members fields) func(serialization.ParseNode) error {
	return func(node serialization.ParseNode) error {
		_, err := node.GetObjectValue(func(serialization.ParseNode) (serialization.Parsable, error) {
			return model{func() fields { return members }}, nil
		})
		return err
	}
}

// A subscription is a cloudPkiSubscription, as far as the tests look at it.
type subscription struct {
	model
	id, displayName, description string
	version                      int32
	created                      time.Time
}

func newSubscription(serialization.ParseNode) (serialization.Parsable, error) {
	s := &subscription{}
	s.model = model{func() fields {
		return fields{
			"id": text(&s.id), "displayName": text(&s.displayName), "description": text(&s.description),
			"version": func(node serialization.ParseNode) error {
				value, err := node.GetInt32Value()
				if value != nil {
					s.version = *value
				}
				return err
			},
			"createdDateTime": func(node serialization.ParseNode) error {
				value, err := node.GetTimeValue()
				if value != nil {
					s.created = *value
				}
				return err
			},
		}
	}}
	return s, nil
}

// A page is a collection of subscriptions.
type page struct {
	model
	value    []*subscription
	nextLink *string
	count    int64
}

func (p *page) GetValue() []*subscription { return p.value }
func (p *page) GetOdataNextLink() *string { return p.nextLink }

func newPage(serialization.ParseNode) (serialization.Parsable, error) {
	p := &page{}
	p.model = model{func() fields {
		return fields{
			"value": func(node serialization.ParseNode) error {
				values, err := node.GetCollectionOfObjectValues(newSubscription)
				for _, value := range values {
					p.value = append(p.value, value.(*subscription))
				}
				return err
			},
			"@odata.nextLink": func(node serialization.ParseNode) (err error) {
				p.nextLink, err = node.GetStringValue()
				return err
			},
			"@odata.count": func(node serialization.ParseNode) error {
				value, err := node.GetInt64Value()
				if value != nil {
					p.count = *value
				}
				return err
			},
		}
	}}
	return p, nil
}

// An odataError is the error of a generated SDK: typed, down to the date.
type odataError struct {
	abstractions.ApiError
	model
	code, message, requestID, clientRequestID string
	date                                      time.Time
}

func (e *odataError) Error() string { return e.code + ": " + e.message }

func newODataError(serialization.ParseNode) (serialization.Parsable, error) {
	e := &odataError{}
	inner := fields{
		"request-id": text(&e.requestID), "client-request-id": text(&e.clientRequestID),
		"date": func(node serialization.ParseNode) error {
			value, err := node.GetTimeValue()
			if value != nil {
				e.date = *value
			}
			return err
		},
	}
	e.model = model{func() fields {
		return fields{"error": object(fields{
			"code": text(&e.code), "message": text(&e.message), "innerError": object(inner),
		})}
	}}
	return e, nil
}

func errorMappings() abstractions.ErrorMappings {
	return abstractions.ErrorMappings{"4XX": newODataError, "5XX": newODataError}
}
