package sqs

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/logferry/logferry/pkg/localcloud/inject"
)

// apiError is an error as the service answers it: the name of its shape in
// the JSON protocol, and the code the older query protocol gives it.
type apiError struct {
	shape   string
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func newError(shape, code, format string, args ...any) *apiError {
	return &apiError{"com.amazonaws.sqs#" + shape, code, fmt.Sprintf(format, args...)}
}

func errNoQueue() error {
	return newError("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
}

func errReceipt(receipt string) error {
	return newError("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "The input receipt handle %q is not a valid receipt handle.", receipt)
}

func errParameter(format string, args ...any) error {
	return &apiError{"com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue", fmt.Sprintf(format, args...)}
}

func errNotInFlight(receipt string) error {
	return errParameter("Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", receipt)
}

func errBeyondLimit(timeout time.Duration) error {
	return errParameter("Value %d for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].", int(timeout.Seconds()))
}

// write answers with an error.
func write(w http.ResponseWriter, status int, err error) {
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		e = &apiError{"com.amazon.coral.service#InternalFailure", "InternalFailure", err.Error()}
		status = http.StatusInternalServerError
	}
	fault := "Sender"
	if status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("x-amzn-query-error", e.code+";"+fault)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": e.shape, "message": e.message})
}

// Refuse answers with the error that an injected fault names.
func Refuse(w http.ResponseWriter, f inject.Fault) {
	write(w, f.Status, faultError(f))
}

// faultError is the error of a fault. A Code that is a shape of the service
// is taken for one by SDKs, too.
func faultError(f inject.Fault) *apiError {
	if f.Code == "" {
		f.Code = "InternalFailure"
	}
	return newError(f.Code, f.Code, "%s", f.Message)
}
