package probe

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// visible has a receive leave the message visible. The SDK does not send a
// visibility timeout of 0, and the queue's own would count instead.
func visible(o *sqs.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Build.Add(middleware.BuildMiddlewareFunc("StayVisible", stayVisible), middleware.Before)
	})
}

func stayVisible(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
	fail := func(err error) (middleware.BuildOutput, middleware.Metadata, error) {
		return middleware.BuildOutput{}, middleware.Metadata{}, fmt.Errorf("have the message stay visible: %w", err)
	}
	request, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return fail(fmt.Errorf("the request is a %T", in.Request))
	}
	body, err := io.ReadAll(request.GetStream())
	if err != nil {
		return fail(err)
	}
	body = bytes.Replace(body, []byte("{"), []byte(`{"VisibilityTimeout":0,`), 1)
	if in.Request, err = request.SetStream(bytes.NewReader(body)); err != nil {
		return fail(err)
	}
	return next.HandleBuild(ctx, in)
}
