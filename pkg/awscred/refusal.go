package awscred

import (
	"errors"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// StatusOf returns the HTTP status with which a service has refused a call, 0
// when it was not the service that refused: then the role could not be assumed,
// or no answer came.
func StatusOf(err error) int {
	if _, ok := errors.AsType[*RoleError](err); ok {
		return 0
	}
	if e, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}
