package awsclient

import (
	"errors"
	"slices"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// HasCode says whether err is, or wraps, an error of AWS with one of the
// codes, such as "Throttling".
func HasCode(err error, codes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode())
}

// HasStatus says whether err is, or wraps, an answer of AWS with one of the
// HTTP statuses.
func HasStatus(err error, statuses ...int) bool {
	var response *awshttp.ResponseError
	return errors.As(err, &response) && slices.Contains(statuses, response.HTTPStatusCode())
}
