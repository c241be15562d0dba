package onaws

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	trailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// Selectors of others stay as they are, whatever their kind.
func TestSelectors(t *testing.T) {
	const name = "logferry-a"
	f := func(have selectors, arns ...string) {
		t.Helper()
		with := have.with(name, arns)
		if with.len() != have.len()+1 || !with.has(name, arns) {
			t.Errorf("got %d selectors, ours among them %t; want one more than %d", with.len(), with.has(name, arns), have.len())
		}
		if have.has(name, arns) {
			t.Error("it was there already")
		}
		rest := with.without(name, arns)
		if !slices.EqualFunc(rest.basic, have.basic, sameBasic) || !slices.EqualFunc(rest.advanced, have.advanced, sameAdvanced) {
			t.Errorf("without ours: got %+v; want %+v", rest, have)
		}
	}
	theirs := selectors{basic: []trailtypes.EventSelector{{
		ReadWriteType: trailtypes.ReadWriteTypeWriteOnly, IncludeManagementEvents: aws.Bool(true),
		DataResources: []trailtypes.DataResource{{Type: aws.String(s3Object), Values: []string{"arn:aws:s3:::orders/"}}},
	}}}
	f(management(), "arn:aws:s3")
	f(theirs, "arn:aws:s3")
	f(theirs, "arn:aws:s3:::orders/")
	f(selectors{advanced: []trailtypes.AdvancedEventSelector{{Name: aws.String("theirs")}}}, "arn:aws:s3:::a/", "arn:aws:s3:::b/")
}

// Of the advanced kind, all objects are selected by no ARN.
func TestAdvanced(t *testing.T) {
	f := func(want int, arns ...string) {
		t.Helper()
		if got := len(advanced("a", arns).FieldSelectors); got != want {
			t.Errorf("%v: got %d fields; want %d", arns, got, want)
		}
	}
	f(2, "arn:aws:s3")
	f(2, "arn:aws:s3:::")
	f(3, "arn:aws:s3:::orders/")
}
