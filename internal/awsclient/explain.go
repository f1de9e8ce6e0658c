package awsclient

import (
	"errors"
	"fmt"
	"net"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// advice is what to do about an error of AWS, by its code.
var advice = map[string]string{
	"ExpiredToken":                "your credentials have expired: renew them, for example with 'aws sso login'",
	"ExpiredTokenException":       "your credentials have expired: renew them, for example with 'aws sso login'",
	"RequestExpired":              "your credentials have expired or your clock is wrong",
	"InvalidClientTokenId":        "AWS does not know your access key: check AWS_PROFILE",
	"UnrecognizedClientException": "AWS does not know your access key: check AWS_PROFILE",
	"AuthFailure":                 "AWS does not accept your access key: check AWS_PROFILE",
}

// Explain returns err with each error of AWS within it in one line: what was
// asked, what AWS answered, what to do about it and the request id that AWS's
// support asks for. What stands around it stays.
func Explain(err error) error {
	text := ""
	if err != nil {
		text = err.Error()
	}
	explain(err, &text)
	if err == nil || text == err.Error() {
		return err
	}
	return explained{text, err}
}

// explain replaces in text what the errors of AWS within err say.
func explain(err error, text *string) {
	if operation, ok := err.(*smithy.OperationError); ok { //nolint:errorlint // the walk below unwraps
		*text = strings.ReplaceAll(*text, err.Error(), sentence(operation))
		return
	}
	switch wrapper := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }:
		for _, part := range wrapper.Unwrap() {
			explain(part, text)
		}
	case interface{ Unwrap() error }:
		explain(wrapper.Unwrap(), text)
	}
}

func sentence(operation *smithy.OperationError) string {
	what := operation.Service() + " " + operation.Operation()
	var lookup *net.DNSError
	if errors.As(operation, &lookup) {
		return fmt.Sprintf("%s: %s is not known: check the region and the network", what, lookup.Name)
	}
	var api smithy.APIError
	if !errors.As(operation, &api) {
		return fmt.Sprintf("%s: %v", what, innermost(operation))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", what, api.ErrorCode(), strings.TrimSpace(api.ErrorMessage()))
	if help := advice[api.ErrorCode()]; help != "" {
		fmt.Fprintf(&b, "; %s", help)
	}
	var response *awshttp.ResponseError
	if errors.As(operation, &response) && response.ServiceRequestID() != "" {
		fmt.Fprintf(&b, " (request id %s)", response.ServiceRequestID())
	}
	return b.String()
}

type explained struct {
	text string
	err  error
}

func (e explained) Error() string { return e.text }
func (e explained) Unwrap() error { return e.err }
